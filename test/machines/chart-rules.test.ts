import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnyStateMachine } from "xstate";
import { roomMachine } from "../../src/machines/room.machine.ts";
import { trackMachine } from "../../src/machines/track.machine.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import { closureOf, configFaults, readChart } from "./chart-source.ts";
import { nodesOf, pathOf } from "./chart.ts";

/** The rules every chart keeps, as far as they can be read from it; `paths.test.ts` walks it. */
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
    for (const src of spawnedIn(path)) named.actors.add(src);
    const { implementations } = machine;
    for (const kind of ["guards", "actions", "actors", "delays"] as const)
      assert.deepEqual(Object.keys(implementations[kind]).sort(), [...named[kind]].sort(), kind);
  });
}

/** Effects that an action of the setup starts; no state of the configuration names them. */
function spawnedIn(path: string): readonly string[] {
  const setups = [...closureOf(path)].map(readChart).join("\n");
  return [...setups.matchAll(/\bspawnChild\("(\w+)"/g)].map(([, src]) => src!);
}

function invokeFaults(machine: AnyStateMachine): readonly string[] {
  return nodesOf(machine).flatMap((node) =>
    [node.config.invoke ?? []].flat().flatMap(({ id, src: logic }) => {
      const src = typeof logic === "string" ? logic : "an unnamed logic";
      const handled = [node, ...ancestorsOf(node)].some((one) =>
        Object.keys(one.config.on ?? {}).includes(`${src}.ended`),
      );
      return [
        ...(id ? [] : [`${pathOf(node)} invokes ${src} without an id`]),
        ...(handled ? [] : [`${pathOf(node)} does not hear of the end of ${src}`]),
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
      if (key === "src" && typeof inner === "string") more.actors.add(inner);
      if (key === "after") for (const delay of Object.keys(inner as object)) more.delays.add(delay);
      if (ACTION_KEYS.includes(key))
        for (const action of [inner].flat()) names.actions.add(nameOf(action));
      if (key !== "params") visit(inner);
    }
  };
  visit(config);
  return { ...names, ...more };
}

function nameOf(value: unknown): string {
  return typeof value === "string" ? value : (value as { readonly type: string }).type;
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
