import type { Bookkeeper } from "../books/bookkeeper.ts";
import type { NewCall, RecordListener } from "../actors/supervisor.ts";
import { callOf, type VoiceAgent } from "../agent/voice-agent.ts";
import { sleep, systemClock } from "../base/clock.ts";
import { AppError, codeOf } from "../base/errors.ts";
import type { Job } from "../broker/jobs.port.ts";
import type { Config } from "../config.ts";
import { parseJoin } from "../events/fleet.events.ts";
import type { CallCommands } from "../fleet/commands.ts";
import { sayingEnds, tellEnd } from "../fleet/room-end.ts";
import type { Worker } from "../fleet/worker.ts";
import {
  CURRENT_VERSIONS,
  openCommands,
  openLiveKitDispatch,
  openBookkeeper,
  openLiveKitRooms,
  openMetrics,
  openProviders,
  openBundledAgent,
  openStore,
  openSupervisor,
  openWorker,
  roomEnds,
  storeName,
  type Broker,
  type Providers,
} from "../main.ts";
import { AgentSlot } from "./agent-slot.ts";
import { healthOf, liveKitHealth, type Health } from "./health.ts";
import { parseDuration } from "./arguments.ts";
import type { RoomMedia } from "../media/room.port.ts";
import type { OptionSpec } from "./command.ts";
import type { DrainPorts } from "./drain.ts";
import type { Output } from "./output.ts";

const STORE_AGAIN_MIN_MS = 250;
const STORE_AGAIN_MAX_MS = 4_000;

/** A worker with an agent, on the rooms of a LiveKit server. */
export interface Work extends AsyncDisposable {
  readonly worker: Worker;
  readonly health: Health;
}

export interface WorkPorts {
  readonly broker: Broker;
  readonly providers: Providers;
  readonly slot: AgentSlot;
  readonly commands: CallCommands;
  readonly books: Bookkeeper;
  readonly onRecord?: RecordListener;
}

/** In a process that has all else already. */
export async function openWork(config: Config, ports: WorkPorts): Promise<Work> {
  const { broker, providers, slot, commands, books, onRecord } = ports;
  await using opened = new AsyncDisposableStack();
  const rooms = opened.use(await openLiveKitRooms(config));
  const ends = roomEnds(config, broker);
  const agent = (): VoiceAgent => slot.now;
  const roomOf = (call: string): RoomMedia =>
    sayingEnds(rooms, {
      isOver: () => supervisor.get(call)?.fold.snapshotOf("room")?.matches("leaving") === true,
      onOver: (tenant, room) => tellEnd(ends, tenant, room),
    });
  const supervisor = openSupervisor(config, broker, { providers, roomOf, agent, books });
  opened.defer(() => supervisor.abandonAll("the worker was stopped"));
  opened.use(slot.add(supervisor));
  commands.attach(supervisor);
  if (onRecord) supervisor.onRecord(onRecord);
  const worker = openWorker(config, broker, {
    supervisor: {
      open: (call) => supervisor.open(call),
      resume: async (ref, why) => slot.adopt(await supervisor.resume(ref, why), "worker"),
      onRecord: (listener) => supervisor.onRecord(listener),
    },
    newCall: (job, call) => callFor(job, call, agent()),
    calls: () => commands.calls.map(({ call }) => call),
  });
  opened.use(worker);
  worker.member.follow(supervisor);
  const load = (): number => (worker.isDraining ? 1 : worker.claims / worker.capacity);
  const dispatch = await openLiveKitDispatch(config, broker, load);
  if (dispatch) opened.use(dispatch);
  const health = {
    livekit: liveKitHealth(config, dispatch),
    // In these rooms nobody types.
    speech: { check: async () => providers.missing, isNeeded: true },
  };
  const all = opened.move();
  return { worker, health, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A process that does nothing else; it may be started before the servers. */
export async function openWorkAlone(
  config: Config,
  out: Pick<Output, "note" | "signal">,
  agent: VoiceAgent = openBundledAgent(config),
): Promise<Work> {
  await using opened = new AsyncDisposableStack();
  const broker = opened.use(await storeOnceThere(config, out));
  const providers = opened.use(await openProviders(config));
  const slot = new AgentSlot(agent, providers);
  const books = opened.use(await openBookkeeper(config, broker));
  const commands = openCommands(config, broker);
  const metrics = opened.use(await openMetrics(config, broker, books));
  const onRecord: RecordListener = (ref, record) => {
    books.offer(ref, record);
    metrics?.offer(ref, record);
  };
  const ports = { broker, providers, slot, commands, books, onRecord };
  const work = opened.use(await openWork(config, ports));
  void books.start();
  const health = { ...healthOf(config, broker, books), ...work.health };
  const all = opened.move();
  return { worker: work.worker, health, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Says once what is missing, and looks again and again until it is there. */
async function storeOnceThere(
  config: Config,
  out: Pick<Output, "note" | "signal">,
): Promise<Broker> {
  for (let waitMs = STORE_AGAIN_MIN_MS; ; waitMs = Math.min(2 * waitMs, STORE_AGAIN_MAX_MS)) {
    try {
      return await openStore(config, false);
    } catch (error) {
      if (codeOf(error) !== "broker.unavailable" || out.signal?.aborted) throw error;
      if (waitMs === STORE_AGAIN_MIN_MS) out.note(`waiting: ${(error as Error).message}`);
      await sleep(systemClock, waitMs, out.signal);
    }
  }
}

/** Error `config.invalid` for a job that asks for another agent: a worker that has it may do it. */
function callFor({ tenant, room, payload }: Job, call: string, agent: VoiceAgent): NewCall {
  const { agent: name = agent.name, identity = "agent" } = parseJoin(payload);
  if (name !== agent.name)
    throw new AppError("config.invalid", `join: no agent ${name} here, but ${agent.name}`);
  return { call, tenant, room, identity, ...callOf(agent), recording: null };
}

/** Whether this process can work: several share a NATS server, and rooms are a LiveKit server's. */
export function canWork({ nats, liveKit }: Config): boolean {
  return nats !== undefined && liveKit !== undefined;
}

/** Error `config.invalid` where there is no server that workers share. */
export function needNats({ nats }: Config): void {
  if (nats) return;
  const fix = "set NATS_URL, and leave out --data; `npm run servers` starts a server";
  throw new AppError("config.invalid", "NATS_URL is not set: workers share a NATS server", {
    detail: { fix },
  });
}

/** Before models are fetched for nothing. */
export function needLiveKit({ liveKit }: Config): void {
  if (liveKit) return;
  const fix = "set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET";
  throw new AppError("config.invalid", "LIVEKIT_URL is not set: a worker talks in its rooms", {
    detail: { fix },
  });
}

/** One line: who works, on how much, with what, and where the work lies. */
export function workLine(config: Config, { name, capacity }: Worker): string {
  const versions = Object.entries(CURRENT_VERSIONS).map((pair) => pair.join(" "));
  const calls = capacity === 1 ? "1 call" : `up to ${capacity} calls`;
  return `worker ${name}: ${calls}, machines ${versions.join(", ")}, ${storeName(config)}`;
}

export interface DrainFlags {
  readonly drain?: number;
}

/** Of the commands that work. */
export const DRAIN_OPTION: OptionSpec = {
  flags: "--drain <time>",
  description: "how long SIGTERM waits for moments to hand calls over: 30s, 2m; default 60s",
  parse: parseDuration,
};
const DRAIN_MS = 60_000;

export function drainPorts({ worker }: Work, options: DrainFlags, out: Output): DrainPorts {
  const { drain: limitMs = DRAIN_MS } = options;
  const onDrain = (): void => {
    const calls = worker.claims === 1 ? "1 call" : `${worker.claims} calls`;
    const limit = `within ${limitMs / 1_000} s`;
    if (worker.claims > 0) out.note(`handing over ${calls} ${limit}; stop again to cut short`);
  };
  return { signal: out.signal, limitMs, onDrain };
}
