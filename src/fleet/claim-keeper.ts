import { type Clock, sleep } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { JobClaim } from "../broker/jobs.port.ts";

export interface KeeperPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a claim holds that is not kept alive. */
  readonly claimMs: number;
}

/** A claim is kept alive so often within its time: two may fail before it is lost. */
const TIMES = 3;
/** Under way at once; more would only wait in the connection. */
const AT_ONCE = 32;

/** Keeps all claims of a worker alive, by one loop. */
export class ClaimKeeper {
  readonly #ports: KeeperPorts;
  /** What is told when a claim is lost. */
  readonly #kept = new Map<JobClaim, () => void>();

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#kept.size;
  }

  add(claim: JobClaim, lost: () => void): void {
    this.#kept.set(claim, lost);
  }

  drop(claim: JobClaim): void {
    this.#kept.delete(claim);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, claimMs } = this.#ports;
    const everyMs = claimMs / TIMES;
    let due = clock.now() + everyMs;
    for (;;) {
      await sleep(clock, due - clock.now(), signal);
      if (signal.aborted) return;
      // Counted from the beginning: a slow round does not put off the next one.
      due = clock.now() + everyMs;
      await this.#round();
    }
  }

  async #round(): Promise<void> {
    const left = this.#kept.keys();
    const walk = async (): Promise<void> => {
      for (const claim of left) await this.#keep(claim);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, this.#kept.size) }, walk));
  }

  async #keep(claim: JobClaim): Promise<void> {
    try {
      await claim.keepAlive();
    } catch (error) {
      const lost = this.#kept.get(claim);
      const { tenant, room } = claim.job;
      const code = codeOf(error);
      if (lost) this.#ports.logger.log("warn", "a claim was not kept", { tenant, room, code });
      if (code !== "job.lost") return;
      this.#kept.delete(claim);
      lost?.();
    }
  }
}
