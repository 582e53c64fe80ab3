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
import type { RoomMedia } from "../../src/media/room.port.ts";
import { SimulatedRoom } from "../../src/media/simulated/simulated-room.ts";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import type { ScriptedAnswer } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { ANSWER, memberOf, newCall, scriptedRunners } from "../fleet/bench.ts";
import type { Order, Told } from "./fleet-process.ts";

/**
 * One worker process of a fleet, with rooms of its own in which Ann sits and speaks when she is
 * told to. What it does it tells its parent.
 */
const [url, prefix, name, capacity] = process.argv.slice(2) as [string, string, string, string];
const clock = systemClock;
const TOOL_MS = 1_500;
/** Who has left does not come back; who says nothing for long is still there. */
const SETTINGS = TurnSettings.parse({
  participant: { grace: 300 },
  silence: { awayAfter: 300_000, hangUpAfter: 600_000 },
});

const tell = (told: Told): void => void process.send?.(told);
const logger: Logger = {
  log: (_, message, fields) =>
    tell({ what: "logged", message, code: (fields?.["code"] as string | undefined) ?? "" }),
};
const broker = await openNats({ url, prefix, clock, ids: systemIds, logger });

const rooms = new Map<string, SimulatedRoom>();
function roomOf(room: string): SimulatedRoom {
  const known = rooms.get(room);
  if (known) return known;
  const opened = new SimulatedRoom(clock, () => tell({ what: "sound", room }));
  opened.enter("ann");
  rooms.set(room, opened);
  return opened;
}

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
  if (last?.role !== "user" || !last.text.includes("book")) return { text: ANSWER };
  return { toolCalls: [{ id: "1", name: "book", input: null }] };
}

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
    const media: RoomMedia = {
      join: (options) => {
        tell({ what: "joined", room });
        return roomOf(room).join(options);
      },
    };
    const script = { room: roomOf(room), media, blobs: broker.blobs, answer, tools: [book] };
    return scriptedRunners(clock, script);
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

async function obey(order: Order): Promise<void> {
  if ("say" in order) void rooms.get(order.room)?.say("ann", { text: order.say, ms: order.ms });
  else if ("leave" in order) rooms.get(order.leave)?.leave("ann");
  else {
    const job = { tenant: "acme", room: order.offer, payload: null };
    const offers = Array.from({ length: order.times }, () => broker.jobs.offer(job));
    const queued = (await Promise.all(offers)).filter((one) => one === "queued").length;
    tell({ what: "offered", queued, times: order.times });
  }
}
process.on("message", (order) => void obey(order as Order));
// A parent that is gone leaves none behind.
const orphaned = (): never => process.exit(1);
process.once("disconnect", orphaned);

tell({ what: "ready" });
await workUntilDrained(worker, { limitMs: 30_000, onDrain: () => tell({ what: "draining" }) });
for (const room of rooms.values()) room.leave("ann");
await broker[Symbol.asyncDispose]();
process.off("disconnect", orphaned);
process.disconnect();
