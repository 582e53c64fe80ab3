import type { Bookkeeper } from "../../books/bookkeeper.ts";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CallHost } from "../../actors/call-host.ts";
import type { Supervisor } from "../../actors/supervisor.ts";
import { callOf, type VoiceAgent } from "../../agent/voice-agent.ts";
import { formatWav } from "../../base/audio.ts";
import { aborted, sleep, systemClock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { systemIds } from "../../base/id.ts";
import type { Config } from "../../config.ts";
import type { CallHeader } from "../../events/call.events.ts";
import type { CallRef, LogRecord } from "../../events/record.ts";
import type { CallCommands } from "../../fleet/commands.ts";
import { turnSummaries } from "../../folds/turns.ts";
import { usageOf } from "../../folds/usage.ts";
import {
  CALLER_VOICE,
  LOCAL_RATE_HZ,
  logPath,
  openCommands,
  openProviders,
  openBundledAgent,
  openLocalRoom,
  openStore,
  openSupervisor,
  type Broker,
  type Providers,
  type Recorder,
} from "../../main.ts";
import { AgentSlot } from "../agent-slot.ts";
import { firstUnheard, followScript } from "./caller.ts";
import { Progress, soundsOf, type Act } from "./script.ts";

/**
 * One simulated caller against the local agent, in real time. Without speech models the caller
 * types what it would say and hears the answer all the same; a WAV then cannot be understood.
 */
export interface SimulateOptions {
  readonly acts: readonly Act[];
  readonly tenant: string;
  readonly room: string;
  readonly record?: string;
  /** Who answers; default: the receptionist. */
  readonly slot?: AgentSlot;
  readonly agent?: VoiceAgent;
  /** A call whose process died: goes on with its own script. */
  readonly resume?: CallRef;
  readonly onRecord?: (record: LogRecord, ref: CallRef) => void;
  readonly onNotice?: (notice: string) => void;
  /** Where the call can be told things; default: on the bus of its store. */
  readonly commands?: CallCommands;
  /** Breaks the call off: its log stays as it is, and the simulation fails with `call.closed`. */
  readonly signal?: AbortSignal;
}

const CALLER = "caller";
/** The caller hangs up for good, so nobody waits for it to come back. */
const SETTINGS = { participant: { grace: 500 } };
const CLOSE_MAX_MS = 30_000;

export async function simulate(config: Config, options: SimulateOptions) {
  await using broker = await openStore(config, false);
  await using providers = await openProviders(config);
  return await simulateOn(config, { broker, providers }, options);
}

/** The same over a broker and providers that are open: the page runs its sample call so. */
export async function simulateOn(
  config: Config,
  { broker, providers, books }: { broker: Broker; providers: Providers; books?: Bookkeeper },
  options: SimulateOptions,
) {
  const signal = options.signal ?? new AbortController().signal;
  const started = options.resume
    ? await progressOf(broker, options.resume)
    : { acts: [...options.acts], began: [] };
  checkEars(started.acts, providers);
  if (providers.missing)
    options.onNotice?.(
      `no speech models (${providers.missing}): the caller types; run turnfold models pull`,
    );
  const voice = { tts: providers.tts, name: CALLER_VOICE, rateHz: LOCAL_RATE_HZ, signal };
  const isHeard = providers.missing === undefined;
  const sounds = isHeard ? await soundsOf(started.acts, voice) : [];
  const { room, recorder } = openLocalRoom();
  const slot = options.slot ?? new AgentSlot(options.agent ?? openBundledAgent(config), providers);
  const parts = { providers, roomOf: () => room, agent: () => slot.now, books };
  const supervisor = openSupervisor(config, broker, parts);
  const earlier = options.resume ? await recordsOf(broker, options.resume) : [];
  checkAgentOf(earlier[0], slot.now);
  const records = [...earlier];
  supervisor.onRecord((ref, record) => {
    records.push(record);
    options.onRecord?.(record, ref);
  });
  (options.commands ?? openCommands(config, broker)).attach(supervisor);
  using _ = slot.add(supervisor);
  using cleanup = new DisposableStack();
  // Whatever breaks it off: nobody stays in the room, and nothing goes on.
  cleanup.defer(() => supervisor.abandonAll("the simulation is over"));
  checkWanted(signal);
  room.enter(CALLER, { speaks: isHeard });
  cleanup.defer(() => room.leave(CALLER));
  const host = await open(supervisor, slot.now, options);
  const script = new ScriptKeeper(broker, host.ref, started);
  await script.save();
  await followScript(started.acts, firstUnheard(started.acts, started.began, earlier), {
    room,
    host,
    clock: systemClock,
    identity: CALLER,
    sounds,
    onAct: (act, _, ms) => script.begin(act, ms),
    signal,
  });
  checkWanted(signal);
  room.leave(CALLER);
  await closed(host, signal);
  checkWanted(signal);
  if (options.record) await saveRecording(options.record, recorder);
  return resultOf(config, host, records);
}

/** A call goes on with its own agent only: another one has not its tools. */
function checkAgentOf(opened: LogRecord | undefined, agent: VoiceAgent): void {
  if (!opened) return;
  const { name } = (opened.input["header"] as unknown as CallHeader).agent;
  if (name === agent.name) return;
  const detail = { fix: "name its file with --agent" };
  throw new AppError("input.invalid", `the call is of the agent ${name}`, { detail });
}

function open(
  supervisor: Supervisor,
  agent: VoiceAgent,
  { resume, tenant, room }: SimulateOptions,
): Promise<CallHost> {
  if (resume) return supervisor.resume(resume, "resume");
  return supervisor.open({
    call: systemIds.call(),
    tenant,
    room,
    identity: "agent",
    ...callOf(agent),
    settings: { ...agent.settings, ...SETTINGS },
    recording: null,
  });
}

function checkEars(acts: readonly Act[], { missing }: Providers): void {
  if (missing === undefined || !acts.some(({ kind }) => kind === "wav")) return;
  throw new AppError(
    "stt.missing",
    `a WAV cannot be understood without speech models (${missing}): run turnfold models pull`,
  );
}

function checkWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError("call.closed", "the simulated call was broken off");
}

/** A call that does not close is a bug, and must not keep its caller waiting. */
async function closed(host: CallHost, signal: AbortSignal): Promise<void> {
  const patience = new AbortController();
  const over = sleep(systemClock, CLOSE_MAX_MS, patience.signal).then(() => {
    if (!patience.signal.aborted)
      throw new AppError("bug", `call ${host.ref.call} did not close in time`);
  });
  try {
    await Promise.race([host.ended, over, aborted(signal)]);
  } finally {
    patience.abort();
  }
}

class ScriptKeeper {
  readonly #broker: Broker;
  readonly #key: string;
  #progress: Progress;

  constructor(broker: Broker, ref: CallRef, progress: Progress) {
    this.#broker = broker;
    this.#key = keyOf(ref);
    this.#progress = progress;
  }

  async save(): Promise<void> {
    await this.#broker.kv.put(this.#key, this.#progress);
  }

  begin(act: number, ms: number): Promise<void> {
    const began = [...this.#progress.began, { act, at: systemClock.now(), ms }];
    this.#progress = { ...this.#progress, began };
    return this.save();
  }
}

function keyOf({ tenant, call }: CallRef): string {
  return `simulate.${tenant}.${call}`;
}

async function progressOf(broker: Broker, ref: CallRef): Promise<Progress> {
  const entry = await broker.kv.get(keyOf(ref));
  const parsed = Progress.safeParse(entry?.value);
  if (parsed.success) return parsed.data;
  throw new AppError(
    "call.notFound",
    `call ${ref.call} was not simulated here: it has no script to go on with`,
  );
}

async function recordsOf(broker: Broker, ref: CallRef): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of broker.log.read(ref)) records.push(record);
  return records;
}

async function saveRecording(dir: string, recorder: Recorder): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const side of ["caller", "agent"])
    await writeFile(join(dir, `${side}.wav`), formatWav(recorder.sound(side)));
}

function resultOf(config: Config, host: CallHost, records: readonly LogRecord[]) {
  const { tenant, call } = host.ref;
  return {
    call,
    tenant,
    room: host.fold.header.room,
    log: logPath(config, host.ref),
    records: host.fold.tail.seq,
    stateHash: host.fold.tail.hash,
    turns: turnSummaries(records),
    usage: usageOf(records),
  };
}
