import { BACKOFF, backoffMs } from "../base/backoff.ts";
import type { AudioFrame } from "../base/audio.ts";
import { sleep, type Cancel, type Clock } from "../base/clock.ts";
import { AppError, type ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Guard, Pass } from "./breaker.port.ts";
import { KeptAudio } from "./kept-audio.ts";
import { addUsage } from "./stt-usage.ts";
import type { Stt, SttEvent, SttStream, SttUsage } from "./stt.port.ts";

/**
 * One speech to text out of several, the first one that works, over connections that break: the
 * audio whose words are owed is kept, and sent again as fast as it goes.
 *
 * I1 no word is lost that was said in the last `resendAudioMsMax`, and none is told twice.
 * I2 times are the track's audio time, whatever connection told them.
 * I3 it never gives up while one provider is left that has not refused us for good.
 */
export interface SteadySttOptions {
  /** In order of preference. */
  readonly stts: readonly Stt[];
  readonly clock: Clock;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  /** Shared by all streams of the process. */
  readonly breakers?: Guard;
}

/** Failures in a row after which the next provider goes on. */
const FAILURES_MAX = 3;
/** A connection that lasted this long was a good one. */
const STEADY_MS = 10_000;
/** Without audio for this long a connection may close: nobody needs it. */
const IDLE_MS = 2_000;
/** Who has had the audio for this long, and hangs up, has told all the words that are in it. */
const ANSWERED_MS = 8_000;
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set([
  "provider.rejected",
  "provider.refused",
  "provider.missing",
]);

export class SteadyStt implements Stt {
  readonly provider: string;
  readonly model: string;
  readonly rateHz: number;
  readonly #options: SteadySttOptions;

  constructor(options: SteadySttOptions) {
    const [first] = options.stts;
    if (!first) throw new AppError("input.invalid", "no speech to text to choose from");
    this.provider = first.provider;
    this.model = first.model;
    this.rateHz = first.rateHz;
    this.#options = options;
  }

  async warm(): Promise<void> {
    await Promise.all(this.#options.stts.map((stt) => stt.warm()));
  }

  open(on: (event: SttEvent) => void): SttStream {
    return new SteadyStream(this.#options, on);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#options.stts.map((stt) => stt[Symbol.asyncDispose]()));
  }
}

/** One stream of one provider, with what it is known by. */
interface Connection {
  readonly stream: SttStream;
  readonly pass: Pass;
  /** Track time at which its own begins. */
  readonly base: number;
  readonly attempt: number;
  upAt: number | undefined;
  /** Once it is there, until its pass is over. */
  trial: Cancel;
}

const FREE_PASS: Pass = { end: () => undefined };

class SteadyStream implements SttStream {
  readonly #options: SteadySttOptions;
  readonly #on: (event: SttEvent) => void;
  readonly #kept = new KeptAudio();
  readonly #usage: SttUsage[] = [];
  readonly #refused = new Set<Stt>();
  #stt: Stt;
  #connection: Connection | undefined;
  #failures = 0;
  /** Left since the last word of any. */
  readonly #left = new Set<Stt>();
  #isDown = false;
  #isOver = false;
  /** Nobody speaks, and the provider hung up: the next audio connects again. */
  #isAsleep = false;
  #pushedAt: number;
  #retry: Cancel = () => undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: SteadySttOptions, on: (event: SttEvent) => void) {
    this.#options = options;
    this.#on = on;
    this.#stt = options.stts[0]!;
    this.#pushedAt = options.clock.now();
    // Not within `open`: it may have something to tell.
    queueMicrotask(() => this.#connect());
  }

  push(frame: AudioFrame): void {
    if (this.#isOver) return;
    this.#pushedAt = this.#options.clock.now();
    this.#kept.push(frame);
    if (this.#isAsleep) return this.#connect();
    this.#connection?.stream.push(frame);
  }

  speechStarted(fromMs: number): void {
    this.#kept.speechStarted(fromMs);
    const { stream, base = 0 } = this.#connection ?? {};
    stream?.speechStarted(Math.max(0, fromMs - base));
  }

  speechEnded(toMs: number): void {
    this.#kept.speechEnded(toMs);
    const { stream, base = 0 } = this.#connection ?? {};
    stream?.speechEnded(Math.max(0, toMs - base));
  }

  async finish(): Promise<readonly SttUsage[]> {
    const enough = new AbortController();
    const { clock } = this.#options;
    const late = sleep(clock, LIMITS.sttFinishMsMax, enough.signal).then(() => undefined);
    let isLate = false;
    void late.then(() => (isLate = true));
    while (!this.#isOver && !this.#isAsleep && !isLate) {
      const connection = this.#connection;
      if (!connection) {
        await Promise.race([this.#changed.promise, late]);
        continue;
      }
      const rows = await Promise.race([connection.stream.finish(), late]);
      // Of one that failed meanwhile all is counted, and another takes its place.
      if (rows && this.#connection === connection) {
        this.#count(connection, rows);
        this.#leave(connection, "ok");
        this.#isOver = true;
      }
    }
    enough.abort();
    return this.abort();
  }

  abort(): readonly SttUsage[] {
    const connection = this.#connection;
    this.#isOver = true;
    this.#retry();
    this.#changed.resolve();
    if (connection) {
      this.#leave(connection, connection.upAt === undefined ? "void" : "ok");
      this.#count(connection, connection.stream.abort());
    }
    return this.#usage;
  }

  #connect(): void {
    if (this.#isOver) return;
    const { provider, model } = this.#stt;
    const { breakers } = this.#options;
    this.#isAsleep = false;
    const pass = breakers ? breakers.enter({ service: "stt", provider, model }) : FREE_PASS;
    if (!pass) return this.#lost(new AppError("provider.open", `${provider} is left alone`));
    const connection: Connection = {
      // What it tells comes after it is there.
      stream: this.#stt.open((event) => this.#hear(connection, event)),
      pass,
      base: this.#kept.fromMs,
      attempt: this.#failures + 1,
      upAt: undefined,
      trial: () => undefined,
    };
    this.#connection = connection;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
    this.#kept.replay(connection.stream);
  }

  #hear(connection: Connection, event: SttEvent): void {
    if (this.#connection !== connection) return;
    if (event.type === "failed") return this.#failed(connection, event.error);
    this.#up(connection);
    if (event.type === "up" || event.type === "down") return;
    if (event.type === "retried" || event.type === "switched") return this.#on(event);
    this.#failures = 0;
    this.#left.clear();
    connection.pass.end("ok");
    const told = shifted(event, connection.base);
    if (told.type === "interim") this.#kept.interim(told.fromMs);
    if (told.type === "final") this.#kept.final(told.toMs);
    this.#on(told);
  }

  #up(connection: Connection): void {
    if (connection.upAt === undefined) {
      const { clock } = this.#options;
      connection.upAt = clock.now();
      // Of one whose speaker is silent nobody else waits for the first words.
      connection.trial = clock.after(STEADY_MS, () => connection.pass.end("ok"));
    }
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#on({ type: "up" });
  }

  #failed(connection: Connection, error: AppError): void {
    const now = this.#options.clock.now();
    const idleMs = now - this.#pushedAt;
    const heldMs = Math.min(idleMs, now - (connection.upAt ?? now));
    const isAnswered = heldMs >= ANSWERED_MS && error.code !== "provider.timeout";
    const isUnused = idleMs >= IDLE_MS && (isAnswered || !this.#kept.isOwed);
    const isIdle = isUnused && !this.#isDown && error.retry !== "never";
    const isOurs = error.code === "provider.refused" || error.code === "effect.stopped";
    const hasHungUp = isIdle && connection.upAt !== undefined;
    this.#leave(connection, isOurs || hasHungUp ? "void" : "failed");
    this.#count(connection, connection.stream.abort());
    if (connection.upAt !== undefined && now - connection.upAt >= STEADY_MS) this.#failures = 0;
    if (isIdle) this.#isAsleep = true;
    else this.#lost(error);
  }

  /** Whoever should write now cannot: it is tried again, or the next one is. */
  #lost(error: AppError): void {
    this.#kept.hold();
    if (!this.#isDown) {
      this.#isDown = true;
      this.#on({ type: "down" });
    }
    this.#failures++;
    if (FOR_GOOD.has(error.code)) this.#refused.add(this.#stt);
    const next = this.#nextStt();
    if (!next) return this.#giveUp(error);
    const { retryAfterMs = 0 } = error.detail as { readonly retryAfterMs?: number };
    const isTried =
      FOR_GOOD.has(error.code) || error.code === "provider.open" || retryAfterMs > BACKOFF.capMs;
    if (next !== this.#stt && (isTried || this.#failures >= FAILURES_MAX))
      return this.#switch(next, error);
    const waitMs = backoffMs(this.#failures, this.#options.random);
    this.#retryIn(Math.max(retryAfterMs, waitMs), error);
  }

  /** The next one in order that has not refused us for good; the last is followed by the first. */
  #nextStt(): Stt | undefined {
    const { stts } = this.#options;
    const at = stts.indexOf(this.#stt);
    const inOrder = [...stts.slice(at + 1), ...stts.slice(0, at + 1)];
    return inOrder.find((stt) => !this.#refused.has(stt));
  }

  #switch(next: Stt, error: AppError): void {
    const [from, to] = [nameOf(this.#stt), nameOf(next)];
    this.#on({ type: "switched", from, to, why: error.code, error });
    this.#left.add(this.#stt);
    this.#stt = next;
    this.#failures = 0;
    if (!this.#left.has(next)) return this.#connect();
    // All of them have been asked: not again at once.
    this.#left.clear();
    const { clock, random } = this.#options;
    this.#retry = clock.after(random() * BACKOFF.capMs, () => this.#connect());
  }

  #retryIn(waitMs: number, error: AppError): void {
    const attempt = this.#failures + 1;
    const of = nameOf(this.#stt);
    this.#on({ type: "retried", of, attempt, why: error.code, waitMs, error });
    this.#retry = this.#options.clock.after(waitMs, () => this.#connect());
  }

  #giveUp(error: AppError): void {
    this.#isOver = true;
    this.#changed.resolve();
    this.#on({ type: "failed", error });
  }

  #leave(connection: Connection, how: "ok" | "failed" | "void"): void {
    this.#connection = undefined;
    connection.trial();
    connection.pass.end(how);
  }

  #count({ attempt }: Connection, rows: readonly SttUsage[]): void {
    for (const row of rows) addUsage(this.#usage, { ...row, ...(attempt > 1 && { attempt }) });
  }
}

function nameOf({ provider, model }: Stt): string {
  return `${provider}/${model}`;
}

type Told = Extract<SttEvent, { readonly toMs: number }>;

function shifted(event: Told, by: number): Told {
  const toMs = event.toMs + by;
  if (event.type === "endOfTurn") return { ...event, toMs };
  const fromMs = event.fromMs + by;
  if (event.type === "interim") return { ...event, fromMs, toMs };
  const words = event.words.map((word) => ({
    text: word.text,
    fromMs: word.fromMs + by,
    toMs: word.toMs + by,
  }));
  return { ...event, fromMs, toMs, words };
}
