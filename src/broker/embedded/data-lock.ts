import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AppError } from "../../base/errors.ts";
import { toDataError } from "./data-error.ts";

/**
 * One owner process per data folder (L1). Node has no `flock`, but the SQLite it carries takes the
 * kernel's own file locks on Linux, macOS and Windows: an exclusive transaction that never ends is
 * a lock that dies with its process, `kill -9` included, with no stale state to take over and no
 * race between two who try. A pid in a file would need both, and means nothing across containers
 * that share a folder.
 * Invariant: nothing else in this process opens `owner.lock`; closing any other descriptor of a
 * file drops the POSIX locks that the process has on it.
 */
export class DataLock implements Disposable {
  readonly #database: DatabaseSync;
  readonly #pidFile: string;

  constructor(dataDir: string) {
    this.#pidFile = join(dataDir, PID_FILE);
    try {
      this.#database = new DatabaseSync(join(dataDir, "owner.lock"), { timeout: 0 });
    } catch (error) {
      throw toDataError(error, `${dataDir} cannot be locked`);
    }
    try {
      // The journal in memory: nothing is ever stored, so nothing may lie about in the folder.
      this.#database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      writeFileSync(this.#pidFile, `${process.pid}\n`);
    } catch (error) {
      this.#database.close();
      if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY)
        throw toDataError(error, `${dataDir} cannot be locked`);
      const pid = this.#readPid();
      const who = pid === undefined ? "another process" : `process ${pid}`;
      throw new AppError("data.locked", `${dataDir} is in use by ${who}`, {
        detail: { dataDir, pid },
      });
    }
  }

  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    rmSync(this.#pidFile, { force: true });
    this.#database.close();
  }

  /** Only for the message: an owner that has just taken the lock may not have written it yet. */
  #readPid(): number | undefined {
    const { pid } = readHolder(this.#pidFile);
    try {
      if (pid !== undefined) process.kill(pid, 0);
      return pid;
    } catch (error) {
      // Signalling a process of another user is refused, but it is alive.
      return (error as { code?: unknown }).code === "EPERM" ? pid : undefined;
    }
  }
}

const SQLITE_BUSY = 5;
const PID_FILE = "owner.pid";

export interface LockHolder {
  readonly pid: number | undefined;
  /** Where it serves HTTP, if it does. */
  readonly url: string | undefined;
}

/**
 * Who owns the folder now, or undefined. Writes nothing. An owner that was killed leaves its pid
 * behind but not its lock, so the file is believed only while the lock is held.
 */
export function lockHolder(dataDir: string): LockHolder | undefined {
  const pidFile = join(dataDir, PID_FILE);
  if (!existsSync(pidFile)) return undefined;
  try {
    const options = { readOnly: true, timeout: 0 };
    using database = new DatabaseSync(join(dataDir, "owner.lock"), options);
    database.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    return undefined;
  } catch (error) {
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY)
      throw toDataError(error, `the owner of ${dataDir} cannot be found out`);
  }
  return readHolder(pidFile);
}

/** Says where the owner of the folder, who calls this, can be reached. Error `data.failed`. */
export function tellUrl(dataDir: string, url: string): void {
  try {
    writeFileSync(join(dataDir, PID_FILE), `${process.pid}\n${url}\n`);
  } catch (error) {
    throw toDataError(error, `${dataDir} cannot be written`);
  }
}

function readHolder(pidFile: string): LockHolder {
  try {
    const [first = "", url = ""] = readFileSync(pidFile, "utf8").split("\n");
    const pid = Number.parseInt(first, 10);
    return { pid: Number.isNaN(pid) ? undefined : pid, url: url === "" ? undefined : url };
  } catch {
    return { pid: undefined, url: undefined };
  }
}
