import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { AnyStateMachine } from "xstate";
import { allCharts, ChartList } from "../../src/cli/charts.command.ts";
import type { ChartState } from "../../src/cli/charts/chart.ts";
import { labelOf } from "../../src/cli/charts/mermaid.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { tempDir } from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";

const KINDS = Object.keys(CURRENT_VERSIONS) as (keyof typeof MACHINES)[];

function machineOf(kind: keyof typeof MACHINES): AnyStateMachine {
  const versions: Readonly<Record<string, AnyStateMachine>> = MACHINES[kind];
  return versions[CURRENT_VERSIONS[kind]]!;
}

test("the stately form evaluates to the same statechart", async (t) => {
  const dir = await tempDir(t);
  const line = ["charts", "--format", "stately", "--out", dir];
  const { code, value } = await runJson(ChartList, line);
  assert.equal(code, 0);
  assert.deepEqual(
    value.charts.map(({ machine }) => machine),
    KINDS,
  );
  for (const { machine: kind, file, content } of value.charts) {
    assert.equal(file, join(dir, `${kind}.machine.ts`));
    assert.equal(await readFile(file!, "utf8"), content);
    assert.deepEqual(content.match(/from "(.*)"/g), [`from "xstate"`]);
    const made = await evaluate(content, kind);
    const real = machineOf(kind as keyof typeof MACHINES);
    assert.deepEqual(picture(made.root), picture(real.root));
    assert.ok(picture(made.root).length > 4);
    assert.deepEqual(namesOf(made), namesOf(real));
  }
});

test("the resolved chart has the transitions that xstate itself resolves", () => {
  for (const [, chart] of allCharts()) {
    const real = machineOf(chart.machine as keyof typeof MACHINES);
    const ours = statesOf(chart.root);
    const theirs = nodesOf(real.root);
    assert.deepEqual(
      ours.map(({ path }) => path),
      theirs.map(pathOf),
    );
    for (const [index, state] of ours.entries()) {
      const node = theirs[index]!;
      const seen = transitionsOf(node).map(({ guard, targets, actions, reenter }) => ({
        guard,
        target: targets[0] ?? null,
        actions,
        reenter,
      }));
      const said = state.transitions.map(({ guard, target, actions, reenter }) => ({
        guard,
        target,
        actions,
        reenter,
      }));
      assert.deepEqual(sorted(said), sorted(seen), state.path);
      assert.equal(state.type === "final", node.type === "final");
      assert.equal(state.initial ?? "", node.config.initial ?? "");
    }
  }
});

test("mermaid draws every state and every transition", async () => {
  const { code, stdout } = await run(["charts"]);
  assert.equal(code, 0);
  assert.equal(stdout.match(/^stateDiagram-v2$/gm)?.length, KINDS.length);
  for (const [, chart] of allCharts())
    for (const state of statesOf(chart.root)) {
      const id = state.path.replaceAll(".", "_");
      const label = state.type === "parallel" ? `${state.key} (parallel)` : state.key;
      assert.ok(stdout.includes(`state "${label}" as ${id}`), state.path);
      for (const one of state.transitions) {
        const line =
          one.target === null
            ? `    ${labelOf(one)}\n`
            : `${id} --> ${one.target.replaceAll(".", "_")} : ${labelOf(one)}\n`;
        assert.ok(stdout.includes(line), line);
      }
    }
  assert.match(stdout, /^ {2}turn_listening_waiting --> turn_answering : after endOfTurn \[/m);
  assert.match(stdout, /^ +state "open \(parallel\)" as track_open \{$/m);
  assert.equal(stdout.split("{").length, stdout.split("}").length);
});

test("json names guards, actions, effects and delays", async () => {
  const { stdout } = await run(["charts", "--format", "json"]);
  const charts = JSON.parse(stdout) as { machine: string; guards: string[]; delays: string[] }[];
  const turn = charts.find(({ machine }) => machine === "turn")!;
  const { guards, delays } = machineOf("turn").implementations;
  assert.deepEqual(turn.guards, Object.keys(guards).toSorted());
  assert.deepEqual(turn.delays, Object.keys(delays).toSorted());
});

test("a folder that cannot be written is an error with a fix", async (t) => {
  const file = join(await tempDir(t), "file");
  await writeFile(file, "");
  const { code, stderr } = await run(["charts", "--out", join(file, "sub")]);
  assert.equal(code, 1);
  assert.match(stderr, /^data\.failed: the charts cannot be written to .*\n {2}fix: /);
});

/** Written inside the project, where `xstate` is found. */
async function evaluate(content: string, kind: string): Promise<AnyStateMachine> {
  const file = join(import.meta.dirname, `zz-${kind}-${process.pid}.ts`);
  await writeFile(file, content);
  try {
    const module = (await import(pathToFileURL(file).href)) as Record<string, AnyStateMachine>;
    return module[`${kind}Machine`]!;
  } finally {
    await rm(file);
  }
}

type Node = AnyStateMachine["root"];

function nodesOf(node: Node): readonly Node[] {
  return [node, ...Object.values(node.states).flatMap((inner) => nodesOf(inner))];
}

function statesOf(state: ChartState): readonly ChartState[] {
  return [state, ...state.states.flatMap(statesOf)];
}

function pathOf(node: Node): string {
  return [node.machine.id, ...node.path].join(".");
}

/** All transitions of a state, delayed and eventless ones too, as xstate has resolved them. */
function transitionsOf(node: Node) {
  const all = [...node.transitions.values()].flat();
  return [...all, ...(node.always ?? [])].map((one) => ({
    event: one.eventType,
    delay: (one as { delay?: unknown }).delay ?? null,
    guard: one.guard === undefined ? null : nameOf(one.guard),
    targets: (one.target ?? []).map((target) => pathOf(target as Node)),
    actions: one.actions.map(nameOf),
    reenter: one.reenter,
  }));
}

function nameOf(named: unknown): string {
  return typeof named === "string" ? named : (named as { type: string }).type;
}

function picture(root: Node) {
  return nodesOf(root).map((node) => ({
    path: pathOf(node),
    type: node.type,
    initial: node.config.initial ?? null,
    entry: node.entry.map(nameOf).filter((name) => !name.startsWith("xstate.")),
    exit: node.exit.map(nameOf).filter((name) => !name.startsWith("xstate.")),
    invoke: node.invoke.map(({ id, src }) => [id, src]),
    transitions: transitionsOf(node),
  }));
}

function namesOf({ implementations }: AnyStateMachine) {
  const { guards, actions, delays, actors } = implementations;
  return [guards, actions, delays, actors].map((names) => Object.keys(names).toSorted());
}

function sorted(list: readonly object[]): readonly string[] {
  return list.map((one) => JSON.stringify(one)).toSorted();
}
