import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { AnyStateMachine } from "xstate";
import { roomMachine } from "../../src/machines/room.machine.ts";
import { trackMachine } from "../../src/machines/track.machine.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import { holderFaults, tableRows } from "../support/house.ts";
import { loadFiles } from "../support/source.ts";
import { leavesOf, nodesOf } from "./chart.ts";

/** The pages of `docs/spec` say what the charts and their tests say. */
const files = loadFiles(join(import.meta.dirname, "../.."));
const MACHINES = { room: roomMachine, track: trackMachine, turn: turnMachine };
const HOLDER = /`([^`]+)`/g;

function textOf(path: string): string {
  const text = files.get(path);
  assert.ok(text !== undefined, `${path} is missing`);
  return text;
}

/** The rows of one section's table. */
function rowsOf(page: string, title: string): readonly (readonly string[])[] {
  const section = textOf(`docs/spec/${page}.md`).split(/^## /m);
  const found = section.find((one) => one.startsWith(`${title}\n`));
  assert.ok(found, `docs/spec/${page}.md has no section "${title}"`);
  return tableRows(found);
}

function codesIn(cell: string | undefined): readonly string[] {
  return [...(cell ?? "").matchAll(HOLDER)].map(([, code]) => code!);
}

/** What each row's tests hold, as `test holds id`, sorted. */
function pairsOf(rows: readonly (readonly string[])[], flipped: boolean): readonly string[] {
  return rows
    .flatMap(([first = "", second = "", third = ""]) =>
      flipped
        ? second.split(", ").map((id) => `${codesIn(first)[0]} holds ${id}`)
        : codesIn(third).map((holder) => `${holder} holds ${first}`),
    )
    .toSorted();
}

function eventsOf(machine: AnyStateMachine): readonly string[] {
  const nodes = [machine.root, ...nodesOf(machine)];
  return [...new Set(nodes.flatMap(({ config }) => Object.keys(config.on ?? {})))];
}

for (const [kind, machine] of Object.entries(MACHINES)) {
  test(`docs/spec/${kind}.md names the states and events of the chart`, () => {
    const states = rowsOf(kind, "States").flatMap(([name]) => codesIn(name));
    assert.deepEqual([...states].sort(), [...leavesOf(machine)].sort());
    const events = rowsOf(kind, "Events").flatMap(([name]) => codesIn(name));
    assert.deepEqual([...events].sort(), [...eventsOf(machine)].sort());
  });

  test(`docs/spec/${kind}.md has the invariants of the chart's header`, () => {
    const [header = ""] = /\/\*\*[\s\S]*?\*\//.exec(textOf(`src/machines/${kind}.machine.ts`)) ?? [
      "",
    ];
    const stated = [...header.matchAll(/\bI\d+\b/g)].map(([id]) => id);
    assert.deepEqual(
      rowsOf(kind, "Invariants").map(([id]) => id),
      stated,
    );
  });

  test(`docs/spec/${kind}.md says both ways which test holds what`, () => {
    const rows = rowsOf(kind, "Invariants");
    for (const [id, , holders] of rows) assert.ok(codesIn(holders).length > 0, `${id} has no test`);
    assert.deepEqual(pairsOf(rows, false), pairsOf(rowsOf(kind, "Tests"), true));
  });
}

test("every test that docs/spec names is there and runs", () => {
  const pages = [...files].filter(([path]) => /^docs\/spec\/.*\.md$/.test(path));
  const holders = pages.flatMap(([, text]) => [...text.matchAll(/`(test\/[^`]* > [^`]*)`/g)]);
  assert.ok(pages.length >= 5 && holders.length >= 40, `${holders.length} holders`);
  assert.deepEqual(
    holders.flatMap(([, holder]) => holderFaults(holder!, files)),
    [],
  );
});

test("docs/spec/two-live-turns.md explains every difference and every reason", () => {
  const cells = textOf("test/machines/two-live-turns.table.test.ts");
  const used = (pattern: RegExp) => new Set([...cells.matchAll(pattern)].map(([, id]) => id!));
  const told = (title: string) => rowsOf("two-live-turns", title).map(([id]) => id!);
  const [general, ...own] = told("Differences from the plan").toReversed();
  assert.equal(general, "D15", "the last one is about no single cell");
  assert.deepEqual(own.toSorted(), [...used(/differs: "(D\d+)"/g)].sort());
  assert.deepEqual(told("What cannot occur"), [...used(/impossible: "(I\d)"/g)].sort());
  const pairs = rowsOf("two-live-turns", "Pairs").map(([pair]) => pair);
  for (const pair of pairs) assert.ok(cells.includes(`"${pair}": {`), `${pair} is no pair`);
  assert.equal(pairs.length, 8);
});
