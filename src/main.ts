import type { PartsOf } from "./actors/agent-parts.ts";
import type { Tts } from "./providers/tts.port.ts";
import { readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Bookkeeper } from "./books/bookkeeper.ts";
import { CallMedia } from "./actors/effects/call-media.ts";
import { connectionRunner } from "./actors/effects/connection.runner.ts";
import { hookRunner } from "./actors/effects/hook.runner.ts";
import { outageRunner } from "./actors/effects/outage.runner.ts";
import { replyRunner } from "./actors/effects/reply.runner.ts";
import { toolRunner } from "./actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "./actors/effects/track.runners.ts";
import { Supervisor, type SupervisorPorts } from "./actors/supervisor.ts";
import { bundledAgent } from "./agent/bundled-agent.ts";
import { partsOf } from "./agent/shelf.ts";
import { agentOf, type VoiceAgent } from "./agent/voice-agent.ts";
import { AppError } from "./base/errors.ts";
import { systemClock } from "./base/clock.ts";
import { systemIds } from "./base/id.ts";
import { fromOptional } from "./base/optional-package.ts";
import { LIMITS } from "./base/limits.ts";
import { type Logger, stderrLogger } from "./base/logger.ts";
import type { Broker } from "./broker/broker.ts";
import { openEmbedded } from "./broker/embedded/embedded-broker.ts";
import { openNats } from "./broker/nats/nats-broker.ts";
import { BUILD, VERSION, type Config } from "./config.ts";
import type { CallRef } from "./events/record.ts";
import { CallCommands } from "./fleet/commands.ts";
import { FleetMember } from "./fleet/fleet-member.ts";
import { ProcessLoad, type WorkerNow } from "./fleet/heartbeat.ts";
import type { LiveKitDispatch } from "./fleet/livekit-dispatch.ts";
import { endCallIn, hearEnds, type RoomEndPorts } from "./fleet/room-end.ts";
import { Worker, type WorkerPorts } from "./fleet/worker.ts";
import { type PriceBook, priceBook, priceBookWith } from "./ledger/price-book.ts";
import { CURRENT_VERSIONS, MACHINES } from "./machines/machines.ts";
import { LocalBrowserRooms } from "./media/local/browser-room.ts";
import { Recorder } from "./media/local/recorder.ts";
import { PacedRoom } from "./media/paced-room.ts";
import type { RoomMedia } from "./media/room.port.ts";
import { MetricsFeed } from "./projections/metrics-feed.ts";
import { CostFollower } from "./projections/cost-follower.ts";
import type { ReadSide } from "./projections/read-side.ts";
import { createReceptionistTools } from "./providers/local/receptionist/tools.ts";
import { BREAKERS, type Providers } from "./vendors/providers.ts";
import type { Endpointer } from "./providers/endpointer.port.ts";

/** The composition root: the one file that picks adapters. */
export { lockHolder, tellUrl } from "./broker/embedded/data-lock.ts";
export { readLogFile } from "./broker/embedded/read-log-file.ts";
export { CURRENT_VERSIONS, DECISIONS, MACHINES } from "./machines/machines.ts";
export type { Broker } from "./broker/broker.ts";
export type { PacedRoom } from "./media/paced-room.ts";
export type { Recorder } from "./media/local/recorder.ts";
export { openFlite } from "./providers/local/flite.tts.ts";
export { findModels, MODELS, MOONSHINE, SMART_TURN } from "./providers/local/models.ts";
export { createSilero } from "./providers/local/silero.vad.ts";
export { missingOf, pullWeights } from "./providers/local/weights.ts";
export type { PullProgress, Weights } from "./providers/local/weights.ts";
export {
  BREAKERS,
  CALLER_VOICE,
  isReceptionistAnswering,
  needsLocalEars,
  openProviders,
} from "./vendors/providers.ts";
export { checkService, type CheckedCandidate, type ServiceCheck } from "./vendors/check.ts";
export type { Providers } from "./vendors/providers.ts";

/** The rate of local sound: what the voice detector and speech-to-text are made for. */
export const LOCAL_RATE_HZ = 16_000;
/** What this process calls itself, in logs and to the others. */
const WORKER = [
  hostname()
    .replaceAll(/[^\w-]/g, "-")
    .slice(0, 30),
  process.pid,
  systemIds.call().slice(-4),
].join("-");

/**
 * NATS where it is configured, else the data folder. Owners of the folder lock it; readers
 * (`readOnly`) need no lock and write nothing. A server serves any number of both.
 */
export function openStore(config: Config, readOnly: boolean): Promise<Broker> {
  // What a server warns of is for those who run on it, not for each look at a call.
  const level = readOnly && config.logLevel !== "debug" ? "error" : config.logLevel;
  const logger = stderrLogger(level, () => systemClock.now());
  if (config.nats) return openNats({ ...config.nats, clock: systemClock, ids: systemIds, logger });
  return openEmbedded({ dataDir: config.dataDir, clock: systemClock, logger, readOnly });
}

/**
 * The prices that came with the program, and those of the file that `TURNFOLD_PRICES` names. Error
 * `config.invalid`, naming the file and the field.
 */
export async function openPriceBook({ prices: file }: Pick<Config, "prices">): Promise<PriceBook> {
  if (file === undefined) return priceBook();
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    const { code = "it is no JSON" } = cause as NodeJS.ErrnoException;
    const detail = { fix: "name a file of JSON that can be read, or leave TURNFOLD_PRICES out" };
    throw new AppError("config.invalid", `TURNFOLD_PRICES: ${file}: ${code}`, { cause, detail });
  }
  return priceBookWith({ content, file });
}

/**
 * What the calls of this process cost: usage, ledgers, and the database that is configured. It
 * works once it is started; the database is opened behind its back, and only when there is
 * something for it.
 */
export async function openBookkeeper(config: Config, broker: Broker): Promise<Bookkeeper> {
  const book = await openPriceBook(config);
  const logger = stderrLogger(config.logLevel, () => systemClock.now());
  return new Bookkeeper({
    broker,
    clock: systemClock,
    logger,
    prices: () => ({ book }),
    projector: openProjector(config, broker, logger),
    ...(config.nats && { owner: WORKER }),
    ...prefixOf(config),
  });
}

/** Making PGlite's folder takes some seconds of a core: after a call, not in it. */
const QUIET_MS = 3_000;

function openProjector(config: Config, { cost }: Broker, logger: Logger): CostFollower | undefined {
  const { databaseUrl, nats } = config;
  const ports = { cost, clock: systemClock, logger };
  if (databaseUrl !== undefined)
    return new CostFollower({ ...ports, open: () => openDatabase(databaseUrl) });
  if (nats) return undefined;
  const open = (signal: AbortSignal) => openFolder(config, logger, signal);
  return new CostFollower({ ...ports, open, quietMs: QUIET_MS });
}

/** A PostgreSQL server's, as the books would open it. Error `database.failed`. */
export async function openDatabase(url: string): Promise<ReadSide> {
  const { openPostgres } = await import("./projections/postgres.ts");
  return await openPostgres(url);
}

/** The data folder's lock guards it. It is made of the streams, so a broken one is made anew. */
async function openFolder(
  { dataDir }: Config,
  logger: Logger,
  signal: AbortSignal,
): Promise<ReadSide> {
  const { openPglite } = await import("./projections/pglite.ts");
  const folder = join(dataDir, "costs.pglite");
  try {
    return await openPglite(folder, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.log("warn", "the database of costs is made anew", { folder, error: String(error) });
    await rm(folder, { recursive: true, force: true });
    return await openPglite(folder, signal);
  }
}

/** Where calls are kept, in words for a person. */
export function storeName({ nats, dataDir }: Config): string {
  return nats ? `the NATS server (prefix ${nats.prefix})` : dataDir;
}

/** The first file of a call's log, or its subject on NATS. */
export function logPath(config: Config, { tenant, call }: CallRef): string {
  if (config.nats) return `nats:${config.nats.prefix}.log.*.${tenant}.${call}`;
  return join(config.dataDir, tenant, call, "0001.jsonl");
}

/** Fails when a call opens, and not in the middle of its first turn. */
function checkEndpointer(agent: VoiceAgent, endpointer: Endpointer | undefined): void {
  if (agent.settings.endpointing.endpointer !== "smart-turn" || endpointer) return;
  const fix = "run turnfold models pull smart-turn";
  throw new AppError("endpointer.missing", `${agent.name}: no smart-turn weights: ${fix}`);
}

/** A room of WAV callers in real time, recorded from now on. */
export function openLocalRoom(): { readonly room: PacedRoom; readonly recorder: Recorder } {
  const recorder = new Recorder(systemClock.now(), LOCAL_RATE_HZ);
  const room = new PacedRoom({
    clock: systemClock,
    rateHz: LOCAL_RATE_HZ,
    silenceFrameMs: LIMITS.frameMs,
    onCaller: (_, frame, at) => recorder.add("caller", frame, at),
    onAgent: (frame, at) => recorder.add("agent", frame, at),
  });
  return { room, recorder };
}

/** Rooms of people at the page, one for each call. */
export function openBrowserRooms(): LocalBrowserRooms {
  return new LocalBrowserRooms({ clock: systemClock, rateHz: LOCAL_RATE_HZ });
}

/** Rooms of the LiveKit server that is configured; rtc-node is loaded only here. */
export async function openLiveKitRooms(config: Config): Promise<RoomMedia & AsyncDisposable> {
  const { liveKit } = config;
  if (!liveKit) throw new AppError("config.invalid", "environment: LIVEKIT_URL is not set");
  const { LiveKitMedia } = await import("./media/livekit/livekit-media.ts");
  const logger = stderrLogger(config.logLevel, () => systemClock.now());
  return new LiveKitMedia({ ...liveKit, rateHz: LOCAL_RATE_HZ, clock: systemClock, logger });
}

/**
 * This process as a worker of the LiveKit server, where agents are to be asked for by way of it;
 * `load` is the share of the process's room that is taken.
 */
export async function openLiveKitDispatch(
  config: Config,
  broker: Broker,
  load: () => number,
): Promise<LiveKitDispatch | undefined> {
  const { liveKit, tenant } = config;
  if (!liveKit?.dispatch) return undefined;
  const { LiveKitDispatch } = await import("./fleet/livekit-dispatch.ts");
  const ends = roomEnds(config, broker);
  return LiveKitDispatch.start(
    { ...liveKit, ...liveKit.dispatch, tenant, version: BUILD },
    {
      jobs: broker.jobs,
      endCall: (room, reason) => endCallIn(ends, { tenant, room }, reason),
      hearEnds: (onEnd) => hearEnds(ends, tenant, onEnd),
      load,
      clock: systemClock,
      logger: stderrLogger(config.logLevel, () => systemClock.now()),
    },
  );
}

/** What the ends of calls are told by. */
export function roomEnds(config: Config, broker: Broker): RoomEndPorts {
  return { broker, clock: systemClock, ...prefixOf(config) };
}

/** The bundled agent, as the variables want it. */
export function openBundledAgent({ agent }: Config): VoiceAgent {
  return bundledAgent(agent, createReceptionistTools());
}

/** Error `config.invalid` where it, or one it may hand over to, names what is not on the shelf. */
export function checkAgent(agent: VoiceAgent, { shelf, endpointer }: Providers): void {
  for (const one of [agent, ...Object.values(agent.agents)]) {
    partsOf(one, shelf);
    checkEndpointer(one, endpointer);
  }
}

/** The calls of one agent in this process, over the given rooms and the local providers. */
export function openSupervisor(
  config: Config,
  broker: Broker,
  parts: {
    readonly providers: Providers;
    readonly roomOf: (call: string) => RoomMedia;
    /** Asked at each effect, so that an edited agent is at work from its next answer on. */
    readonly agent: () => VoiceAgent;
    /** Without them no budget bounds a call. */
    readonly books?: Bookkeeper | undefined;
  },
): Supervisor {
  const { vad, shelf, endpointer } = parts.providers;
  const agentParts = (name: string) => partsOf(agentOf(parts.agent(), name), shelf);
  checkAgent(parts.agent(), parts.providers);
  return new Supervisor({
    broker,
    clock: systemClock,
    ids: systemIds,
    logger: stderrLogger(config.logLevel, () => systemClock.now()),
    machines: MACHINES,
    versions: CURRENT_VERSIONS,
    build: BUILD,
    worker: WORKER,
    ...prefixOf(config),
    ...(parts.books && { budgetFor: budgetsOf(parts.books, agentParts) }),
    runnersFor: ({ call }) => {
      const media = new CallMedia();
      const speaking = { partsOf: agentParts, media, guard: BREAKERS };
      const { stt: own, settings } = parts.agent();
      const stt = own ?? parts.providers.sttFor(settings.language);
      return {
        connection: connectionRunner(parts.roomOf(call), media),
        detector: detectorRunner({ vad, ...(endpointer && { endpointer }) }, media),
        ...(stt && { stt: sttRunner(stt, media) }),
        reply: replyRunner(speaking),
        filler: replyRunner(speaking),
        outage: outageRunner(speaking),
        tool: toolRunner(agentParts, broker.blobs),
        hook: hookRunner(agentParts),
      };
    },
  });
}

function budgetsOf(
  books: Bookkeeper,
  agentParts: PartsOf,
): NonNullable<SupervisorPorts["budgetFor"]> {
  const voicesOf = (agent: string): readonly Tts[] =>
    agentParts(agent).voices.map(({ tts }) => tts);
  return (ref, offer) => books.budgetOf(ref, { offer, voicesOf, ids: systemIds });
}

/** Metrics of the calls of this process; undefined where nobody has asked for them. */
export async function openMetrics(
  { metrics, logLevel }: Config,
  { log }: Broker,
  books: Pick<Bookkeeper, "prices">,
): Promise<MetricsFeed | undefined> {
  if (!metrics) return undefined;
  const { openOtelMetrics } = await fromOptional(
    ["api", "exporter-metrics-otlp-http", "resources", "sdk-metrics"].map(
      (name) => `@opentelemetry/${name}`,
    ),
    () => import("./projections/otel.projection.ts"),
  );
  const { byTenant, ...where } = metrics;
  const logger = stderrLogger(logLevel, () => systemClock.now());
  const sink = openOtelMetrics({ ...where, version: VERSION, instance: WORKER, logger });
  const desk = () => ({ ...books.prices, at: systemClock.now() });
  return new MetricsFeed({ log, logger, sink, desk, byTenant });
}

/** What the calls of this process may be told; each supervisor is attached to it. */
export function openCommands(config: Config, broker: Broker): CallCommands {
  const logger = stderrLogger(config.logLevel, () => systemClock.now());
  return new CallCommands({ broker, ids: systemIds, logger, worker: WORKER, ...prefixOf(config) });
}

/** This process in the fleet: its heartbeats, and what it hears of the others. */
export function joinFleet(
  config: Config,
  broker: Broker,
  parts: { readonly capacity: number; readonly now: () => WorkerNow },
): FleetMember {
  const carried = Object.entries(MACHINES).map(([kind, all]) => [kind, Object.keys(all)]);
  const about = {
    worker: WORKER,
    build: BUILD,
    machines: Object.fromEntries(carried) as Record<string, string[]>,
    capacity: parts.capacity,
    since: systemClock.now(),
  };
  const { now } = parts;
  const load = new ProcessLoad(systemClock);
  const names = prefixOf(config);
  const breakers = BREAKERS;
  return new FleetMember({ broker, clock: systemClock, ...names, about, now, load, breakers });
}

/** A worker of this process; it works once it is run. */
export function openWorker(
  config: Config,
  broker: Broker,
  parts: Pick<WorkerPorts, "supervisor" | "newCall"> & {
    /** Ids of all calls of this process. */
    readonly calls: () => readonly string[];
  },
): Worker {
  const { calls, ...ports } = parts;
  const capacity = config.workerCapacity;
  return new Worker({
    ...ports,
    broker,
    clock: systemClock,
    ids: systemIds,
    logger: stderrLogger(config.logLevel, () => systemClock.now()),
    name: WORKER,
    capacity,
    join: (now) =>
      joinFleet(config, broker, { capacity, now: () => ({ ...now(), calls: calls() }) }),
  });
}

function prefixOf({ nats }: Config): { readonly prefix?: string } {
  return nats ? { prefix: nats.prefix } : {};
}
