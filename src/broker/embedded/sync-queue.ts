import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  open,
  openSync,
} from "node:fs";
import type { Logger } from "../../base/logger.ts";

/** How long written lines may wait for the disk; a crash of the process loses none of them. */
const SYNC_AFTER_MS = 20;

/** Windows has no way to sync a folder, and refuses to open one. */
const HAS_FOLDER_SYNC = process.platform !== "win32";

/** An open file; `fd` is -1 once it was closed. */
export interface SyncTarget {
  readonly fd: number;
}

/**
 * Brings files, and the names of new ones, to the disk behind the acknowledgement: one `fdatasync`
 * per file and period however many appends came. The timer is the machine's, not the injected
 * clock, and never keeps the process alive: it concerns the hardware, not the call.
 */
export class SyncQueue {
  readonly #logger: Logger;
  readonly #files = new Set<SyncTarget>();
  readonly #folders = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  mark(file: SyncTarget): void {
    this.#files.add(file);
    this.#arm();
  }

  /** A name was made in this folder. */
  markFolder(folder: string): void {
    if (!HAS_FOLDER_SYNC) return;
    this.#folders.add(folder);
    this.#arm();
  }

  /** At once, before a file is closed or where an append must be on disk to be acknowledged. */
  syncNow(file: SyncTarget): void {
    this.#files.delete(file);
    if (file.fd >= 0) fdatasyncSync(file.fd);
    this.#syncFolders();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const file of this.#files) this.syncNow(file);
    this.#syncFolders();
  }

  #syncFolders(): void {
    const folders = [...this.#folders];
    this.#folders.clear();
    for (const folder of folders) syncFolder(folder);
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.#flush(), SYNC_AFTER_MS).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    const files = [...this.#files];
    const folders = [...this.#folders];
    this.#files.clear();
    this.#folders.clear();
    // A file is synced before it is closed, so one that is closed by now needs nothing more.
    for (const { fd } of files) if (fd >= 0) fdatasync(fd, (error) => this.#report(error));
    for (const folder of folders)
      open(folder, "r", (failed, fd) => {
        if (failed) return this.#report(failed);
        fsync(fd, (error) => {
          this.#report(error);
          close(fd);
        });
      });
  }

  #report(error: NodeJS.ErrnoException | null): void {
    if (!error || error.code === "EBADF" || error.code === "ENOENT") return;
    this.#logger.log("error", "the disk refused a sync", { error: error.message });
  }
}

/** Makes a renamed file's name durable. */
export function syncFolder(folder: string): void {
  if (!HAS_FOLDER_SYNC) return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
