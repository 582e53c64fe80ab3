import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "./sync-queue.ts";

/**
 * Whole files, or none: written beside, synced, renamed. What a crash leaves half written lies in
 * one folder of the data folder, which the next owner empties; its name can be no tenant's.
 */
export class AtomicFiles {
  readonly #temp: string;
  #count = 0;

  constructor(dataDir: string) {
    this.#temp = join(dataDir, ".temp");
    rmSync(this.#temp, { recursive: true, force: true });
    mkdirSync(this.#temp);
  }

  /** Chunks may be read from the very file that is replaced. */
  async write(
    path: string,
    chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  ): Promise<void> {
    const temp = this.#next();
    try {
      const file = await open(temp, "wx");
      try {
        for await (const chunk of chunks) await file.writeFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
      mkdirSync(dirname(path), { recursive: true });
      await rename(temp, path);
      syncFolder(dirname(path));
    } catch (error) {
      await rm(temp, { force: true });
      throw error;
    }
  }

  /** For a small file that the caller cannot wait for. */
  writeSync(path: string, text: string): void {
    const temp = this.#next();
    const fd = openSync(temp, "wx");
    try {
      const bytes = Buffer.from(text);
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temp, path);
    syncFolder(dirname(path));
  }

  #next(): string {
    return join(this.#temp, String(this.#count++));
  }
}
