import { explaining } from "../../../src/actors/explain.ts";
import { CallFold } from "../../../src/actors/call-fold.ts";
import type { CallHost } from "../../../src/actors/call-host.ts";
import type { MachineSet } from "../../../src/actors/machine-set.ts";
import { refold } from "../../../src/actors/supervisor.ts";
import { Replay } from "../../../src/actors/replay.ts";
import type { LogRecord } from "../../../src/events/record.ts";
import type { Explained } from "../../../src/folds/timeline-words.ts";
import { DECISIONS, MACHINES } from "../../../src/machines/machines.ts";
import type { RoomContext } from "../../../src/machines/room.rules.ts";
import { LogChecks } from "./checks.ts";
import { type Coverage, watchedMachines } from "./coverage.ts";
import { Dice } from "./dice.ts";
import { CLOSERS, HOST_MOVES } from "./host-moves.ts";
import { MOVES, type Move } from "./moves.ts";
import { SETTINGS } from "./settings.ts";
import type { FateWeights } from "./scripted-log.ts";
import { TurnChecks } from "./turn-checks.ts";
import { settle } from "./test-clock.ts";
import { hostOf, World } from "./world.ts";

/** One random interleaving, from its seed to the verdict. */
export interface RunResult {
  /** Outside inputs given before the end was let come. */
  readonly inputs: number;
  readonly faults: readonly string[];
  readonly records: readonly LogRecord[];
}

/** Inputs a run gives before anything may end the call by intent. */
export const INPUTS_MIN = 100;

/** From the last outside input to the end of the call, at most, in virtual ms. */
const END_MAX_MS = 240_000;

const FATES: readonly FateWeights[] = [
  { now: 1 },
  { now: 1 },
  { now: 1 },
  { now: 4, lateAck: 4 },
  { lateAck: 4, slow: 4 },
  { now: 20, lateAck: 8, slow: 4, ackLost: 4, appendLost: 4, landsLater: 2 },
  { now: 60, lateAck: 10, ackLost: 4, appendLost: 4, landsLater: 2, conflict: 1 },
];

const TEXTS: readonly Readonly<Record<string, string>>[] = [
  { greeting: "Hello, what can I do?", away: "Are you there?", farewell: "Goodbye." },
  { greeting: "Hello, what can I do?" },
  { farewell: "Goodbye.", filler: "One moment." },
  { greeting: "Hello.", filler: "One moment.", "tool.look": "I look.", "tool.book": "I book." },
  { filler: "One moment.", apology: "Sorry.", "cook/filler": "The cook is coming." },
  {},
];

export async function runOnce(seed: number, coverage: Coverage): Promise<RunResult> {
  const dice = new Dice(seed);
  const settings = dice.pick(SETTINGS);
  const snapshotEveryRecords = dice.pick([undefined, undefined, 20]);
  const machines = machinesOf(coverage);
  const texts = dice.pick(TEXTS);
  const hooks = dice.pick([[], ["afterTurn"]]);
  const options = { seed, coverage, machines, settings, texts, hooks, snapshotEveryRecords };
  const world = new World(options);
  await world.open();
  world.log.weights = dice.pick(FATES);
  world.log.staleShare = dice.pick([0, 0, 0.2]);
  world.log.slowReadShare = dice.pick([0, 0.5]);
  if (dice.chance(0.9)) await preamble(world);
  const table = swarm(dice, { ...MOVES, ...HOST_MOVES });
  await play(world, table, () => world.inputs >= INPUTS_MIN + dice.int(30));
  const { inputs } = world;
  if (dice.chance(0.4)) await close(world);
  if (!world.over && world.violations.length === 0) await letEnd(world);
  return { inputs, faults: verdict(world), records: world.log.records };
}

/** Mostly a call begins as calls do: joined, somebody there, a microphone. */
async function preamble(world: World): Promise<void> {
  for (const name of ["join", "enter", "publish"]) {
    await MOVES[name]!.run(world);
    await settle();
  }
}

interface Weighted {
  readonly moves: readonly Move[];
  readonly weights: readonly number[];
  readonly total: number;
}

/** Each run leaves some moves out and does others more: so runs differ in kind. */
function swarm(dice: Dice, table: Readonly<Record<string, Move>>): Weighted {
  const moves = Object.values(table);
  const weights = moves.map(({ weight }) => weight * dice.pick([0.15, 0.6, 1, 1, 2]));
  return { moves, weights, total: weights.reduce((sum, weight) => sum + weight, 0) };
}

function draw(dice: Dice, { moves, weights, total }: Weighted): Move {
  let rest = dice.next() * total;
  for (let i = 0; i < moves.length; i++) if ((rest -= weights[i]!) < 0) return moves[i]!;
  return moves[0]!;
}

async function play(world: World, table: Weighted, enough: () => boolean): Promise<void> {
  while (!world.over && world.violations.length === 0 && !enough()) {
    if (!world.owner && world.log.pending === 0) await world.takeover();
    const done = await draw(world.dice, table).run(world);
    if (done) await settle();
  }
}

/** Somebody ends the call by intent, and things go on meanwhile. */
async function close(world: World): Promise<void> {
  await world.dice.pick(Object.values(CLOSERS)).run(world);
  await settle();
  const enough = world.inputs + world.dice.int(30);
  await play(world, swarm(world.dice, { ...MOVES, ...HOST_MOVES }), () => world.inputs >= enough);
}

/** Outside input stops: all leave, the log answers, only the clock goes on. */
async function letEnd(world: World): Promise<void> {
  const { dice, log, clock } = world;
  log.heal();
  await recover(world);
  const answers = dice.chance(0.5);
  allLeave(world);
  // A muted call lasts until somebody lets it speak again.
  world.offer((host) => host.command({ name: "unmute" }, "tester"));
  await settle();
  const from = clock.now();
  while (!world.over && clock.now() - from < END_MAX_MS) {
    if (answers) endStopped(world);
    await recover(world);
    await world.advance(Math.max(1, (clock.nextDue ?? 0) - clock.now()));
  }
  world.coverage.atMost("max.end of input to end of call, ms", clock.now() - from);
  if (!world.over) world.violate("closes", `not within ${clock.now() - from} ms of silence`);
  nudgeOld(world);
  await settle();
}

/** The log answers what it owes, and if nobody has the call then, somebody takes it. */
async function recover(world: World): Promise<void> {
  while (world.log.pending > 0) {
    world.log.release();
    await settle();
  }
  if (world.owner || world.over) return;
  await world.advance(60);
  if (!world.owner && !world.over && world.log.pending === 0) await world.takeover();
}

/** All that the room's chart believes to be there. */
function allLeave(world: World): void {
  const { owner, host } = world;
  const connection = [...(owner?.effects ?? [])].find((fx) => fx.src === "connection");
  const room = host?.fold.snapshotOf("room")?.context as RoomContext | undefined;
  if (!connection?.joined || !room) return;
  for (const { identity, present } of room.participants)
    if (present) world.progress(connection, { type: "participant.left", identity });
}

function endStopped(world: World): void {
  for (const fx of world.owner?.effects ?? []) if (fx.effect.signal.aborted) world.end(fx, {});
}

/** Whoever owned the call before and was not told has still something to say. */
function nudgeOld(world: World): void {
  for (const owner of world.owners) {
    const host: CallHost | undefined = hostOf(owner);
    if (host?.fenced || owner === world.owner) continue;
    for (const fx of owner.effects) world.end(fx, {});
  }
}

function verdict(world: World): readonly string[] {
  if (world.violations.length > 0) return world.violations;
  const { coverage, log } = world;
  const { faults, actors } = replayed(world);
  const checks = new LogChecks({
    coverage,
    stalled: (from, to) => world.stalled(from, to),
    ran: (id) => world.ran.has(id),
    askedBy: (id) => actors.get(id),
  });
  for (const record of log.records) checks.add(record);
  checks.finish();
  return [...checks.faults, ...faults];
}

const plain = watchedMachines(undefined);
/** The same, noting what they decide (T22). */
const decided: Explained[] = [];
const telling = watchedMachines(
  undefined,
  explaining(MACHINES, DECISIONS, (one) => decided.push(one)),
);

/** One copy of the charts for all runs that share a coverage. */
const watchers = new WeakMap<Coverage, MachineSet>();
function machinesOf(coverage: Coverage): MachineSet {
  let machines = watchers.get(coverage);
  if (!machines) watchers.set(coverage, (machines = watchedMachines(coverage)));
  return machines;
}

/** T19: the away timer runs where nothing but silence is waited for, and nowhere else. */
function awayFault(fold: CallFold): string | undefined {
  const room = fold.snapshotOf("room");
  if (!room || !room.matches({ present: "live" })) return undefined;
  const { participants, older, newer, tools, muted } = room.context as RoomContext;
  const someone = participants.some(({ present }) => present);
  const waits = someone && !older && newer === null && tools.length === 0 && !muted;
  const armed = fold.table.timers().some(({ id }) => id.includes("/away."));
  return armed === waits ? undefined : `the timer is ${armed ? "armed" : "not armed"}`;
}

interface Replayed {
  readonly faults: readonly string[];
  /** Who asked for which effect. */
  readonly actors: ReadonlyMap<string, string>;
}

/** As from a file: nothing of the run's own objects is left. */
function replayed({ log, options, coverage }: World): Replayed {
  const records = log.records.map((record) => JSON.parse(JSON.stringify(record)) as LogRecord);
  const actors = new Map<string, string>();
  const away: string[] = [];
  const turns = new TurnChecks(coverage);
  const onRecord = (record: LogRecord, fold: CallFold): void => {
    const { seq, outcome } = record;
    const { table } = fold;
    for (const [op, id] of outcome.effects)
      if (op === "start") actors.set(id, table.effect(id)?.actor ?? "");
    turns.add(record, { fold, transcript: replay.transcript, decided });
    decided.length = 0;
    const fault = awayFault(fold);
    if (fault) away.push(`T19-away: record ${seq}: ${fault}`);
  };
  decided.length = 0;
  const replay = new Replay({ machines: telling, deep: true, onRecord });
  for (const record of records) if (!replay.add(record)) break;
  const { verdict: said, divergence } = replay.result();
  turns.finish(replay.transcript);
  const told = `replay: ${said} ${JSON.stringify(divergence)}`;
  const kept = [...away.slice(0, 1), ...turns.faults];
  const faults = said === "reproduced" ? kept : [told, ...kept];
  if (faults.length > 0 || options.seed % 50 !== 0) return { faults, actors };
  const fold = new CallFold(plain, { checks: true });
  try {
    for (const record of records) refold(fold, record);
  } catch (error) {
    return { faults: [`E8-pure: ${String(error)}`], actors };
  }
  return { faults, actors };
}
