import assert from "node:assert/strict";
import { test } from "node:test";
import { assertInvariants, assertStep } from "../support/invariants.ts";
import { leavesOf, nodesOf, pathOf, restOf, timersOf, isWithin } from "./chart.ts";
import { WORLDS, edgesOf, pathsOf, type Edge, type World } from "./explore.ts";

/**
 * The charts walked by generated paths (`explore.ts`): every state is reached, every timer does
 * something, no step breaks an invariant, and no state can be rested in for ever.
 */
const KINDS = ["room", "track", "turn"] as const;
const edges = new Map(WORLDS.map((world) => [world, edgesOf(world)]));

function worldsOf(kind: World["kind"]): readonly World[] {
  return WORLDS.filter((world) => world.kind === kind);
}

function machineOf(kind: World["kind"]) {
  return worldsOf(kind)[0]!.machine;
}

function edgesIn(kind: World["kind"]): readonly Edge[] {
  return worldsOf(kind).flatMap((world) => edges.get(world)!);
}

/** States whose last way out needs no event and no guard: nothing rests in them. */
function passedIn(kind: World["kind"]): readonly string[] {
  return nodesOf(machineOf(kind))
    .filter((node) => node.always !== undefined && node.always.at(-1)?.guard === undefined)
    .map(pathOf);
}

/** What ends a state that no timer ends (C2). */
const ENDS: Readonly<Record<string, string>> = {
  "room present.live.engaged": "ends with its turns, each of which is bounded",
  "track open.voice.detecting.silent": "lasts as long as the track, which the room closes",
  "track open.voice.detecting.speaking": "lasts as long as the track; listening.max bounds a turn",
  "track open.words.hearing.up": "lasts as long as the track, which the room closes",
  "track open.words.hearing.down": "the stream's effect ends or comes up; sttWait bounds a turn",
};

for (const kind of KINDS) {
  test(`${kind}: generated paths reach every state`, () => {
    const reached = worldsOf(kind)
      .flatMap(pathsOf)
      .flatMap(({ state }) => restOf(state.value));
    const wanted = leavesOf(machineOf(kind)).filter((leaf) => !passedIn(kind).includes(leaf));
    assert.deepEqual([...new Set(reached)].sort(), [...wanted].sort());
  });

  test(`${kind}: every timer fires on some path and does something`, () => {
    const done = edgesIn(kind).filter(({ ignored }) => !ignored);
    const fired = new Set(done.map(({ event }) => event.type));
    const idle = timersOf(machineOf(kind)).filter(({ event }) => !fired.has(event));
    assert.deepEqual(idle, []);
  });

  test(`${kind}: every step of every path keeps the invariants`, () => {
    assert.ok(edgesIn(kind).length > 400, "a walk that goes nowhere proves nothing");
    for (const edge of edgesIn(kind)) checkEdge(kind, edge);
  });

  test(`${kind}: every state ends in bounded time (C2)`, () => {
    const timers = timersOf(machineOf(kind));
    const final = nodesOf(machineOf(kind)).filter(({ type }) => type === "final");
    const rests = leavesOf(machineOf(kind))
      .filter((leaf) => !passedIn(kind).includes(leaf))
      .filter((leaf) => !final.some((node) => pathOf(node) === leaf));
    const endless = rests.filter((leaf) => !timers.some(({ owner }) => isWithin(leaf, owner)));
    const excused = Object.keys(ENDS).filter((name) => name.startsWith(`${kind} `));
    assert.deepEqual(endless.map((leaf) => `${kind} ${leaf}`).sort(), excused.sort());
  });
}

function checkEdge(kind: World["kind"], edge: Edge): void {
  try {
    assertInvariants(kind, edge.after);
    assertStep(kind, edge);
  } catch (error) {
    const { before, event, after } = edge;
    const [from, to] = [before, after].map(({ value }) => restOf(value).join(" + "));
    const where = `${from} on ${event.type} to ${to}`;
    throw new Error(`${where}: ${(error as Error).message}\n${JSON.stringify(before.context)}`, {
      cause: error,
    });
  }
}
