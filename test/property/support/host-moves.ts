import type { DueMeasure } from "../../../src/events/budget.events.ts";
import { BOOM } from "./coverage.ts";
import type { Move } from "./moves.ts";
import { SENTENCES } from "./phrases.ts";
import { SETTINGS } from "./settings.ts";
import type { World } from "./world.ts";
import { settle } from "./test-clock.ts";

/** Moves of commands, time, log and owners. */
export const HOST_MOVES: Readonly<Record<string, Move>> = {
  say: { weight: 0.25, run: (world) => sayText(world, false) },
  sayNow: { weight: 0.2, run: (world) => sayText(world, true) },
  sayBoom: { weight: 0.02, run: (world) => sayText(world, false, `${BOOM}.say`) },
  interrupt: {
    weight: 0.2,
    run: (world) => {
      const force = world.dice.chance(0.5);
      return command(world, { name: "interrupt", force });
    },
  },
  mute: { weight: 0.08, run: (world) => command(world, { name: "mute" }) },
  unmute: { weight: 0.4, run: (world) => command(world, { name: "unmute" }) },
  instruct: {
    weight: 0.05,
    run: (world) => command(world, { name: "instruct", ref: `told.${world.refs++}` }, "Be brief."),
  },
  set: {
    weight: 0.3,
    run: (world) => {
      world.coverage.count("settings.set");
      return command(world, { name: "set", settings: world.dice.pick(SETTINGS) });
    },
  },
  agent: {
    weight: 0.1,
    run: (world) => {
      const { settings, texts, hooks } = world.options;
      const agents = world.dice.chance(0.5) ? { cook: settings } : {};
      const agent = { name: "property", hash: `edit.${world.refs++}` };
      world.coverage.count("agent.edited");
      const given = { agent, settings, agents, texts: Object.keys(texts), hooks: [...hooks] };
      return command(world, { name: "agent", ...given }, texts);
    },
  },
  budget: {
    weight: 0.15,
    run: (world) => changeBudget(world, world.dice.pick(MILDER)),
  },
  noteTimers: {
    weight: 1,
    run: (world) => {
      const timers = world.host?.fold.table.timers() ?? [];
      for (const { id, arm } of timers) world.armings.push({ timer: id, arm });
      world.armings.splice(0, Math.max(0, world.armings.length - 40));
      return timers.length > 0;
    },
  },
  staleTimer: { weight: 0.5, run: fireStale },
  pass: {
    weight: 9,
    run: async (world) => {
      await world.advance(world.dice.between(1, 320));
      return true;
    },
  },
  nextAlarm: {
    weight: 4,
    run: async (world) => {
      const { nextDue } = world.clock;
      if (nextDue === undefined || nextDue - world.clock.now() > 3_500) return false;
      await world.advance(Math.max(0, nextDue - world.clock.now()));
      return true;
    },
  },
  longPass: {
    weight: 0.25,
    run: async (world) => {
      await world.advance(world.dice.between(1_000, 6_000));
      return true;
    },
  },
  stall: {
    weight: 0.1,
    run: async (world) => {
      world.stall(world.dice.between(200, 3_000));
      await world.advance(0);
      return true;
    },
  },
  release: {
    weight: 8,
    run: async (world) => {
      if (world.log.pending === 0) return false;
      world.log.release();
      await settle();
      return true;
    },
  },
  takeover: {
    weight: 0.12,
    run: async (world) => {
      // The time it lies without an owner is not the charts'.
      world.stall(world.dice.chance(0.3) ? world.dice.between(1, 4_000) : 0);
      await world.takeover();
      return true;
    },
  },
  /** Its process is stopped with an answer on its way, and goes on when another has the call. */
  stopped: {
    weight: 0.3,
    run: async (world) => {
      if (world.log.pending === 0 || world.owners.length > 4) return false;
      await world.takeover();
      world.stall(world.dice.between(1_100, 4_000));
      world.log.release();
      await settle();
      return true;
    },
  },
  abandon: { weight: 0.04, run: letGo },
  /** Told to let go while it waits for the log. */
  abandonInFlight: {
    weight: 0.4,
    run: (world) => world.log.pending > 0 && world.owners.length < 4 && letGo(world),
  },
  clockBack: {
    weight: 0.06,
    run: ({ owner, dice, coverage }) => {
      if (!owner) return false;
      owner.lagMs += dice.between(20, 1_500);
      coverage.count("clock.back");
      return true;
    },
  },
};

const MILDER = ["none", "warn", "cheaperModel", "shorterAnswers", "noVision"] as const;

function changeBudget(world: World, measure: DueMeasure): boolean {
  if (!world.host) return false;
  const budget = { node: "call:c-property", limitPico: "100", spentPico: "97", heldPico: "1" };
  world.coverage.count(`budget.${measure}`);
  world.offer((host) => host.offer({ input: { type: "budget.changed", measure, ...budget } }));
  return true;
}

function letGo(world: World): boolean {
  const { owner } = world;
  if (owner) world.abandon(owner);
  return owner !== undefined;
}

/** What ends a call before its time; only tried once a run has had its inputs. */
export const CLOSERS: Readonly<Record<string, Move>> = {
  end: { weight: 1, run: (world) => command(world, { name: "end", reason: "asked" }) },
  budgetIsOut: { weight: 1, run: (world) => changeBudget(world, "farewell") },
  disconnect: {
    weight: 1,
    run: (world) => {
      const fx = [...(world.owner?.effects ?? [])].find(
        (one) => one.src === "connection" && !one.effect.signal.aborted,
      );
      if (fx) world.end(fx, {});
      return fx !== undefined;
    },
  },
  boomAndBoom: {
    weight: 1,
    run: (world) => {
      for (let i = world.dice.between(2, 7); i > 0; i--) sayText(world, false, `${BOOM}.${i}`);
      return true;
    },
  },
};

function command(
  world: World,
  given: Parameters<NonNullable<World["host"]>["command"]>[0],
  text?: string | Readonly<Record<string, string>>,
): boolean {
  if (!world.host) return false;
  world.offer((host) => host.command(given, "tester", text));
  return true;
}

function sayText(world: World, now: boolean, ref = `said.${world.refs++}`): boolean {
  const text = world.dice.pick(SENTENCES);
  return command(world, { name: "say", ref, chars: text.length, now }, text);
}

/** E6: a firing of an arming that is no more. */
function fireStale(world: World): boolean {
  const table = world.host?.fold.table;
  const old = world.armings.filter(({ timer, arm }) => table && table.timer(timer)?.arm !== arm);
  if (old.length === 0) return false;
  const { timer, arm } = world.dice.pick(old);
  world.offer((host) => host.offer({ input: { type: "timer.fired", timer, arm } }));
  return true;
}
