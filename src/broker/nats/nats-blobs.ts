import type { BlobStore } from "../local-blobs.ts";
import type { Bucket } from "./layout.ts";
import type { Streams } from "./streams.ts";

const CHUNK_BYTES = 128 * 1024;

/**
 * Bytes in chunks of one message each; the chunk count comes last, so what can be found is whole.
 * All is named by the digest of the bytes: whoever writes the same again writes the same.
 */
export class NatsBlobs implements BlobStore {
  readonly #streams: Streams;
  readonly #bucket: Bucket;

  constructor(streams: Streams, bucket: Bucket) {
    this.#streams = streams;
    this.#bucket = bucket;
  }

  async has(digest: string): Promise<boolean> {
    return (await this.#count(digest)) !== undefined;
  }

  async write(digest: string, bytes: Uint8Array): Promise<void> {
    const count = Math.ceil(bytes.length / CHUNK_BYTES);
    for (let i = 0; i < count; i++) {
      const chunk = bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
      await this.#write(digest, `${digest}.${i}`, chunk);
    }
    await this.#write(digest, digest, String(count));
  }

  async read(digest: string): Promise<Uint8Array | undefined> {
    const count = await this.#count(digest);
    if (count === undefined) return undefined;
    const chunks = Array.from({ length: count }, async (_, i) => {
      const chunk = await this.#last(`${digest}.${i}`);
      return chunk?.data ?? new Uint8Array();
    });
    return Buffer.concat(await Promise.all(chunks));
  }

  async #count(digest: string): Promise<number | undefined> {
    const stored = await this.#last(digest);
    return stored && Number(new TextDecoder().decode(stored.data));
  }

  #last(key: string) {
    return this.#streams.last(this.#bucket.stream, this.#bucket.subject(key));
  }

  async #write(id: string, key: string, data: Uint8Array | string): Promise<void> {
    const { stream, subject } = this.#bucket;
    await this.#streams.write({ stream, subject: subject(key), data, id });
  }
}
