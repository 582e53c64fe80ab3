import { setImmediate as nextTurn } from "node:timers/promises";
import { SimulatedClock } from "../src/base/clock.ts";
import type { Broker } from "../src/broker/broker.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { FakeCall } from "./fake-call.ts";
import type { PerCall } from "./memory.ts";
import { TailLog } from "./tail-log.ts";
import { talkAtOnce } from "./warm-up.ts";

/**
 * Has so many calls talk for 20 turns and keeps them all live: room joined, ears open, an answer
 * being spoken. Prints what each of them beyond the first few costs. The log keeps no records, as
 * those of a worker lie elsewhere; the fakes are part of what is counted.
 */
const TURNS = 20;
/** Code, caches and first pages: paid once, whatever the number of calls. */
const FIRST_CALLS = 20;
const MB = 1024 * 1024;

const calls = Number(process.argv[2]);
const live: FakeCall[] = [];
const clock = new SimulatedClock();
await using memory = openMemory({ clock });
const broker = { ...memory, log: new TailLog() };
await talkUntil(FIRST_CALLS, broker);
const before = await measure();
await talkUntil(FIRST_CALLS + calls, broker);
const after = await measure();
const perCall: PerCall = {
  heapMb: (after.heapUsed - before.heapUsed) / calls / MB,
  rssMb: (after.rss - before.rss) / calls / MB,
};
for (const call of live.slice(FIRST_CALLS)) call.checkLive();
process.stdout.write(JSON.stringify(perCall));
for (const call of live) call.close();

async function talkUntil(count: number, on: Broker): Promise<void> {
  const calls: FakeCall[] = [];
  for (let n = live.length + 1; n <= count; n++) {
    const call = new FakeCall(clock);
    await call.open(on, `c${n}`);
    calls.push(call);
  }
  await talkAtOnce(calls, clock, TURNS);
  live.push(...calls);
}

/** What is still held once nothing is under way. */
async function measure(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i++) {
    await nextTurn();
    globalThis.gc?.();
  }
  return process.memoryUsage();
}
