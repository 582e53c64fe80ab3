import { type Clock, sleep } from "../../base/clock.ts";

const FIRST_MS = 20;
const LONGEST_MS = 250;

/** How long one operation may look for an answer before its caller hears that there is none. */
export class Patience {
  readonly #clock: Clock;
  readonly #until: number;
  #nextMs = FIRST_MS;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#until = clock.now() + ms;
  }

  /** Waits a little longer than the last time; false once the time is over. */
  async pause(): Promise<boolean> {
    const left = this.#until - this.#clock.now();
    if (left <= 0) return false;
    await sleep(this.#clock, Math.min(this.#nextMs, left));
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_MS);
    return true;
  }
}
