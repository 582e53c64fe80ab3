import type { Json } from "../events/record.ts";

export interface KvEntry {
  readonly key: string;
  readonly value: Json;
  /** Grows with each change of the store; never used twice for a key. */
  readonly revision: number;
}

/** Small shared state. Keys are dotted tokens: `fleet.worker-1`. */
export interface Kv {
  get(key: string): Promise<KvEntry | undefined>;
  /**
   * Writes when the key's revision is `expect` (0: it must not exist); without `expect` always.
   * Returns the new revision. Throws `kv.conflict`.
   */
  put(key: string, value: Json, expect?: number): Promise<number>;
  delete(key: string, expect?: number): Promise<void>;
  /** Keys that begin with `prefix`, sorted. */
  keys(prefix: string): Promise<readonly string[]>;
}
