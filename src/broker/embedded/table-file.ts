import { readFileSync } from "node:fs";
import { AppError } from "../../base/errors.ts";
import { type Change, Table } from "../table.ts";
import { AppendFile, type Durability } from "./append-file.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { isMissing, readOnlyError, toDataError } from "./data-error.ts";

/** Lines that a journal may hold beyond twice its rows before it is written anew. */
const SLACK_LINES = 1_000;

export interface TableWriting {
  readonly durability: Durability;
  readonly files: AtomicFiles;
}

/**
 * A table kept in a file of JSON lines, one per change, compacted when most of them are history. A
 * last line cut short by a crash was never acknowledged and is left out; a bad line before others
 * is damage. Without `writing` the file is read as it is and every change is refused.
 */
export class TableFile implements Disposable {
  readonly table: Table;
  readonly #path: string;
  readonly #writing: TableWriting | undefined;
  #file: AppendFile | undefined;
  #lines = 0;

  constructor(path: string, writing?: TableWriting) {
    this.#path = path;
    this.#writing = writing;
    this.table = new Table((change) => this.#save(change));
    const keepBytes = this.#load();
    if (writing) this.#file = new AppendFile(path, writing.durability, keepBytes);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }

  #save(change: Change): void {
    if (!this.#file) throw readOnlyError();
    const full = this.#lines > 2 * this.table.size + SLACK_LINES;
    const file = full ? this.#compact(this.#file) : this.#file;
    file.append(`${JSON.stringify(change)}\n`);
    this.#lines++;
  }

  /** Fills the table; returns how many bytes of the file are good. */
  #load(): number {
    const text = this.#readText();
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const change = parseChange(text.slice(start, end));
      if (!change && end + 1 === text.length) break;
      this.#lines++;
      if (!change)
        throw new AppError("log.damaged", `${this.#path}, line ${this.#lines}, is no change`, {
          detail: { file: this.#path, line: this.#lines },
        });
      this.table.apply(change);
      start = end + 1;
    }
    return Buffer.byteLength(text.slice(0, start));
  }

  #readText(): string {
    try {
      return readFileSync(this.#path, "utf8");
    } catch (error) {
      if (isMissing(error)) return "";
      throw toDataError(error, `${this.#path} cannot be read`);
    }
  }

  #compact(old: AppendFile): AppendFile {
    const { durability, files } = this.#writing!;
    const lines = [...this.table.changes()].map((change) => `${JSON.stringify(change)}\n`);
    // Closed first, for Windows replaces no open file; open again whatever comes of it.
    old.close();
    try {
      files.writeSync(this.#path, lines.join(""));
      this.#lines = lines.length;
    } finally {
      this.#file = new AppendFile(this.#path, durability);
    }
    return this.#file;
  }
}

function parseChange(line: string): Change | undefined {
  try {
    const change = JSON.parse(line) as Partial<Change> | null;
    return typeof change?.revision === "number" ? (change as Change) : undefined;
  } catch {
    return undefined;
  }
}
