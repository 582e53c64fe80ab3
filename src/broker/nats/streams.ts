import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type StoredMsg,
  type StreamInfo,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { headers, nanos } from "@nats-io/transport-node";
import type { Clock } from "../../base/clock.ts";
import type { Connection } from "./connection.ts";
import { apiCode, isRefusal, NOT_FOUND, throwFinal, unavailable } from "./nats-error.ts";
import { Patience } from "./patience.ts";

/** Whose write it was: what an unanswered writer looks for at the tail. */
export const ID_HEADER = "Turnfold-Id";
/** How long one request waits for its answer. */
const ANSWER_MS = 500;
const FETCH_MAX = 500;
const FETCH_MS = 1_000;
/** A reader that died leaves its consumer behind for so long. */
const CONSUMER_IDLE_MS = 5_000;

export interface Write {
  readonly stream: string;
  readonly subject: string;
  readonly data: Uint8Array | string;
  /** Unique to this write: tells it from another writer's. */
  readonly id: string;
  /** Stream sequence of the subject's last message, 0 for none. Without it: written in any case. */
  readonly expect?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Nothing of this subject is ever removed: an older message than expected is a stale answer. */
  readonly lasting?: boolean;
}

/** A message as it stands in a stream. */
export interface Stored {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
  /** The value of a header, "" where it is not there. */
  header(name: string): string;
}

interface Filter {
  readonly stream: string;
  readonly subject: string;
  /** Stream sequence of the last message wanted. Without it: the newest of each subject. */
  readonly until?: number;
  /** Only what stands behind this sequence. */
  readonly after?: number;
}

/** How far a reading has come. */
interface Place {
  /** Stream sequence of the last message that came. */
  after: number;
  done: boolean;
}

export interface StreamsOptions {
  readonly clock: Clock;
  /** How long an operation that gets no answer is tried again. */
  readonly patienceMs: number;
}

/**
 * Reading and writing streams so that the fate of each write is known (L2). Every write is
 * compare-and-set and carries an id; without an answer, or with a conflict that may be the echo of
 * its own first try, the subject's last message is read from the leader: it is this write, or the
 * place is still free and it is sent again, or another was first. Never `direct` reads, which a
 * replica may answer; never `Nats-Expected-Last-Msg-Id`, which wedges replicated streams of
 * 2.14 and 2.15 for good.
 */
export class Streams {
  readonly jsm: JetStreamManager;
  readonly #connection: Connection;
  readonly #options: StreamsOptions;

  private constructor(connection: Connection, jsm: JetStreamManager, options: StreamsOptions) {
    this.#connection = connection;
    this.jsm = jsm;
    this.#options = options;
  }

  static async open(connection: Connection, options: StreamsOptions): Promise<Streams> {
    const jsm = await jetstreamManager(connection.nc, { timeout: ANSWER_MS, checkAPI: false });
    return new Streams(connection, jsm, options);
  }

  /** The message's stream sequence, or `conflict` where another write was first. */
  async write(write: Write): Promise<number | "conflict"> {
    const patience = this.#patience();
    for (;;) {
      try {
        return await this.#publish(write);
      } catch (error) {
        throwFinal(error);
      }
      const fate = await this.#fateOf(write, patience);
      if (fate !== undefined) return fate;
      if (!(await patience.pause())) throw unavailable(`no answer to a write on ${write.subject}`);
    }
  }

  /** The subject's newest message as the leader has it. */
  async last(stream: string, subject: string, patience?: Patience): Promise<Stored | undefined> {
    const query = { last_by_subj: subject };
    const found = await this.ask(() => this.jsm.streams.getMessage(stream, query), patience);
    return found ? toStored(found) : undefined;
  }

  /** Subjects that hold a message, as the leader has them. */
  async subjects(stream: string, filter: string): Promise<readonly string[]> {
    const query = { subjects_filter: filter };
    const info = await this.ask(() => this.jsm.streams.info(stream, query));
    return Object.keys(info.state.subjects ?? {});
  }

  /**
   * The newest message of every subject. They are read through a consumer, whose replica may lag;
   * what it did not have, the leader is asked for.
   */
  async newest(stream: string, filter: string): Promise<readonly Stored[]> {
    const subjects = await this.subjects(stream, filter);
    if (subjects.length === 0) return [];
    const found = new Map<string, Stored>();
    for await (const message of this.messages({ stream, subject: filter }))
      found.set(message.subject, message);
    for (const subject of subjects) {
      const missed = found.has(subject) ? undefined : await this.last(stream, subject);
      if (missed) found.set(subject, missed);
    }
    return [...found.values()];
  }

  /** Undefined where there is none of this name. */
  async find(stream: string): Promise<StreamInfo | undefined> {
    try {
      return await this.ask(() => this.jsm.streams.info(stream));
    } catch (error) {
      if (apiCode(error) === NOT_FOUND.stream) return undefined;
      throw error;
    }
  }

  /** Asks again until there is an answer, as long as that is not one to give up at. */
  async ask<T>(question: () => Promise<T>, patience = this.#patience()): Promise<T> {
    for (;;) {
      try {
        return await this.#connection.whileUp(question());
      } catch (error) {
        if (isRefusal(error)) throw error;
        throwFinal(error);
        if (!(await patience.pause())) throw unavailable("no answer", error);
      }
    }
  }

  /**
   * Messages in stream order. Our own loop over short fetches: the client's ordered consumer is
   * blind for 45 s after the server was killed. A consumer that is gone is made anew behind the
   * last message that came, so none is missed and none comes twice.
   */
  async *messages(filter: Filter): AsyncGenerator<Stored> {
    const place = { after: filter.after ?? 0, done: false };
    let patience = this.#patience();
    for (;;) {
      try {
        for await (const message of this.#goOn(filter, place)) {
          patience = this.#patience();
          yield message;
        }
        if (place.done) return;
      } catch (error) {
        if (apiCode(error) === NOT_FOUND.stream) throw error;
        throwFinal(error);
      }
      if (!(await patience.pause())) throw unavailable("a reading broke off");
    }
  }

  /** Messages behind the place, which moves with them; ends too where nothing comes any more. */
  async *#goOn(filter: Filter, place: Place): AsyncGenerator<Stored> {
    const consumer = await this.#openConsumer(filter, place.after);
    place.done = consumer.pending === 0 && filter.until === undefined;
    if (place.done) return;
    try {
      for await (const message of this.#fetchAll(filter.stream, consumer.name)) {
        if (message.seq <= place.after) continue;
        place.after = message.seq;
        const { until } = filter;
        place.done = until === undefined ? message.info.pending === 0 : message.seq >= until;
        yield toStored(message);
        if (place.done) return;
      }
    } finally {
      void this.#closeConsumer(filter.stream, consumer.name);
    }
  }

  async #openConsumer(filter: Filter, after: number): Promise<{ name: string; pending: number }> {
    const { stream, subject, until } = filter;
    const start =
      until === undefined
        ? { deliver_policy: DeliverPolicy.LastPerSubject }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 };
    const info = await this.jsm.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      filter_subject: subject,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(CONSUMER_IDLE_MS),
      ...start,
    });
    return { name: info.name, pending: info.num_pending };
  }

  /** Ends after a fetch that brought nothing, for then the consumer may be gone. */
  async *#fetchAll(stream: string, name: string): AsyncGenerator<JsMsg> {
    const consumer = await this.#js().consumers.get(stream, name);
    for (;;) {
      const batch = await consumer.fetch({
        max_messages: FETCH_MAX,
        expires: FETCH_MS,
        idle_heartbeat: FETCH_MS / 2,
      });
      let came = 0;
      for await (const message of batch) {
        came++;
        yield message;
      }
      if (came === 0) return;
    }
  }

  async #closeConsumer(stream: string, name: string): Promise<void> {
    await this.jsm.consumers.delete(stream, name).catch(() => undefined);
  }

  async #publish({ subject, data, id, expect, headers: more }: Write): Promise<number> {
    const answer = this.#js().publish(subject, data, {
      headers: headersOf(id, more),
      timeout: ANSWER_MS,
      retries: 1,
      expect: expect === undefined ? {} : { lastSubjectSequence: expect },
    });
    return (await this.#connection.whileUp(answer)).seq;
  }

  /** It stands there, another stands there, or (undefined) the place is still free. */
  async #fateOf(write: Write, patience: Patience): Promise<number | "conflict" | undefined> {
    if (write.expect === undefined) return undefined;
    const last = await this.last(write.stream, write.subject, patience);
    if (last?.header(ID_HEADER) === write.id) return last.seq;
    const seq = last?.seq ?? 0;
    const isStale = write.lasting === true && seq < write.expect;
    return seq === write.expect || isStale ? undefined : "conflict";
  }

  #js(): JetStreamClient {
    return jetstream(this.#connection.nc, { timeout: ANSWER_MS });
  }

  #patience(): Patience {
    return new Patience(this.#options.clock, this.#options.patienceMs);
  }
}

function toStored(message: JsMsg | StoredMsg): Stored {
  const { subject, seq, data } = message;
  const all = "header" in message ? message.header : message.headers;
  return { subject, seq, data, header: (name) => all?.get(name) ?? "" };
}

function headersOf(id: string, more: Readonly<Record<string, string>> = {}) {
  const all = headers();
  all.set(ID_HEADER, id);
  for (const [key, value] of Object.entries(more)) all.set(key, value);
  return all;
}
