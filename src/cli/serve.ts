import type { Bookkeeper } from "../books/bookkeeper.ts";
import type { NewCall } from "../actors/supervisor.ts";
import { TenantBudgets } from "../books/tenant-budgets.ts";
import { callOf, type VoiceAgent } from "../agent/voice-agent.ts";
import { CallFeed } from "../api/call-feed.ts";
import { createApp, listen } from "../api/server.ts";
import { LiveCosts } from "../api/live-costs.ts";
import { TalkSockets } from "../api/talk-socket.ts";
import { Talks, type TalkPorts } from "../api/talks.ts";
import { systemClock } from "../base/clock.ts";
import { systemIds } from "../base/id.ts";
import { stderrLogger, type Logger } from "../base/logger.ts";
import { readConfig, type Config } from "../config.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import type { CallCommands } from "../fleet/commands.ts";
import type { WorkerNow } from "../fleet/heartbeat.ts";
import { TurnFold, type TurnSummary } from "../folds/turns.ts";
import {
  joinFleet,
  LOCAL_RATE_HZ,
  MACHINES,
  openBrowserRooms,
  openCommands,
  openMetrics,
  openProviders,
  openBookkeeper,
  openBundledAgent,
  openStore,
  openSupervisor,
  tellUrl,
  type Broker,
  type Providers,
} from "../main.ts";
import { AgentSlot } from "./agent-slot.ts";
import { healthOf, type Health } from "./health.ts";
import { canWork, openWork, type Work } from "./work.ts";
import { allCharts } from "./charts.command.ts";
import { simulateOn } from "./simulate/run.ts";
import { SAMPLE } from "./simulate/script.ts";

/** The embedded default in one process: data folder, local speech, page, and one agent. */
export interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly slot: AgentSlot;
  /** On rooms of a LiveKit server, where NATS and LiveKit are configured. */
  readonly work: Work | undefined;
  readonly books: Bookkeeper;
  readonly health: Health;
}

export type OnRecord = (ref: CallRef, record: LogRecord) => void;

export async function serve(
  config: Config,
  agent: VoiceAgent = openBundledAgent(config),
  onRecord: OnRecord = () => undefined,
): Promise<Serving> {
  await using opened = new AsyncDisposableStack();
  const logger = stderrLogger(config.logLevel, () => systemClock.now());
  const broker = opened.use(await openStore(config, false));
  const providers = opened.use(await openProviders(config));
  const books = opened.use(await openBookkeeper(config, broker));
  const metrics = opened.use(await openMetrics(config, broker, books));
  const slot = new AgentSlot(agent, providers);
  const feed = new CallFeed(broker.log);
  const told: OnRecord = (ref, record) => {
    feed.grew(ref);
    books.offer(ref, record);
    metrics?.offer(ref, record);
    onRecord(ref, record);
  };
  const rooms = openBrowserRooms();
  const supervisor = openSupervisor(config, broker, {
    providers,
    roomOf: (id) => rooms.of(id),
    agent: () => slot.now,
    books,
  });
  // As after a crash: who reloads the page of a new start goes on with the call.
  opened.defer(() => supervisor.abandonAll("the server was stopped"));
  slot.add(supervisor);
  supervisor.onRecord(told);
  const commands = openCommands(config, broker);
  commands.attach(supervisor);
  const ports = { broker, providers, slot, commands, books, onRecord: told };
  const work = canWork(config) ? opened.use(await openWork(config, ports)) : undefined;
  const member = work?.worker.member ?? opened.use(joinFleet(config, broker, idle(commands)));
  member.follow(supervisor);
  const newCall = (room: string): NewCall => pageCall(room, config.tenant, slot.now);
  const owner: TalkPorts["supervisor"] = {
    open: (call) => supervisor.open(call),
    resume: async (ref, why) => slot.adopt(await supervisor.resume(ref, why), "start"),
  };
  const talks = new Talks({ supervisor: owner, log: broker.log, rooms, newCall });
  const samples = new Samples(config, { broker, providers, books, logger, slot, told, commands });
  const app = createApp({
    log: broker.log,
    feed,
    machines: MACHINES,
    costs: new LiveCosts(broker.log, () => ({ ...books.prices, at: systemClock.now() })),
    logger,
    runSample: () => samples.run(),
    speech: { ready: providers.missing === undefined, missing: providers.missing },
    charts: allCharts().map(([, chart]) => chart),
    commands,
    fleet: () => member.view.answer(),
    budgets: new TenantBudgets(books, systemIds),
  });
  const sockets = new TalkSockets({ talks, clock: systemClock, logger, rateHz: LOCAL_RATE_HZ });
  const { url } = opened.use(await listen(app, config.port, sockets));
  if (!config.nats) tellUrl(config.dataDir, url);
  // First of all: what they write to is closed later.
  opened.use(samples);
  void books.start();
  void work?.worker.run();
  const all = opened.move();
  const speech = { check: async () => providers.missing, isNeeded: false };
  const health = { ...healthOf(config, broker, books), speech, ...work?.health };
  return { url, slot, work, books, health, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A call of somebody at the page. */
function pageCall(room: string, tenant: string, agent: VoiceAgent): NewCall {
  return {
    call: systemIds.call(),
    tenant,
    room,
    identity: "agent",
    ...callOf(agent),
    recording: null,
  };
}

/** It takes no jobs: its calls are those of the page. */
function idle(commands: CallCommands) {
  const now = (): WorkerNow => ({
    state: "live",
    claims: 0,
    calls: commands.calls.map(({ call }) => call),
  });
  return { capacity: 0, now };
}

interface SamplePorts {
  readonly broker: Broker;
  readonly providers: Providers;
  readonly books: Bookkeeper;
  readonly logger: Logger;
  readonly slot: AgentSlot;
  readonly told: OnRecord;
  readonly commands: CallCommands;
}

/** The sample calls that run; disposed, they are broken off and let go of all they use. */
class Samples implements AsyncDisposable {
  readonly #config: Config;
  readonly #ports: SamplePorts;
  readonly #over = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(config: Config, ports: SamplePorts) {
    this.#config = config;
    this.#ports = ports;
  }

  /** Resolves once the call has been opened. */
  run(): Promise<CallRef> {
    const opened = Promise.withResolvers<CallRef>();
    const running = this.#simulate(opened.resolve).catch(opened.reject);
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    return opened.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running);
  }

  async #simulate(onOpened: (ref: CallRef) => void): Promise<void> {
    const { logger, slot, told, commands, ...stores } = this.#ports;
    const { signal } = this.#over;
    const onRecord = (record: LogRecord, ref: CallRef): void => {
      onOpened(ref);
      told(ref, record);
    };
    const room = { acts: SAMPLE, tenant: this.#config.tenant, room: "sample" };
    const sample = { ...room, onRecord, slot, signal, commands };
    try {
      await simulateOn(this.#config, stores, sample);
    } catch (error) {
      if (!signal.aborted) logger.log("error", "the sample call failed", { error: String(error) });
      throw error;
    }
  }
}

/** What `start` of the public API takes. */
export interface StartOptions {
  readonly agent: VoiceAgent;
  /** Of the page; 0 takes a free one. Default: `TURNFOLD_PORT`, else 4600. */
  readonly port?: number;
  /** Where the calls' logs lie; one process owns it. Default: `TURNFOLD_DATA`, `.turnfold`. */
  readonly dataDir?: string;
  /** Each record of each call, once it is in the log. */
  readonly onRecord?: (call: CallRef, record: LogRecord) => void;
  /** Each turn once it is over: what was said and heard, and how long one waited. */
  readonly onTurn?: (call: CallRef, turn: TurnSummary) => void;
}

/** A running agent: its page and its calls. */
export interface Started extends AsyncDisposable {
  readonly url: string;
  /** Another agent, or a changed one, from the next answer on, also in the calls that run. */
  swap(agent: VoiceAgent): Promise<void>;
  /** Stops listening; unfinished calls stay in their logs and can be resumed. */
  close(): Promise<void>;
}

/** `start` of the public API. */
export async function startAgent(options: StartOptions): Promise<Started> {
  const { agent, port, dataDir, onRecord, onTurn } = options;
  const config = readConfig({
    ...(dataDir !== undefined && { data: dataDir }),
    ...(port !== undefined && { port }),
  });
  const turns = onTurn && new TurnTeller(onTurn);
  const serving = await serve(config, agent, (ref, record) => {
    onRecord?.(ref, record);
    turns?.apply(ref, record);
  });
  const close = async (): Promise<void> => serving[Symbol.asyncDispose]();
  const swap = async (next: VoiceAgent): Promise<void> =>
    void (await serving.slot.swap(next, "api"));
  return { url: serving.url, swap, close, [Symbol.asyncDispose]: close };
}

/** Tells each turn once, when the record that ends it is in the log. */
class TurnTeller {
  readonly #tell: NonNullable<StartOptions["onTurn"]>;
  readonly #folds = new Map<string, TurnFold>();

  constructor(tell: NonNullable<StartOptions["onTurn"]>) {
    this.#tell = tell;
  }

  apply(ref: CallRef, record: LogRecord): void {
    const key = `${ref.tenant}/${ref.call}`;
    const fold = this.#folds.get(key) ?? new TurnFold();
    this.#folds.set(key, fold);
    fold.apply(record);
    for (const fact of record.outcome.emitted) {
      if (fact.type !== "turn.ended") continue;
      const summary = fold.summary(fact["n"] as number);
      if (summary) this.#tell(ref, summary);
    }
    if (record.input.type === "call.ended") this.#folds.delete(key);
  }
}
