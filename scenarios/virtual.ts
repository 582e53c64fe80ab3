import { SimulatedClock } from "../src/base/clock.ts";
import { RATE_HZ, SimulatedRoom } from "../src/media/simulated/simulated-room.ts";
import { ScriptedStt, ScriptedVad } from "../src/providers/scripted/scripted-ears.ts";
import type { Stage } from "./fakes.ts";
import { OurCall } from "./our-call.ts";
import type { OurOutcome } from "./outcome.ts";
import { ZERO_MS, type Scenario } from "./scenario.ts";
import { SoundTrack, WordBook } from "./word-book.ts";

const CALLER = "ann";
const CLOSING_MS = 60_000;

/** A scenario on virtual time: the same each time, to the millisecond. */
export async function runVirtual(scenario: Scenario): Promise<OurOutcome> {
  const clock = new SimulatedClock();
  const track = new SoundTrack();
  const stage: Stage = { scenario, clock, book: new WordBook(), asked: [] };
  const room = new SimulatedRoom(clock, (frame, at) => track.add(frame, at));
  const vad = new ScriptedVad(clock);
  const stt = new ScriptedStt(clock, (sample) => room.utteranceOf(sample));
  const call = new OurCall({ stage, room, rateHz: RATE_HZ, vad, stt, track });
  await call.open();
  await clock.advance(0);
  room.enter(CALLER);
  const { leaves } = scenario;
  const acts: (readonly [number, () => void])[] = scenario.says.map((spoken) => [
    spoken.at,
    () => void room.say(CALLER, spoken),
  ]);
  if (leaves) acts.push([leaves.at, () => room.leave(CALLER)]);
  if (leaves?.backAt !== undefined) acts.push([leaves.backAt, () => room.enter(CALLER)]);
  for (const [at, act] of acts.toSorted(([a], [b]) => a - b)) {
    await clock.run(call.openedAt + ZERO_MS + at);
    act();
  }
  await clock.run(call.openedAt + ZERO_MS + scenario.endMs);
  const closed = call.close();
  await clock.advance(CLOSING_MS);
  await closed;
  return call.outcome();
}
