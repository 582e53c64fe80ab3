import type { AudioFrame } from "../../src/base/audio.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { BrowserRoom } from "../../src/media/local/browser-room.ts";
import { PacedRoom } from "../../src/media/paced-room.ts";
import { TestPage } from "../support/test-page.ts";
import { roomMediaContract, type RoomBench } from "./room-media.contract.ts";
import { countedSamples } from "./sound-codes.ts";

function openPaced(): RoomBench {
  const clock = new SimulatedClock();
  const rateHz = 16_000;
  const frames: { frame: AudioFrame; at: number }[] = [];
  const media = new PacedRoom({
    clock,
    rateHz,
    silenceFrameMs: LIMITS.frameMs,
    onAgent: (frame, at) => frames.push({ frame, at }),
  });
  return {
    clock,
    media,
    rateHz,
    enter: (identity) => media.enter(identity),
    leave: (identity) => media.leave(identity),
    type: (identity, text) => media.type(identity, text),
    say: (identity, samples) => void media.speak(identity, samples),
    get heard() {
      return frames.flatMap(({ frame }) => [...frame.samples]);
    },
  };
}

function openBrowser(): RoomBench {
  const clock = new SimulatedClock();
  const rateHz = 16_000;
  const media = new BrowserRoom({ clock, rateHz });
  const pages: TestPage[] = [];
  return {
    clock,
    media,
    rateHz,
    enter: (identity) => {
      const page = new TestPage(clock, rateHz);
      page.sit(media.enter({ identity, name: identity, speaks: true }, page));
      pages.push(page);
    },
    leave: () => pages.at(-1)?.leave(),
    type: (_, text) => pages.at(-1)?.seat.type(text),
    say: (_, samples) => pages.at(-1)?.say(samples),
    get heard() {
      return pages.flatMap((page) => page.heard);
    },
  };
}

const exact = { code: countedSamples, wayMs: 0, jitterMs: 0 };
roomMediaContract({
  name: "paced",
  open: openPaced,
  ...exact,
  delayMs: 0,
  aheadMs: LIMITS.playoutAheadMs,
});
roomMediaContract({
  name: "browser",
  open: openBrowser,
  ...exact,
  delayMs: LIMITS.pageDelayMs,
  aheadMs: LIMITS.pageAheadMs,
});
