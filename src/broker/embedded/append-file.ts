import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../base/errors.ts";
import { toDataError } from "./data-error.ts";
import type { SyncQueue, SyncTarget } from "./sync-queue.ts";

export interface Durability {
  readonly syncs: SyncQueue;
  /** Sync before the append returns, instead of behind it. */
  readonly fsyncBeforeAck: boolean;
}

/**
 * A file of lines that only grows. Invariant: it ends after a whole append, or after what a crash
 * left; a write that the disk cut short is taken back.
 */
export class AppendFile implements SyncTarget {
  readonly path: string;
  readonly #durability: Durability;
  #fd: number;
  #size: number;

  /** `keepBytes` cuts off what a crash left behind it. */
  constructor(path: string, durability: Durability, keepBytes?: number) {
    this.path = path;
    this.#durability = durability;
    try {
      this.#fd = openSync(path, "a");
      this.#size = fstatSync(this.#fd).size;
      if (this.#size === 0) durability.syncs.markFolder(dirname(path));
      if (keepBytes !== undefined && keepBytes < this.#size) this.#cutTo(keepBytes);
    } catch (error) {
      throw toDataError(error, `${path} cannot be opened for writing`);
    }
  }

  get fd(): number {
    return this.#fd;
  }

  append(text: string): void {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      // A single write in all but the rarest case: a full disk or a signal may cut it short.
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
      if (this.#durability.fsyncBeforeAck) this.#durability.syncs.syncNow(this);
      else this.#durability.syncs.mark(this);
    } catch (error) {
      this.#takeBack();
      throw new AppError("log.unknown", `${this.path} could not be written: ${String(error)}`, {
        cause: error,
      });
    }
    this.#size += bytes.length;
  }

  /** Always synced before it is closed, which the sync queue relies on. */
  close(): void {
    if (this.#fd < 0) return;
    try {
      this.#durability.syncs.syncNow(this);
    } finally {
      closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  #cutTo(sizeBytes: number): void {
    ftruncateSync(this.#fd, sizeBytes);
    this.#size = sizeBytes;
  }

  #takeBack(): void {
    try {
      this.#cutTo(this.#size);
    } catch {
      // The disk does not answer at all; the error of the write itself is the one to tell.
    }
  }
}
