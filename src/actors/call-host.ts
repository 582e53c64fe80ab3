import type { Cancel, Clock } from "../base/clock.ts";
import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError, codeOf } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import { parseInput } from "../events/catalog.ts";
import { isJson } from "../events/json.ts";
import type { CallRef, Json, LogRecord, StoredInput, TextPart } from "../events/record.ts";
import type { Command } from "../events/room.events.ts";
import { parseSettings } from "../events/settings.events.ts";
import type { Transcript } from "../folds/transcript.ts";
import { textOf, type RoomContext } from "../machines/room.rules.ts";
import type { CallFold } from "./call-fold.ts";
import { EffectRunner } from "./effect-runner.ts";
import type { CallContext, Runner, Runners } from "./effect.ts";
import { LogWriter } from "./log-writer.ts";
import type { Purse } from "./purse.ts";
import { isSilencing, Outage, type OutageInput, type OutageText } from "./outage.ts";

/**
 * The live shell of one call, the only place with side effects: it takes outside inputs one at a
 * time, folds each into a step, appends the step, and runs what the step asked for.
 *
 * E5: immediate effects run as soon as the step is made, durable ones when it is in the log. E6:
 * the clock, ids and randomness are the host's. L1: a lost append freezes the call at once: effects
 * are stopped, nothing more is written or acknowledged. L7: so does a log that is away for long.
 */
export interface HostPorts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly runners: Runners;
  /** Each record once it is in the log, for the events subject, pages and tests. */
  readonly onRecord?: (record: LogRecord) => void;
  readonly purse?: Purse;
  readonly onLive?: (what: string, data: Json) => void;
  readonly snapshotEveryRecords?: number;
}

export interface Offer {
  readonly input: StoredInput;
  readonly text?: Json;
  readonly cause?: LogRecord["cause"];
}

interface Waiting extends Offer {
  readonly resolve: (record: LogRecord) => void;
  readonly reject: (error: unknown) => void;
}

export class CallHost {
  readonly ref: CallRef;
  readonly fold: CallFold;
  readonly transcript: Transcript;
  readonly #ports: HostPorts;
  readonly #writer: LogWriter;
  readonly #effects: EffectRunner;
  readonly #outage: Outage;
  readonly #queue: Waiting[] = [];
  /** Effects that follow the records of the call. */
  readonly #followers = new Set<(record: LogRecord) => void>();
  readonly #unacked: { record: LogRecord; waiting: Waiting }[] = [];
  readonly #ended = Promise.withResolvers<void>();
  /** Lifts the local clock to the log's where it lies behind (E6, takeover). */
  readonly #offsetMs: number;
  #snapshotDue: number;
  #draining = false;
  #alarm: { due: number; cancel: Cancel } | undefined;
  #fence: AppError | undefined;
  #over = false;
  /** Set while it is handed over: called when all that was taken in is in the log. */
  #settled: (() => void) | undefined;
  #saidFailure = false;

  constructor(ref: CallRef, ports: HostPorts, state: { fold: CallFold; transcript: Transcript }) {
    this.ref = ref;
    this.fold = state.fold;
    this.transcript = state.transcript;
    this.#ports = ports;
    this.#snapshotDue = this.#nextSnapshot(state.fold.tail.seq);
    this.#offsetMs = Math.max(0, state.fold.at - ports.clock.now());
    // Effects live in host time too: what they stamp must lie behind what is in the log.
    const clock = { now: () => this.now(), after: ports.clock.after.bind(ports.clock) };
    const call = (): CallContext => this.#context(clock);
    const warn = (message: string, fields: Readonly<Record<string, unknown>>): void =>
      ports.logger.log("warn", message, { call: ref.call, ...fields });
    this.#effects = new EffectRunner({
      runners: ports.runners,
      call,
      offer: (offer) => this.offer(offer),
      live: (what, data) => ports.onLive?.(what, data),
      warn,
    });
    this.#outage = new Outage({
      runner: ports.runners["outage"] as Runner<OutageInput> | undefined,
      call,
      wordsOf: (name) => this.#wordsOf(name),
      offer: (input) => void this.offer({ input }).catch(() => undefined),
      warn,
      stopWriting: () => this.#writer.stop(),
      leave: (why) => this.#freeze(why),
    });
    this.#writer = new LogWriter(ports.log, ref, {
      tail: state.fold.tail,
      clock: ports.clock,
      hooks: {
        acked: (seq) => this.#acked(seq),
        fenced: (error) => this.#freeze(error),
        unanswered: (ms) => this.#outage.lasts(ms),
      },
    });
  }

  /** Resolves when the call has ended and its last record is in the log; rejects when fenced. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get fenced(): AppError | undefined {
    return this.#fence;
  }

  /** Host time: the clock's, but never behind the log's. */
  now(): number {
    return Math.max(this.fold.at, this.#ports.clock.now() + this.#offsetMs);
  }

  /** Folds an outside input; resolves with its record once that is in the log. */
  offer(offer: Offer): Promise<LogRecord> {
    const [record] = this.#enqueue([offer]);
    return record!;
  }

  /** Folds inputs that belong together: no timer fires between them, and they land as one. */
  offerAll(offers: readonly Offer[]): Promise<readonly LogRecord[]> {
    return Promise.all(this.#enqueue(offers));
  }

  /** A command from outside: validated, logged, answered with its record. */
  command(command: Command, by: string, text?: Json): Promise<LogRecord> {
    const id = this.#ports.ids.call();
    const input = parseInput({ type: "command.received", id, by, command });
    return this.offer({ input, cause: id, ...(text !== undefined && { text }) });
  }

  /**
   * Changes settings from now on; what is armed keeps its value. `change` is grouped as the
   * settings are, in ms. Error `config.invalid`, naming the setting.
   */
  set(change: Readonly<Record<string, object | string>>, by: string): Promise<LogRecord> {
    if ("heard" in change)
      throw new AppError("config.invalid", "settings: heard is fixed when the call opens");
    const merged: Record<string, unknown> = { ...this.fold.settings };
    for (const [group, values] of Object.entries(change))
      merged[group] =
        typeof values === "string" ? values : { ...(merged[group] as object), ...values };
    return this.command({ name: "set", settings: parseSettings(merged) }, by);
  }

  /** Stops everything here and writes nothing more; the call may go on elsewhere. */
  abandon(why: string): void {
    this.#freeze(new AppError("owner.fenced", why));
  }

  /**
   * As `abandon`, once all it has taken in is in the log; what comes meanwhile is refused. Throws
   * `owner.fenced` where the call was lost before, `call.closed` where it has ended.
   */
  async handOver(why: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled = resolve;
    if (this.#unacked.length > 0 && !this.#fence) await promise;
    if (this.#fence) throw this.#fence;
    if (this.#over) throw new AppError("call.closed", `call ${this.ref.call} has ended`);
    this.abandon(why);
  }

  #context(clock: Clock): CallContext {
    const { fold, transcript } = this;
    const { ids } = this.#ports;
    return {
      header: fold.header,
      get settings() {
        return fold.settings;
      },
      transcript,
      clock,
      ids,
      purse: this.#ports.purse,
      onRecord: (listener) => {
        this.#followers.add(listener);
        return () => void this.#followers.delete(listener);
      },
    };
  }

  #enqueue(offers: readonly Offer[]): readonly Promise<LogRecord>[] {
    const records = offers.map((offer) => {
      const { promise, resolve, reject } = Promise.withResolvers<LogRecord>();
      if (this.#fence) reject(this.#fence);
      else if (this.#over) reject(new AppError("call.closed", `call ${this.ref.call} has ended`));
      else if (this.#settled) reject(new AppError("owner.fenced", "the call is being handed over"));
      else this.#queue.push({ ...offer, resolve, reject });
      return promise;
    });
    this.#drain();
    return records;
  }

  /** One input after the other; what their steps cause may queue more. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next) this.#step(next);
        else if (!this.#fireDue()) break;
      }
    } finally {
      this.#draining = false;
    }
    this.#writer.flush();
    if (!this.#draining) this.#setAlarm();
  }

  #step(waiting: Waiting): void {
    if (this.#over || this.#fence)
      return waiting.reject(this.#fence ?? new AppError("call.closed", "over"));
    const unfit = unfitness(waiting);
    if (unfit) return waiting.reject(unfit);
    const text = waiting.text === undefined ? undefined : this.#salt(waiting.text);
    const { record: bare, plan } = this.fold.step(waiting.input, {
      at: this.now(),
      cause: waiting.cause ?? null,
      ...(text && { textDigest: digestText(text) }),
      onPlan: (plan) => this.#effects.takeAway(plan),
    });
    if (isSilencing(waiting.input)) this.#outage.hush();
    const record = text ? withText(bare, text) : bare;
    this.transcript.apply(record);
    this.#writer.add(record);
    this.#unacked.push({ record, waiting });
    this.#effects.take(plan, record.seq);
    this.#afterStep(record);
  }

  #salt(value: Json): TextPart {
    return { salt: this.#ports.ids.salt(), value: value as never };
  }

  /** Too many failures, or the room's end: what the charts cannot do for themselves. */
  #afterStep(record: LogRecord): void {
    if (record.input.type === "call.ended") this.#over = true;
    else if (this.fold.closed) this.#finish("closed", this.#reason());
    else if (this.fold.givenUp) this.#finish("failed", "too many failures");
    else if (this.fold.failures >= LIMITS.failedStepsMax && !this.#saidFailure) {
      this.#saidFailure = true;
      this.#push({ type: "host.failed", failures: this.fold.failures });
    }
  }

  #reason(): string {
    const context = this.fold.snapshotOf("room")?.context as { reason?: string } | undefined;
    return context?.reason || "left";
  }

  /**
   * The last records, in one append with the closing one: an end for every effect that still lives,
   * then `call.ended`. A log that has the one and not the other is damaged.
   */
  #finish(how: "closed" | "failed", reason: string): void {
    if (this.#queue.some(({ input }) => input.type === "call.ended")) return;
    for (const waiting of this.#queue.splice(0))
      waiting.reject(new AppError("call.closed", "the call has ended"));
    for (const { id } of this.fold.liveEffects()) {
      this.#effects.drop(id);
      this.#push({ type: "effect.ended", effect: id, how: "lost" });
    }
    this.#push({ type: "call.ended", how, reason });
  }

  #push(input: StoredInput): void {
    this.#queue.push({ input, cause: this.fold.tail.seq, resolve: () => {}, reject: () => {} });
  }

  #acked(seq: number): void {
    this.#outage.ends();
    while (this.#unacked[0] && this.#unacked[0].record.seq <= seq) {
      const { record, waiting } = this.#unacked.shift()!;
      this.#ports.onRecord?.(record);
      this.#tellFollowers(record);
      waiting.resolve(record);
      if (record.input.type === "call.ended") this.#ended.resolve();
    }
    if (this.#unacked.length === 0) this.#settled?.();
    // What another is to start anew is not started here.
    if (!this.#settled) this.#effects.acked(seq);
    this.#snapshot(seq);
  }

  #tellFollowers(record: LogRecord): void {
    for (const follower of this.#followers) {
      try {
        follower(record);
      } catch (error) {
        const fields = { call: this.ref.call, error: String(error) };
        this.#ports.logger.log("error", "an effect that follows the records threw", fields);
      }
    }
  }

  /** A cache of the fold, taken where the log and the fold stand at the same record (L9). */
  #snapshot(seq: number): void {
    if (seq < this.#snapshotDue || this.fold.tail.seq !== seq) return;
    this.#snapshotDue = this.#nextSnapshot(seq);
    const bytes = new TextEncoder().encode(JSON.stringify(this.fold.toSnapshot()));
    this.#ports.log.saveSnapshot(this.ref, seq, bytes).catch((error: unknown) => {
      this.#ports.logger.log("warn", "snapshot not saved", { code: codeOf(error), seq });
    });
  }

  /** Several records may be acknowledged at once, so what is due is a place and not a number. */
  #nextSnapshot(seq: number): number {
    const every = this.#ports.snapshotEveryRecords ?? LIMITS.snapshotEveryRecords;
    return seq - (seq % every) + every;
  }

  #freeze(error: AppError): void {
    if (this.#fence) return;
    this.#fence = error;
    this.#alarm?.cancel();
    this.#writer.stop();
    this.#effects.stopAll();
    this.#outage.hush();
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
    for (const { waiting } of this.#unacked.splice(0)) waiting.reject(error);
    this.#settled?.();
    this.#ended.reject(error);
    this.#ended.promise.catch(() => undefined);
  }

  /** A text of the agent that has the call; nothing where it has none, or is to be silent. */
  #wordsOf(name: OutageText): { ref: string; text: string; agent: string } | undefined {
    const context = this.fold.snapshotOf("room")?.context as RoomContext | undefined;
    if (!context || context.muted) return undefined;
    const ref = textOf(context, name);
    const text = this.transcript.textOf(ref);
    return text === "" ? undefined : { ref, text, agent: context.agent };
  }

  /** Queues the first due timer; the next is looked for after its step, which may disarm it. */
  #fireDue(): boolean {
    if (this.#over || this.#fence || this.#settled) return false;
    const { nextDue } = this.fold.table;
    if (nextDue === undefined || nextDue > this.now()) return false;
    const { id, arm } = this.fold.table.timers()[0]!;
    const cause = Number(arm.split(".")[0]);
    const input = { type: "timer.fired", timer: id, arm };
    this.#queue.push({ input, cause, resolve: () => {}, reject: () => {} });
    return true;
  }

  #setAlarm(): void {
    const still = this.#over || this.#fence || this.#settled;
    const due = still ? undefined : this.fold.table.nextDue;
    if (this.#alarm?.due === due) return;
    this.#alarm?.cancel();
    this.#alarm = undefined;
    if (due === undefined) return;
    const cancel = this.#ports.clock.after(due - this.now(), () => {
      this.#alarm = undefined;
      this.#drain();
    });
    this.#alarm = { due, cancel };
  }
}

/** A record that cannot be stored must not be folded: refused here, it is its sender's matter. */
function unfitness({ input, text }: Offer): AppError | undefined {
  if (!isJson(input) || (text !== undefined && !isJson(text)))
    return new AppError("record.invalid", `what ${input.type} is to say is no JSON`);
  if (text === undefined) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify(text));
  if (bytes <= LIMITS.recordBytesMax / 2) return undefined;
  return new AppError("record.tooLarge", `a text of ${bytes} bytes does not fit in a record`);
}

export function digestText(text: TextPart): string {
  return shortHash(`${text.salt}\n${canonicalJson(text.value)}`);
}

/** The hash stays last, as the codec's readers expect. */
function withText(record: LogRecord, text: TextPart): LogRecord {
  const { hash, ...rest } = record;
  return { ...rest, text, hash };
}
