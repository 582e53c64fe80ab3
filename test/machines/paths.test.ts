import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyStateMachine } from "xstate";
import { assertInvariants, assertStep } from "../support/invariants.ts";
import { readChart } from "./chart-source.ts";
import { isWithin, leavesOf, nodesOf, pathOf, restOf, take, timersOf } from "./chart.ts";
import { WORLDS, edgesOf, pathsOf, type Edge, type World } from "./explore.ts";
import { NOW } from "./table.ts";

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
  "room present.live.occupied": "ends with its tools, each of which is bounded, or when unmuted",
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
    assert.ok(edgesIn(kind).length > 300, "a walk that goes nowhere proves nothing");
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
  if (edge.ignored) return;
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

test("C3: charts ask the host only for what it knows, and every effect may end", () => {
  const text = readChart("src/actors/cascade.ts");
  const known = new Set([...text.matchAll(/case "([\w.]+)":/g)].map(([, name]) => name!));
  assert.ok(known.size >= 8, "the cascade's cases were not found");
  const walked = [...edges].flatMap(([{ machine }, taken]) =>
    taken.flatMap((edge) => edge.actions.map((action) => ({ machine, edge, action }))),
  );
  const asked = new Set(walked.map(({ action }) => action.type));
  assert.deepEqual([...asked].sort(), [...known].sort());
  for (const { machine, edge, action } of walked) {
    const params = action.params as unknown;
    if (action.type === "xstate.spawnChild") checkChild(machine, edge, params as Child);
    const where = `${JSON.stringify(edge.before.value)} on ${edge.event.type}`;
    const stops = edge.actions.filter(({ type }) => type === "xstate.stopChild");
    // A filler may be stopped once more while its last word is awaited.
    const twice = stops.length === 0 || edge.event.type === "reply.segment";
    const some = twice || stops.some((stop) => stop.params !== undefined);
    assert.ok(some, `${where} stops nothing`);
  }
});

interface Child {
  readonly actorRef: { readonly id: string };
  readonly src: string;
}

/** C2: an effect has a name of its own, and its end means something where it began. */
function checkChild(machine: AnyStateMachine, { after }: Edge, { actorRef, src }: Child): void {
  assert.match(actorRef.id, /^[a-z]+(?:[A-Z][a-z]+)*(\.\w+)?$/, `the id of ${src}`);
  const end = { type: `${src}.ended`, child: actorRef.id, how: "done", current: true, at: NOW };
  if (after.status !== "active") return;
  assert.ok(
    !take(machine, after, end).ignored,
    `${src} may not end in ${JSON.stringify(after.value)}`,
  );
}
