import { hash } from "node:crypto";
import { codeOf } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import type { CallRef } from "../../events/record.ts";
import { refKey } from "../append-rule.ts";
import type { NatsKv } from "./nats-kv.ts";

/** 128 bits that seal the texts of one call. */
export interface TextKey {
  /** Tells which key a text was sealed with; says nothing about it. */
  readonly id: string;
  readonly bytes: Buffer;
}

const REMEMBERED_MAX = 1_024;

/**
 * One key per call, in a bucket of its own. To erase a call's text is to delete its key (L8): the
 * log keeps its bytes, and nobody can read the sealed ones any more.
 */
export class TextKeys {
  readonly #kv: NatsKv;
  readonly #ids: Ids;
  readonly #known = new Map<string, TextKey>();

  constructor(kv: NatsKv, ids: Ids) {
    this.#kv = kv;
    this.#ids = ids;
  }

  /** The key to write with, made where there is none. */
  async forWriting(ref: CallRef): Promise<TextKey> {
    const known = this.#known.get(refKey(ref)) ?? (await this.find(ref));
    if (known) return known;
    try {
      const text = this.#ids.salt();
      await this.#kv.put(keyOf(ref), text, 0);
      return this.#remember(ref, text);
    } catch (error) {
      if (codeOf(error) !== "kv.conflict") throw error;
      return this.forWriting(ref);
    }
  }

  /** The key as it stands on the server: another process may have erased it. */
  async find(ref: CallRef): Promise<TextKey | undefined> {
    const entry = await this.#kv.get(keyOf(ref));
    if (entry) return this.#remember(ref, entry.value as string);
    this.#known.delete(refKey(ref));
    return undefined;
  }

  async erase(ref: CallRef): Promise<void> {
    this.#known.delete(refKey(ref));
    await this.#kv.delete(keyOf(ref));
  }

  #remember(ref: CallRef, text: string): TextKey {
    const key = { id: hash("sha256", text, "hex").slice(0, 12), bytes: toBytes(text) };
    this.#known.set(refKey(ref), key);
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete([...this.#known.keys()][0]!);
    return key;
  }
}

/** 16 random bytes in base64url, as `Ids.salt` gives them. */
function toBytes(text: string): Buffer {
  return Buffer.from(text, "base64url").subarray(0, 16);
}

function keyOf({ tenant, call }: CallRef): string {
  return `${tenant}.${call}`;
}
