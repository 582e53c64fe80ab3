import { CallMedia } from "../../src/actors/effects/call-media.ts";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { hookRunner } from "../../src/actors/effects/hook.runner.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../../src/actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import { Supervisor, type NewCall } from "../../src/actors/supervisor.ts";
import { CallFeed } from "../../src/api/call-feed.ts";
import { createApp, listen } from "../../src/api/server.ts";
import { TalkSockets } from "../../src/api/talk-socket.ts";
import { Talks } from "../../src/api/talks.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { CallRef, LogRecord } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { LocalBrowserRooms } from "../../src/media/local/browser-room.ts";
import { ScriptedStt, ScriptedVad } from "../../src/providers/scripted/scripted-ears.ts";
import { ScriptedLlm, ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";

/** The rate of the scripted ears: every sample of an utterance is the utterance's number. */
export const RATE_HZ = 8_000;

/** What the scripted ears make of sample 1. */
export const QUESTION = "What are your opening hours?";

/** The page's server in real time, with an agent whose ears, head and voice are scripted. */
export interface TalkServer extends AsyncDisposable {
  readonly url: string;
  readonly broker: Broker;
  readonly supervisor: Supervisor;
  readonly records: (ref: CallRef) => Promise<LogRecord[]>;
}

export async function openTalkServer(
  broker: Broker,
  answer: string,
  socketClock: Clock = systemClock,
): Promise<TalkServer> {
  const rooms = new LocalBrowserRooms({ clock: systemClock, rateHz: RATE_HZ });
  const supervisor = new Supervisor({
    broker,
    clock: systemClock,
    ids: systemIds,
    logger: silentLogger,
    machines: MACHINES,
    versions: CURRENT_VERSIONS,
    build: "test",
    worker: "w1",
    runnersFor: ({ call }) => {
      const media = new CallMedia();
      const model = new ScriptedLlm(systemClock, () => ({ text: answer, afterMs: 10 }));
      const tts = new ScriptedTts(systemClock);
      const read = (sample: number) => (sample === 1 ? { text: QUESTION, ms: 1_000 } : undefined);
      const voice = { tts, name: "scripted" };
      const partsOf = () => ({ models: [model], voices: [voice], tools: [], hooks: {} });
      return {
        connection: connectionRunner(rooms.of(call), media),
        detector: detectorRunner({ vad: new ScriptedVad(systemClock) }, media),
        stt: sttRunner(new ScriptedStt(systemClock, read), media),
        reply: replyRunner({ partsOf, media }),
        filler: replyRunner({ partsOf, media }),
        tool: toolRunner(partsOf, broker.blobs),
        hook: hookRunner(partsOf),
      };
    },
  });
  const { log } = broker;
  const feed = new CallFeed(log);
  supervisor.onRecord((ref) => feed.grew(ref));
  const talks = new Talks({ supervisor, log, rooms, newCall });
  const logger = silentLogger;
  const sockets = new TalkSockets({ talks, clock: socketClock, logger, rateHz: RATE_HZ });
  const app = createApp({
    log,
    feed,
    machines: MACHINES,
    costs: { of: () => Promise.reject(new TypeError("no costs here")) },
    logger,
    speech: { ready: true, missing: undefined },
    charts: [],
    runSample: () => Promise.reject(new TypeError("no sample here")),
    commands: { tell: () => Promise.reject(new TypeError("no commands here")) },
    fleet: () => Promise.reject(new TypeError("no fleet here")),
    budgets: {
      read: () => Promise.reject(new TypeError("no budgets here")),
      set: () => Promise.reject(new TypeError("no budgets here")),
    },
  });
  const listening = await listen(app, 0, sockets);
  return {
    url: listening.url,
    broker,
    supervisor,
    records: (ref) => Array.fromAsync(log.read(ref)),
    [Symbol.asyncDispose]: async () => {
      supervisor.abandonAll("the test is over");
      await listening[Symbol.asyncDispose]();
    },
  };
}

function newCall(room: string): NewCall {
  return {
    call: systemIds.call(),
    tenant: "local",
    room,
    identity: "agent",
    agent: { name: "scripted", hash: "none" },
    settings: TurnSettings.parse({ endpointing: { minDelay: 50 } }),
    texts: { greeting: "Hello." },
    agents: {},
    hooks: [],
    recording: null,
  };
}
