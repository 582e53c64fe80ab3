import { systemClock } from "../src/base/clock.ts";
import { openEmbedded, type EmbeddedBroker } from "../src/broker/embedded/embedded-broker.ts";
import type { LogRecord } from "../src/events/record.ts";
import { recordConversation } from "./conversation.ts";
import { pause, samplesOf } from "./measure.ts";
import { ReplayedCall } from "./replayed-call.ts";
import { toRow, type Bench } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const TURNS = 40;
const RUN_MS = 10_000;
const WARMUP_CALLS = 3;

/**
 * A step as it is in a call: the loop has slept, caches are cold, other calls are at it. One call
 * has an input each 10 ms, which is more than calls have; a hundred have one each 200 ms.
 */
const LOADS = [
  { calls: 1, everyMs: 10 },
  { calls: 100, everyMs: 200 },
];

export const callPace: Bench = {
  name: "call-pace",
  run: async () => {
    const records = await recordConversation({ turns: TURNS });
    await using folder = await TempFolder.make();
    await using broker = await openEmbedded({ dataDir: folder.path, clock: systemClock });
    const pace = new Pace(records, broker);
    for (let i = 0; i < WARMUP_CALLS; i++) await pace.newCall().run();
    const rows = [];
    for (const { calls, everyMs } of LOADS) {
      const us = await pace.run(calls, everyMs);
      const name = `step at call pace, ${calls} ${calls === 1 ? "call" : "calls"}`;
      rows.push(toRow({ name, unit: "us", ...samplesOf(us) }));
    }
    return rows;
  },
};

class Pace {
  readonly #records: readonly LogRecord[];
  readonly #broker: EmbeddedBroker;
  #calls = 0;

  constructor(records: readonly LogRecord[], broker: EmbeddedBroker) {
    this.#records = records;
    this.#broker = broker;
  }

  newCall(): ReplayedCall {
    const ref = { tenant: "bench", call: `c${++this.#calls}` };
    return new ReplayedCall(this.#records, { log: this.#broker.log, ref });
  }

  /** Latencies of steps, offer to acknowledged record, in us. */
  async run(calls: number, everyMs: number): Promise<readonly number[]> {
    const us: number[] = [];
    const until = performance.now() + RUN_MS;
    const runs = Array.from({ length: calls }, () => this.#talk(until, everyMs, us));
    await Promise.all(runs);
    return us;
  }

  async #talk(until: number, everyMs: number, us: number[]): Promise<void> {
    let call = this.newCall();
    while (performance.now() < until) {
      await pause(everyMs);
      const startedAt = performance.now();
      await call.step();
      us.push((performance.now() - startedAt) * 1_000);
      call.check();
      if (call.done) call = this.newCall();
    }
  }
}
