import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore } from "../local-blobs.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { isMissing, readOnlyError, toDataError } from "./data-error.ts";

/** Blobs as files by digest, in folders by its first two digits. */
export class FileBlobs implements BlobStore {
  readonly #folder: string;
  readonly #files: AtomicFiles | undefined;

  /** Without `files` nothing can be written. */
  constructor(folder: string, files?: AtomicFiles) {
    this.#folder = folder;
    this.#files = files;
  }

  async has(digest: string): Promise<boolean> {
    try {
      return (await stat(this.#path(digest))).isFile();
    } catch (error) {
      if (isMissing(error)) return false;
      throw toDataError(error, `blob ${digest} cannot be read`);
    }
  }

  async write(digest: string, bytes: Uint8Array): Promise<void> {
    if (!this.#files) throw readOnlyError();
    try {
      await this.#files.write(this.#path(digest), [bytes]);
    } catch (error) {
      throw toDataError(error, `blob ${digest} cannot be written`);
    }
  }

  async read(digest: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(digest));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw toDataError(error, `blob ${digest} cannot be read`);
    }
  }

  #path(digest: string): string {
    return join(this.#folder, digest.slice(0, 2), digest);
  }
}
