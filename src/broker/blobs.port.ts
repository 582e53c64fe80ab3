/** Things too large for a record, addressed by the SHA-256 of their bytes (lower-case hex). */
export interface Blobs {
  /** Stores and returns the digest; storing the same bytes again is free. */
  put(bytes: Uint8Array): Promise<string>;
  /** The bytes, checked against the digest. Throws `blob.notFound`, `log.damaged`. */
  get(digest: string): Promise<Uint8Array>;
}
