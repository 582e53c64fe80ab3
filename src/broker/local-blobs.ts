import { hash } from "node:crypto";
import { AppError } from "../base/errors.ts";
import type { Blobs } from "./blobs.port.ts";

/** Where `LocalBlobs` keeps bytes by digest. */
export interface BlobStore {
  has(digest: string): Promise<boolean>;
  /** The whole bytes are there under their digest, or nothing is. */
  write(digest: string, bytes: Uint8Array): Promise<void>;
  read(digest: string): Promise<Uint8Array | undefined>;
}

/** Digests are made and checked here, whatever keeps the bytes. */
export class LocalBlobs implements Blobs {
  readonly #store: BlobStore;

  constructor(store: BlobStore) {
    this.#store = store;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const digest = hash("sha256", bytes, "hex");
    if (!(await this.#store.has(digest))) await this.#store.write(digest, bytes);
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    // A digest comes from outside: anything else must not reach a file path.
    const bytes = /^[0-9a-f]{64}$/.test(digest) ? await this.#store.read(digest) : undefined;
    if (!bytes)
      throw new AppError("blob.notFound", `there is no blob ${digest}`, { detail: { digest } });
    if (hash("sha256", bytes, "hex") !== digest)
      throw new AppError("log.damaged", `blob ${digest} does not match its digest`, {
        detail: { digest },
      });
    return bytes;
  }
}
