import { samplesOf } from "../src/base/audio.ts";
import { sleep, systemClock } from "../src/base/clock.ts";
import { LIMITS } from "../src/base/limits.ts";
import { PacedRoom } from "../src/media/paced-room.ts";
import { createSilero } from "../src/providers/local/silero.vad.ts";
import { CALLER_RATE_HZ } from "./caller-sound.ts";
import { PositionStt, type Stage } from "./fakes.ts";
import { OurCall } from "./our-call.ts";
import type { OurOutcome } from "./outcome.ts";
import { ZERO_MS, type Scenario } from "./scenario.ts";
import { SoundTrack, WordBook } from "./word-book.ts";

const CALLER = "ann";
const CLOSED_MAX_MS = 8_000;
/** A timer may come early by a fraction: what follows must not count. */
const SLACK_MS = 50;

/** A scenario in real time on real sound: the real voice detector hears the caller. */
export async function runAudio(scenario: Scenario, sound: Int16Array): Promise<OurOutcome> {
  const clock = systemClock;
  const track = new SoundTrack();
  const stage: Stage = { scenario, clock, book: new WordBook(), asked: [] };
  const rateHz = CALLER_RATE_HZ;
  const room = new PacedRoom({
    clock,
    rateHz,
    silenceFrameMs: LIMITS.frameMs,
    onAgent: (frame, at) => track.add(frame, at),
  });
  const vad = createSilero();
  await vad.warm();
  const stt = new PositionStt(scenario, rateHz, () => clock.now() - call.openedAt);
  const call = new OurCall({ stage, room, rateHz, vad, stt, track });
  const until = (ms: number) => sleep(clock, call.openedAt + ZERO_MS + ms - clock.now());
  const enter = (): void => {
    room.enter(CALLER);
    const saidMs = clock.now() - call.openedAt;
    void room.speak(CALLER, sound.subarray(samplesOf(saidMs, rateHz)));
  };
  await call.open();
  enter();
  const { leaves, endMs } = scenario;
  if (leaves) {
    await until(leaves.at);
    room.leave(CALLER);
  }
  if (leaves?.backAt !== undefined) {
    await until(leaves.backAt);
    enter();
  }
  await until(endMs + SLACK_MS);
  await Promise.race([call.close(), sleep(clock, CLOSED_MAX_MS)]);
  room.leave(CALLER);
  const outcome = await call.outcome();
  call.dispose();
  return outcome;
}
