import { codeOf } from "../../base/errors.ts";
import type { Json } from "../../events/record.ts";
import { checkStreamKey, encodeItem, streamConflict, streamUnknown } from "../stream-rule.ts";
import type { Stream, StreamEntry, StreamItem, StreamKey } from "../stream.port.ts";
import type { GrowingPlace } from "./layout.ts";
import { toBrokerError } from "./nats-error.ts";
import { ID_HEADER, type Streams } from "./streams.ts";

/**
 * The streams of all tenants in one of JetStream, a subject per key. S1 is compare-and-set on the
 * subject's last sequence; what an unanswered append came to is read from the leader by its id.
 */
export class NatsStream implements Stream {
  readonly #streams: Streams;
  readonly #place: GrowingPlace;

  constructor(streams: Streams, place: GrowingPlace) {
    this.#streams = streams;
    this.#place = place;
  }

  async append(key: StreamKey, expect: number, item: StreamItem): Promise<number> {
    checkStreamKey(key);
    const data = encodeItem(item.value);
    try {
      const written = await this.#streams.write({
        ...this.#at(key),
        data,
        id: item.id,
        expect,
      });
      if (written === "conflict") throw streamConflict(key, expect);
      return written;
    } catch (error) {
      throw codeOf(error) === "broker.unavailable" ? streamUnknown(key, error) : error;
    }
  }

  async *read(key: StreamKey, after = 0): AsyncGenerator<StreamEntry> {
    const until = await this.tail(key);
    if (until <= after) return;
    for await (const stored of this.#streams.messages({ ...this.#at(key), after, until })) {
      const value = JSON.parse(new TextDecoder().decode(stored.data)) as Json;
      const of = this.#place.keyOf(stored.subject);
      yield { key: of, position: stored.seq, id: stored.header(ID_HEADER), value };
    }
  }

  async tail(key: StreamKey): Promise<number> {
    checkStreamKey(key);
    const { stream, subject } = this.#at(key);
    try {
      return (await this.#streams.last(stream, subject))?.seq ?? 0;
    } catch (error) {
      throw toBrokerError(error);
    }
  }

  #at(key: StreamKey): { stream: string; subject: string } {
    return { stream: this.#place.stream, subject: this.#place.subjectOf(key) };
  }
}
