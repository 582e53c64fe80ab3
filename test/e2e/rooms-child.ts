import { CallMedia } from "../../src/actors/effects/call-media.ts";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { hookRunner } from "../../src/actors/effects/hook.runner.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../../src/actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import { Supervisor } from "../../src/actors/supervisor.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Logger } from "../../src/base/logger.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { workUntilDrained } from "../../src/cli/drain.ts";
import type { Json } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { Worker } from "../../src/fleet/worker.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { LiveKitMedia } from "../../src/media/livekit/livekit-media.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import { ScriptedLlm, type ScriptedAnswer } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { ANSWER, memberOf, newCall } from "../fleet/bench.ts";
import { RATE_HZ, ToneStt, ToneTts, ToneVad } from "../support/tones.ts";
import { SAYINGS, type Told } from "./fleet-process.ts";

/** One worker process of a fleet whose rooms are those of a LiveKit server; speech is tones. */
const [url, prefix, name, capacity, roomsUrl, apiKey, apiSecret] = process.argv.slice(2) as [
  ...[string, string, string, string],
  ...[string, string, string],
];
const clock = systemClock;
const TOOL_MS = 1_500;
/** An empty room is left before the server closes it. */
const SETTINGS = TurnSettings.parse({ participant: { grace: 300 } });

const tell = (told: Told): void => void process.send?.(told);
const logger: Logger = {
  log: (_, message, fields) =>
    tell({ what: "logged", message, code: (fields?.["code"] as string | undefined) ?? "" }),
};
const broker = await openNats({ url, prefix, clock, ids: systemIds, logger });
const rooms = new LiveKitMedia({
  url: roomsUrl,
  apiKey,
  apiSecret,
  rateHz: RATE_HZ,
  clock,
  logger,
});

const book: Tool = {
  spec: { name: "book", description: "", parameters: {} },
  write: true,
  idempotent: true,
  timeoutMs: 15_000,
  run: async (_, { key }): Promise<Json> => {
    tell({ what: "tool", key });
    await sleep(clock, TOOL_MS);
    return { booked: true };
  },
};

function answer({ messages }: LlmRequest): ScriptedAnswer {
  const last = messages.at(-1);
  const wants = last?.role === "user" && last.text.includes("book");
  if (!wants) return { text: ANSWER, afterMs: 200 };
  return { toolCalls: [{ id: "1", name: "book", input: null }], afterMs: 200 };
}

const parts = {
  models: [new ScriptedLlm(clock, answer)],
  voices: [{ tts: new ToneTts(), name: "tones" }],
  tools: [book],
  hooks: {},
};
const supervisor = new Supervisor({
  broker,
  clock,
  ids: systemIds,
  logger,
  machines: MACHINES,
  versions: CURRENT_VERSIONS,
  build: "test",
  worker: name,
  prefix,
  runnersFor: ({ room }) => {
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
      reply: replyRunner({ partsOf: () => parts, media }),
      filler: replyRunner({ partsOf: () => parts, media }),
      tool: toolRunner(() => parts, broker.blobs),
      hook: hookRunner(() => parts),
    };
  },
});
supervisor.onRecord((_, { hash }) => tell({ what: "acked", hash }));

const worker = new Worker({
  broker,
  supervisor,
  clock,
  ids: systemIds,
  logger,
  newCall: (job, call) => ({ ...newCall(job, call), settings: SETTINGS }),
  name,
  capacity: Number(capacity),
  join: (now) => memberOf({ broker, clock, worker: name, now, capacity: Number(capacity), prefix }),
});
// A parent that is gone leaves none behind.
const orphaned = (): void => process.exit(1);
process.once("disconnect", orphaned);

tell({ what: "ready" });
await workUntilDrained(worker, { limitMs: 30_000, onDrain: () => tell({ what: "draining" }) });
await rooms[Symbol.asyncDispose]();
await broker[Symbol.asyncDispose]();
process.off("disconnect", orphaned);
process.disconnect();
