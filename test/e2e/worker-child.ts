import type { Runners } from "../../src/actors/effect.ts";
import { Supervisor } from "../../src/actors/supervisor.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { workUntilDrained } from "../../src/cli/drain.ts";
import type { Json } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { Worker } from "../../src/fleet/worker.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import type { ScriptedAnswer } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { ANSWER, memberOf, newCall } from "../fleet/bench.ts";
import type { Told } from "./fleet-process.ts";

/** What all worker processes of a test have; their rooms and their speech are their own. */
const TOOL_MS = 1_500;
/** Who has left does not come back; who says nothing for long is still there. */
const SETTINGS = TurnSettings.parse({
  participant: { grace: 300 },
  silence: { awayAfter: 300_000, hangUpAfter: 600_000 },
});

export const tell = (told: Told): void => void process.send?.(told);

export const logger: Logger = {
  log: (_, message, fields) =>
    tell({ what: "logged", message, code: (fields?.["code"] as string | undefined) ?? "" }),
};

/** It takes its time, and its far side knows its key. */
export const book: Tool = {
  spec: { name: "book", description: "", parameters: {} },
  write: true,
  idempotent: true,
  timeoutMs: 15_000,
  run: async (_, { key }): Promise<Json> => {
    tell({ what: "tool", key });
    await sleep(systemClock, TOOL_MS);
    return { booked: true };
  },
};

/** Who asks for a booking gets one; any other question has the same answer. */
export function answer({ messages }: LlmRequest): ScriptedAnswer {
  const last = messages.at(-1);
  if (last?.role !== "user" || !last.text.includes("book")) return { text: ANSWER };
  return { toolCalls: [{ id: "1", name: "book", input: null }] };
}

/** Works as the arguments say until it is asked to go; `close` lets go of the rooms. */
export async function workAs(
  open: (broker: Broker) => {
    readonly runnersFor: (room: string) => Runners;
    readonly close: () => void | Promise<void>;
  },
): Promise<void> {
  const [url, prefix, name, places] = process.argv.slice(2) as [string, string, string, string];
  const [clock, ids, capacity] = [systemClock, systemIds, Number(places)];
  const broker = await openNats({ url, prefix, clock, ids, logger });
  const { runnersFor, close } = open(broker);
  const supervisor = new Supervisor({
    broker,
    clock,
    ids,
    logger,
    machines: MACHINES,
    versions: CURRENT_VERSIONS,
    build: "test",
    worker: name,
    prefix,
    runnersFor: ({ room }) => runnersFor(room),
  });
  supervisor.onRecord((_, { hash }) => tell({ what: "acked", hash }));
  const worker = new Worker({
    broker,
    supervisor,
    clock,
    ids,
    logger,
    newCall: (job, call) => ({ ...newCall(job, call), settings: SETTINGS }),
    name,
    capacity,
    join: (now) => memberOf({ broker, clock, worker: name, now, capacity, prefix }),
  });
  // A parent that is gone leaves none behind.
  const orphaned = (): never => process.exit(1);
  process.once("disconnect", orphaned);
  tell({ what: "ready" });
  await workUntilDrained(worker, { limitMs: 30_000, onDrain: () => tell({ what: "draining" }) });
  await close();
  await broker[Symbol.asyncDispose]();
  process.off("disconnect", orphaned);
  process.disconnect();
}
