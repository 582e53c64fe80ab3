import type { Msg } from "@nats-io/transport-node";
import { nanos } from "@nats-io/transport-node";
import { type Clock, sleep } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import type { Logger } from "../../base/logger.ts";
import type { Json } from "../../events/record.ts";
import { fromToken } from "../../events/subjects.ts";
import type { Job, JobClaim, Jobs, PendingJobs } from "../jobs.port.ts";
import type { Connection } from "./connection.ts";
import type { Layout } from "./layout.ts";
import { throwFinal, unavailable } from "./nats-error.ts";
import type { Streams } from "./streams.ts";

/** One pull waits no longer, for its answer is lost with the server that holds it. */
const PULL_MS = 2_000;
const ANSWER_MS = 1_000;
const RETRY_MS = 50;
const GONE_TRIES = 20;
/** A consumer sees a job a moment after its offer was answered, so "now" is not at once. */
const GRACE_MS = 100;
/**
 * A claim counts as lost here before it does on the server: an acknowledgement that came too late
 * would delete the job under its new owner.
 */
const HELD_SHARE = 0.8;

export interface NatsJobsParts {
  readonly connection: Connection;
  readonly streams: Streams;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly ackWaitMs: number;
  readonly logger: Logger;
}

/** Jobs as a work queue: one message per room, one shared consumer of all workers. */
export class NatsJobs implements Jobs {
  readonly #parts: NatsJobsParts;

  constructor(parts: NatsJobsParts) {
    this.#parts = parts;
  }

  get claimMs(): number {
    return this.#parts.ackWaitMs;
  }

  /** J1: the room's subject holds at most one message, and it must hold none. */
  async offer({ tenant, room, payload }: Job): Promise<"queued" | "exists"> {
    const { streams, layout, ids } = this.#parts;
    if (tenant === "" || room === "")
      throw new AppError("input.invalid", "a job needs the names of a tenant and a room");
    const id = ids.salt();
    const written = await streams.write({
      stream: layout.jobs,
      subject: layout.joinSubject(tenant, room),
      data: JSON.stringify(payload),
      id,
      expect: 0,
      // Sent again after it was claimed and finished, it would find the subject empty.
      headers: { "Nats-Msg-Id": id },
    });
    return written === "conflict" ? "exists" : "queued";
  }

  async claim(_worker: string, waitMs: number): Promise<JobClaim | undefined> {
    const { clock } = this.#parts;
    const until = clock.now() + waitMs;
    for (;;) {
      const left = Math.max(0, until - clock.now());
      const message = await this.#pull(Math.max(GRACE_MS, Math.min(left, PULL_MS)));
      const job = message && (await this.#jobOf(message));
      if (message && job) return new Claim(job, message.reply!, this.#parts);
      if (clock.now() >= until) return undefined;
    }
  }

  async pending(): Promise<PendingJobs> {
    const { streams, layout, clock } = this.#parts;
    const { consumers, streams: all } = streams.jsm;
    const info = await streams.ask(() => consumers.info(layout.jobs, layout.workers));
    const { num_pending: count, num_ack_pending: claimed, delivered } = info;
    if (count === 0) return { count, oldestMs: 0, claimed };
    const next = { seq: delivered.stream_seq + 1, next_by_subj: ">" };
    const first = await streams.ask(() => all.getMessage(layout.jobs, next));
    // Claimed meanwhile, there is none; and the server's clock may be ahead of ours.
    const oldestMs = Math.max(0, clock.now() - (first?.time.getTime() ?? clock.now()));
    return { count, oldestMs, claimed };
  }

  /** Any client may ask for an agent; what it sent must not come back to every worker for ever. */
  async #jobOf(message: Msg): Promise<Job | undefined> {
    const [tenant, room] = message.subject.split(".").slice(-2).map(fromToken) as [string, string];
    try {
      const payload = message.data.length === 0 ? null : message.json<Json>();
      return { tenant, room, payload };
    } catch {
      this.#parts.logger.log("error", "a job that is not JSON is dropped", { tenant });
      const { nc } = this.#parts.connection;
      // Without an answer it comes back and is dropped then.
      await nc.request(message.reply!, "+TERM", { timeout: ANSWER_MS }).catch(() => undefined);
      return undefined;
    }
  }

  /** The next job within `waitMs`; undefined where none came. */
  async #pull(waitMs: number): Promise<Msg | undefined> {
    const { connection, layout, clock } = this.#parts;
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${layout.jobs}.${layout.workers}`;
    const wants = { batch: 1, expires: nanos(waitMs) };
    try {
      const answer = connection.nc.request(subject, JSON.stringify(wants), {
        timeout: waitMs + ANSWER_MS,
        // The shared inbox knows its answers by their subject, and a job keeps its own.
        noMux: true,
      });
      const message = await connection.whileUp(answer);
      // A bare status: none there, none came in time, or the consumer has a new leader.
      if (!message.headers?.code) return message;
      if (message.headers.code === 409) await sleep(clock, RETRY_MS);
    } catch (error) {
      throwFinal(error);
      if (waitMs <= GRACE_MS) throw unavailable("no answer to a claim", error);
      await sleep(clock, RETRY_MS);
    }
    return undefined;
  }
}

/** J4: acts only while it is surely held; J3: who must be certain looks at the log. */
class Claim implements JobClaim {
  readonly job: Job;
  readonly id: string;
  readonly redeliveries: number;
  readonly #parts: NatsJobsParts;
  readonly #reply: string;
  readonly #seq: number;
  #heldUntil: number;

  constructor(job: Job, reply: string, parts: NatsJobsParts) {
    this.job = job;
    this.#parts = parts;
    this.#reply = reply;
    const { deliveries, seq } = parseReply(this.#reply);
    this.redeliveries = deliveries - 1;
    this.#seq = seq;
    this.id = String(seq);
    this.#heldUntil = this.#holdFrom(parts.clock.now());
  }

  async keepAlive(): Promise<void> {
    const sent = this.#parts.clock.now();
    await this.#tell("+WPI");
    this.#heldUntil = this.#holdFrom(sent);
  }

  async finish(): Promise<void> {
    await this.#tell("+ACK", () => this.#isGone());
    this.#heldUntil = 0;
    // Replicated streams remove it a moment after the answer, and the room may be offered again.
    for (let i = 0; i < GONE_TRIES && !(await this.#isGone()); i++)
      await sleep(this.#parts.clock, RETRY_MS);
  }

  async release(delayMs = 0): Promise<void> {
    const delay = delayMs > 0 ? ` ${JSON.stringify({ delay: nanos(delayMs) })}` : "";
    await this.#tell(`-NAK${delay}`);
    this.#heldUntil = 0;
  }

  /** Until the server has confirmed it, or `done` says so, or the claim is over. */
  async #tell(word: string, done?: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      if (clock.now() >= this.#heldUntil) throw this.#lost();
      if ((await this.#confirmed(word)) || (done && (await done()))) return;
      await sleep(clock, RETRY_MS);
    }
  }

  /** False where no answer came. */
  async #confirmed(word: string): Promise<boolean> {
    const { connection } = this.#parts;
    // Kept by the client, it would be sent when the claim is long another's.
    if (!connection.connected) return false;
    try {
      const answer = connection.nc.request(this.#reply, word, { timeout: ANSWER_MS });
      await connection.whileUp(answer);
      return true;
    } catch (error) {
      throwFinal(error);
      return false;
    }
  }

  async #isGone(): Promise<boolean> {
    const { streams, layout } = this.#parts;
    const query = { seq: this.#seq };
    return (await streams.ask(() => streams.jsm.streams.getMessage(layout.jobs, query))) === null;
  }

  #holdFrom(now: number): number {
    return now + this.#parts.ackWaitMs * HELD_SHARE;
  }

  #lost(): AppError {
    const { tenant, room } = this.job;
    return new AppError("job.lost", "the claim came back or went to another worker", {
      detail: { tenant, room },
    });
  }
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.<seq>…`, or with domain and account before them. */
function parseReply(reply: string): { deliveries: number; seq: number } {
  const tokens = reply.split(".");
  const at = tokens.length > 9 ? 6 : 4;
  return { deliveries: Number(tokens[at]), seq: Number(tokens[at + 1]) };
}
