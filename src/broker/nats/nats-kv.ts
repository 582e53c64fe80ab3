import { AppError } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import type { Json } from "../../events/record.ts";
import { checkKey } from "../kv-key.ts";
import type { Kv, KvEntry } from "../kv.port.ts";
import type { Bucket } from "./layout.ts";
import { isGone, toBrokerError } from "./nats-error.ts";
import type { Stored, Streams } from "./streams.ts";

/**
 * A key-value bucket. Its own few lines instead of the client's package, which cannot tell what
 * became of an unanswered write. The revision of a key is its message's stream sequence.
 */
export class NatsKv implements Kv {
  readonly #streams: Streams;
  readonly #bucket: Bucket;
  readonly #ids: Ids;

  constructor(streams: Streams, bucket: Bucket, ids: Ids) {
    this.#streams = streams;
    this.#bucket = bucket;
    this.#ids = ids;
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const stored = await this.#last(key);
    return stored && { key, value: parse(stored), revision: stored.seq };
  }

  async put(key: string, value: Json, expect?: number): Promise<number> {
    checkKey(key);
    for (;;) {
      const revision = expect ?? (await this.#last(key))?.seq ?? 0;
      const written = await this.#streams.write({
        stream: this.#bucket.stream,
        subject: this.#bucket.subject(key),
        data: JSON.stringify(value),
        id: this.#ids.salt(),
        expect: revision,
      });
      if (written !== "conflict") return written;
      if (expect !== undefined) throw conflict(key, expect);
    }
  }

  /** By sequence: a newer value than the one that was seen is not touched. */
  async delete(key: string, expect?: number): Promise<void> {
    checkKey(key);
    for (let tries = 0; ; tries++) {
      const stored = await this.#last(key);
      // Gone after a try without an answer: that one did it.
      if (!stored && tries > 0) return;
      if (expect !== undefined && (stored?.seq ?? 0) !== expect) throw conflict(key, expect);
      if (!stored || (await this.#deleteSeq(stored.seq))) return;
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const root = this.#bucket.subject("");
    // Whole tokens are for the server, the rest of the last one for us.
    const whole = prefix.slice(0, prefix.lastIndexOf(".") + 1);
    const found = await this.#streams.subjects(
      this.#bucket.stream,
      this.#bucket.subject(`${whole}>`),
    );
    return found
      .map((subject) => subject.slice(root.length))
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  async #last(key: string): Promise<Stored | undefined> {
    checkKey(key);
    const stored = await this.#streams.last(this.#bucket.stream, this.#bucket.subject(key));
    // Another client of the bucket marks a deletion so.
    return stored && stored.header("KV-Operation") === "" ? stored : undefined;
  }

  /** False where it was no longer there: a newer value has come, or it is gone. */
  async #deleteSeq(seq: number): Promise<boolean> {
    const { jsm } = this.#streams;
    const question = async (): Promise<boolean> => {
      try {
        return await jsm.streams.deleteMessage(this.#bucket.stream, seq);
      } catch (error) {
        if (isGone(error)) return false;
        throw error;
      }
    };
    try {
      return await this.#streams.ask(question);
    } catch (error) {
      throw toBrokerError(error);
    }
  }
}

function parse(stored: Stored): Json {
  return JSON.parse(new TextDecoder().decode(stored.data)) as Json;
}

function conflict(key: string, expect: number): AppError {
  return new AppError("kv.conflict", `${key} is not at revision ${expect}`, {
    detail: { key, expect },
  });
}
