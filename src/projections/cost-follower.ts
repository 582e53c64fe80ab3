import { type Clock, sleep } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Stream } from "../broker/stream.port.ts";
import { parsePosting } from "../events/ledger.events.ts";
import type { Posted } from "./costs.projection.ts";
import type { ReadSide } from "./read-side.ts";

export interface CostFollowerOptions {
  readonly cost: Stream;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked when there is something to project, and again where it could not. */
  readonly open: (signal: AbortSignal) => Promise<ReadSide>;
  /** Opening costs so much that it waits until nothing was posted for so long. */
  readonly quietMs?: number;
}

const AGAIN_MS = 2_000;
/** It does not wait for quiet for ever. */
const QUIET_MAX_MS = 60_000;

/**
 * Keeps a database behind the cost streams. F1: who posts never waits for it. F2: what it could not
 * store it tries again, from the database's own cursor, so that each line is there once (P1). F3: a
 * tenant whose stream is damaged is left alone, and no other.
 */
export class CostFollower implements AsyncDisposable {
  readonly #options: CostFollowerOptions;
  /** Tenants whose streams may have grown. */
  readonly #waiting = new Set<string>();
  readonly #damaged = new Map<string, string>();
  readonly #closing = new AbortController();
  #readSide: ReadSide | undefined;
  #pump: Promise<void> | undefined;
  #postedAt = -Infinity;
  #failure: string | undefined;

  constructor(options: CostFollowerOptions) {
    this.#options = options;
  }

  /** What keeps it behind the streams, undefined where nothing does. */
  get problem(): string | undefined {
    return this.#failure ?? [...this.#damaged.values()][0];
  }

  /** Something may be new in the tenant's stream. Neither waits nor throws. */
  posted(tenant: string): void {
    if (this.#closing.signal.aborted || this.#damaged.has(tenant)) return;
    this.#postedAt = this.#options.clock.now();
    this.#waiting.add(tenant);
    this.#pump ??= this.#run().finally(() => (this.#pump = undefined));
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  /** What waits is projected after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.idle();
    await this.#readSide?.[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    // Off the caller's stack.
    await Promise.resolve();
    const { signal } = this.#closing;
    for (;;) {
      const [tenant] = this.#waiting;
      if (tenant === undefined || signal.aborted) return;
      try {
        const readSide = await this.#opened(signal);
        this.#waiting.delete(tenant);
        await this.#project(readSide, tenant, signal);
        this.#failure = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (codeOf(error) === "ledger.damaged") this.#leave(tenant, error);
        else {
          this.#failed(tenant, error);
          await sleep(this.#options.clock, AGAIN_MS, signal);
        }
      }
    }
  }

  async #opened(signal: AbortSignal): Promise<ReadSide> {
    if (this.#readSide) return this.#readSide;
    const { clock, open, quietMs = 0 } = this.#options;
    const latest = clock.now() + QUIET_MAX_MS;
    for (;;) {
      const now = clock.now();
      const until = Math.min(this.#postedAt + quietMs, latest);
      if (now >= until || signal.aborted) break;
      await sleep(clock, until - now, signal);
    }
    signal.throwIfAborted();
    return (this.#readSide = await open(signal));
  }

  async #project(readSide: ReadSide, tenant: string, signal: AbortSignal): Promise<void> {
    const { cost } = this.#options;
    // Its query builder takes longer to load than a start may.
    const { CostProjector } = await import("./costs.projection.ts");
    await new CostProjector(readSide, tenant).run(async function* (from): AsyncGenerator<Posted> {
      // The posting it stands in may have been taken to a part.
      for await (const { position, value } of cost.read({ tenant }, Math.max(0, from - 1))) {
        if (signal.aborted) return;
        for (const transaction of parsePosting(value).transactions)
          yield { seq: position, transaction };
      }
    });
  }

  #leave(tenant: string, error: unknown): void {
    const message = (error as Error).message;
    this.#damaged.set(tenant, message);
    this.#waiting.delete(tenant);
    const text = "a cost stream is damaged: the database stays behind it";
    this.#options.logger.log("error", text, { tenant, error: message });
  }

  #failed(tenant: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#waiting.add(tenant);
    // Said once, and not each time it is tried.
    if (this.#failure === undefined)
      this.#options.logger.log("error", "costs wait for the database", {
        tenant,
        code: codeOf(error),
        error: message,
      });
    this.#failure = message;
  }
}
