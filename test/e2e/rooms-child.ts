import { CallMedia } from "../../src/actors/effects/call-media.ts";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { hookRunner } from "../../src/actors/effects/hook.runner.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../../src/actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import { systemClock as clock } from "../../src/base/clock.ts";
import { LiveKitMedia } from "../../src/media/livekit/livekit-media.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import { ScriptedLlm } from "../../src/providers/scripted/scripted-mouth.ts";
import { RATE_HZ, ToneStt, ToneTts, ToneVad } from "../support/tones.ts";
import { SAYINGS } from "./fleet-process.ts";
import { answer, book, logger, tell, workAs } from "./worker-child.ts";

/** One worker process of a fleet whose rooms are those of a LiveKit server; speech is tones. */
const [url, apiKey, apiSecret] = process.argv.slice(6) as [string, string, string];
const rooms = new LiveKitMedia({ url, apiKey, apiSecret, rateHz: RATE_HZ, clock, logger });
const parts = {
  models: [new ScriptedLlm(clock, (request) => ({ ...answer(request), afterMs: 200 }))],
  voices: [{ tts: new ToneTts(), name: "tones" }],
  tools: [book],
  hooks: {},
};
const partsOf = () => parts;

await workAs(({ blobs }) => {
  const runnersFor = (room: string) => {
    const media = new CallMedia();
    const noted: RoomMedia = {
      join: async (options) => {
        const connection = await rooms.join(options);
        tell({ what: "joined", room });
        return connection;
      },
    };
    return {
      connection: connectionRunner(noted, media),
      detector: detectorRunner({ vad: new ToneVad() }, media),
      stt: sttRunner(new ToneStt(SAYINGS), media),
      reply: replyRunner({ partsOf, media }),
      filler: replyRunner({ partsOf, media }),
      tool: toolRunner(partsOf, blobs),
      hook: hookRunner(partsOf),
    };
  };
  return { runnersFor, close: () => rooms[Symbol.asyncDispose]() };
});
