import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyStateMachine } from "xstate";
import { roomMachine } from "../../src/machines/room.machine.ts";
import { trackMachine } from "../../src/machines/track.machine.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import { configFaults, readChart } from "./chart-source.ts";
import { nodesOf, pathOf, take } from "./chart.ts";
import { WORLDS, edgesOf } from "./explore.ts";
import { NOW } from "./table.ts";

/** The rules every chart keeps, as far as they can be read from it: C2 to C5. */
const CHARTS: Readonly<Record<string, AnyStateMachine>> = {
  "src/machines/room.machine.ts": roomMachine,
  "src/machines/track.machine.ts": trackMachine,
  "src/machines/turn.machine.ts": turnMachine,
};

for (const [path, machine] of Object.entries(CHARTS)) {
  test(`C4: the configuration of ${machine.id} is a literal`, () => {
    assert.deepEqual(configFaults(path, readChart(path)), []);
  });

  test(`C2: every invoke of ${machine.id} has an id and a way to end`, () => {
    assert.deepEqual(invokeFaults(machine), []);
  });

  test(`C5: all that ${machine.id} names is there, and nothing else is`, () => {
    const named = namesIn(machine.config);
    const { implementations } = machine;
    for (const kind of ["guards", "actions", "actors", "delays"] as const)
      assert.deepEqual(Object.keys(implementations[kind]).sort(), [...named[kind]].sort(), kind);
  });
}

test("C3: charts ask the host only for what it knows, and every effect may end", () => {
  const text = readChart("src/actors/cascade.ts");
  const known = new Set([...text.matchAll(/case "([\w.]+)":/g)].map(([, name]) => name!));
  assert.ok(known.size >= 8, "the cascade's cases were not found");
  const asked = new Set<string>();
  for (const world of WORLDS)
    for (const { actions, after, before, event } of edgesOf(world))
      for (const { type, params } of actions) {
        asked.add(type);
        if (type === "xstate.spawnChild" && after.status === "active")
          assert.deepEqual(childFaults(world.machine, after, params as never), [], event.type);
        if (type === "xstate.stopChild")
          assert.ok(params, `${JSON.stringify(before.value)} stops nothing on ${event.type}`);
      }
  assert.deepEqual(
    [...asked].filter((type) => !known.has(type)),
    [],
  );
  assert.ok(asked.size >= 8, [...asked].join());
});

/** C2: an effect has a name of its own, and its end means something where it began. */
function childFaults(
  machine: AnyStateMachine,
  after: ReturnType<AnyStateMachine["resolveState"]>,
  { actorRef, src }: { readonly actorRef: { readonly id: string }; readonly src: string },
): readonly string[] {
  const end = { type: `${src}.ended`, child: actorRef.id, how: "done", current: true, at: NOW };
  return [
    ...(/^[a-z]+(\.\w+)?$/.test(actorRef.id) ? [] : [`${src} has the id ${actorRef.id}`]),
    ...(take(machine, after, end).ignored ? [`${src} may not end`] : []),
  ];
}

function invokeFaults(machine: AnyStateMachine): readonly string[] {
  return nodesOf(machine).flatMap((node) =>
    [node.config.invoke ?? []].flat().flatMap(({ id, src }) => {
      const handled = [node, ...ancestorsOf(node)].some((one) =>
        Object.keys(one.config.on ?? {}).includes(`${String(src)}.ended`),
      );
      return [
        ...(id ? [] : [`${pathOf(node)} invokes ${String(src)} without an id`]),
        ...(handled ? [] : [`${pathOf(node)} does not hear of the end of ${String(src)}`]),
      ];
    }),
  );
}

type Node = AnyStateMachine["root"];

function ancestorsOf(node: Node): readonly Node[] {
  return node.parent ? [node.parent, ...ancestorsOf(node.parent)] : [];
}

interface Names {
  readonly guards: Set<string>;
  readonly actions: Set<string>;
  readonly actors: Set<string>;
  readonly delays: Set<string>;
}

const ACTION_KEYS = ["actions", "entry", "exit"];

/** All names in a configuration: of guards, actions, effects and delays. */
function namesIn(config: unknown): Names {
  const names = { guards: new Set<string>(), actions: new Set<string>() };
  const more = { actors: new Set<string>(), delays: new Set<string>() };
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "guard") names.guards.add(nameOf(inner));
      if (key === "src") more.actors.add(String(inner));
      if (key === "after") for (const delay of Object.keys(inner as object)) more.delays.add(delay);
      if (ACTION_KEYS.includes(key))
        for (const action of [inner].flat()) names.actions.add(nameOf(action));
      visit(inner);
    }
  };
  visit(config);
  return { ...names, ...more };
}

function nameOf(value: unknown): string {
  return typeof value === "string" ? value : String((value as { type?: unknown }).type);
}

test("a configuration that is no literal is found", () => {
  const chart = (body: string): string =>
    `export const m = made.createMachine({ id: "m", ${body} });`;
  const good = `on: { go: { guard: "ok", actions: [{ type: "send", params: () => help() }] } },
    context: ({ input }) => help(input), invoke: { id: "a", src: "a", input: () => ({ ...x }) }`;
  assert.deepEqual(configFaults("a.ts", chart(good)), []);
  const bad = [
    "...rest",
    "[key]: {}",
    "states",
    "states: makeStates()",
    "states: STATES",
    "on: { go: { actions: () => undefined } }",
    "on: { go: { guard: ({ context }) => context.ok } }",
    "on: { go: { actions: assign({}) } }",
    "on: { go: { actions: [...more] } }",
    "entry: function () {}",
    "get states() { return {}; }",
  ];
  for (const body of bad) assert.equal(configFaults("a.ts", chart(body)).length, 1, body);
  assert.equal(configFaults("a.ts", "export const m = made.createMachine(config);").length, 1);
  assert.equal(configFaults("a.ts", "export const m = 1;").length, 1);
});
