import { SimulatedClock } from "../src/base/clock.ts";
import type { Broker } from "../src/broker/broker.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { FakeCall } from "./fake-call.ts";

/** Virtual ms between what the caller does; interims come at most four a second. */
const GAP_MS = 300;

/**
 * Turns in virtual time, of all calls at once: what a worker has behind it after some minutes of
 * work. The callers speak over each answer but the last, which is being spoken at the end.
 */
export async function talkAtOnce(
  calls: readonly FakeCall[],
  clock: SimulatedClock,
  turns: number,
): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const asked = calls.map((call) => call.llm.watch());
    for (const call of calls) call.startSpeech();
    await clock.advance(GAP_MS);
    for (const call of calls) call.interim();
    await clock.advance(GAP_MS);
    for (const call of calls) call.endSpeech();
    await clock.advance(GAP_MS);
    for (const call of calls) call.final();
    await Promise.all(asked);
    for (const call of calls) call.llm.answer();
    await clock.advance(GAP_MS);
  }
}

export async function warmUp(turns: number): Promise<void> {
  const clock = new SimulatedClock();
  await using broker: Broker = openMemory({ clock });
  const call = new FakeCall(clock);
  await call.open(broker, "warm-up");
  await talkAtOnce([call], clock, turns);
  call.close();
}
