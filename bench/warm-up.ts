import { SimulatedClock } from "../src/base/clock.ts";
import type { Broker } from "../src/broker/broker.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { FakeCall } from "./fake-call.ts";

/** Virtual ms between what the caller does; interims come at most four a second. */
const GAP_MS = 300;

/**
 * Turns in virtual time: what a worker has behind it after some minutes of work. The caller speaks
 * over each answer but the last.
 */
export async function talkAtOnce(call: FakeCall, clock: SimulatedClock, turns: number) {
  for (let turn = 0; turn < turns; turn++) {
    const asked = call.llm.watch();
    call.startSpeech();
    await clock.advance(GAP_MS);
    call.interim();
    await clock.advance(GAP_MS);
    call.endSpeech();
    await clock.advance(GAP_MS);
    call.final();
    await asked;
    call.llm.answer();
    await clock.advance(GAP_MS);
  }
}

export async function warmUp(turns: number): Promise<void> {
  const clock = new SimulatedClock();
  await using broker: Broker = openMemory({ clock });
  const call = new FakeCall(clock);
  await call.open(broker, "warm-up");
  await talkAtOnce(call, clock, turns);
  call.close();
}
