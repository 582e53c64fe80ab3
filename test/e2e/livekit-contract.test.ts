import { after, suite } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { LiveKitMedia } from "../../src/media/livekit/livekit-media.ts";
import { roomMediaContract, type RoomBench } from "../contract/room-media.contract.ts";
import { tonesByTenth } from "../contract/sound-codes.ts";
import { CALLER_RATE_HZ, LiveKitCaller } from "../support/livekit-caller.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";

/** What every room must do, in rooms of a real LiveKit server. */
const found = await findLiveKit();

suite("rooms of a LiveKit server", { skip: "missing" in found && found.missing }, async () => {
  if ("missing" in found) return;
  const opened = new AsyncDisposableStack();
  after(() => opened.disposeAsync());
  const server = opened.use(await LiveKitServer.start(found));
  const { url, apiKey, apiSecret } = server;
  const rateHz = CALLER_RATE_HZ;
  const options = { url, apiKey, apiSecret, rateHz, clock: systemClock, logger: silentLogger };
  const media = opened.use(new LiveKitMedia(options));
  let rooms = 0;

  function open(): RoomBench {
    const room = `contract-${rooms++}`;
    const callers: LiveKitCaller[] = [];
    return {
      clock: { ...systemClock, advance: (ms) => sleep(systemClock, ms) },
      media: { join: (join) => media.join({ ...join, room }) },
      rateHz,
      enter: async (identity) => {
        callers.push(opened.use(await LiveKitCaller.join(server, { room, identity })));
      },
      leave: () => callers.at(-1)!.leave(),
      type: (_, text) => callers.at(-1)!.type(text),
      say: (_, samples) => void callers.at(-1)!.say(samples),
      get heard() {
        return callers.flatMap(({ heard }) => heard.flatMap(({ samples }) => [...samples]));
      },
    };
  }

  roomMediaContract({
    name: "livekit",
    open,
    code: tonesByTenth,
    delayMs: 0,
    aheadMs: LIMITS.roomAheadMs,
    wayMs: 100,
    jitterMs: 200,
  });
});
