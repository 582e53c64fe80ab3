import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallFold } from "../../src/actors/call-fold.ts";
import { replay } from "../../src/actors/replay.ts";
import { shortHash } from "../../src/base/digest.ts";
import { INPUTS, PROGRESS, parseInput, parseProgress } from "../../src/events/catalog.ts";
import type { LogRecord } from "../../src/events/record.ts";
import type { TurnEnded } from "../../src/events/turn.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { closureOf, meaningOf, sourceDigest } from "./chart-source.ts";
import {
  UPDATING,
  goldenNames,
  readGolden,
  readGoldenCall,
  writeGolden,
  writeGoldenCall,
} from "./golden.ts";

/**
 * What was once recorded is understood for ever: charts, calls and events of every version. After a
 * change of meaning, which needs a new version, write the new golden files with
 *
 *   UPDATE_GOLDEN=1 node --test test/machines/golden.test.ts
 *
 * It writes the digests of the charts and a call of the current versions; calls of other versions
 * and golden events are never rewritten.
 */
type Kind = keyof typeof MACHINES;

/** Where each version of a chart that this build carries is written down. */
const SOURCES = {
  room: { "1": "src/machines/room.machine.ts" },
  track: { "1": "src/machines/track.machine.ts" },
  turn: { "1": "src/machines/turn.machine.ts" },
} as const satisfies { [K in Kind]: Record<keyof (typeof MACHINES)[K], string> };

type Digests = Record<string, Record<string, string>>;

function chartDigests(): Digests {
  const entries = Object.entries(SOURCES).map(([kind, versions]) => {
    const digests = Object.entries(versions).map(([version, file]) => {
      const carried: Record<string, { config: unknown }> = MACHINES[kind as Kind];
      const config = JSON.stringify(carried[version]!.config);
      return [version, shortHash(sourceDigest(file) + config)] as const;
    });
    return [kind, Object.fromEntries(digests)] as const;
  });
  return Object.fromEntries(entries);
}

const CURRENT_CALL = `calls/${Object.entries(CURRENT_VERSIONS).flat().join("-")}.jsonl`;

if (UPDATING) {
  writeGolden("charts.json", `${JSON.stringify(chartDigests(), null, 2)}\n`);
  await writeGoldenCall(CURRENT_CALL);
}

test("no chart has changed its meaning without a new version", () => {
  const pinned = JSON.parse(readGolden("charts.json")) as Digests;
  const now = chartDigests();
  for (const [kind, versions] of Object.entries(pinned))
    for (const [version, digest] of Object.entries(versions))
      assert.equal(
        now[kind]?.[version],
        digest,
        `version ${version} of the ${kind} chart is not what calls were recorded with. Keep it ` +
          `as it was and carry the change as a new version in src/machines/machines.ts; then ` +
          `UPDATE_GOLDEN=1 node --test test/machines/golden.test.ts writes the new golden files`,
      );
  assert.deepEqual(now, pinned, "a version without a pinned digest: run with UPDATE_GOLDEN=1");
});

test("a chart's digest covers its setup and its rules", () => {
  assert.deepEqual([...closureOf(SOURCES.turn["1"])].sort(), [
    "src/machines/choice.ts",
    "src/machines/turn-context.ts",
    "src/machines/turn-runs.rules.ts",
    "src/machines/turn.choices.ts",
    "src/machines/turn.machine.ts",
    "src/machines/turn.rules.ts",
    "src/machines/turn.setup.ts",
  ]);
  assert.equal(closureOf(SOURCES.track["1"]).size, 2);
  assert.ok(closureOf(SOURCES.room["1"]).size >= 3);
});

test("a digest changes with what a chart does, and with nothing else", () => {
  const text =
    "import type { A } from './a.ts';\nexport const wait = (a: A) => (a.ms ?? 500) as number;";
  const meaning = meaningOf("a.ts", text);
  const same = [
    text.replace("export", "/** Waits. */\n  export"),
    text.replace("(a: A)", "(a: { ms?: number })").replace(/import.*\n/, ""),
    text.replace(" as number", "!").replace("(a.ms ?? 500)", "(\n(a.ms ?? 5_00)\n)"),
    `${text}\nexport interface B { c: 1 }\nexport type D = B;`,
  ];
  for (const other of same) assert.equal(meaningOf("a.ts", other), meaning, other);
  for (const other of [text.replace("500", "501"), text.replace("??", "||"), `${text}\nwait({});`])
    assert.notEqual(meaningOf("a.ts", other), meaning, other);
});

test("every golden call replays exactly", async () => {
  const names = goldenNames("calls");
  assert.ok(names.includes(CURRENT_CALL.replace("calls/", "")), "no call of the present versions");
  for (const name of names) {
    const records = readGoldenCall(`calls/${name}`);
    const result = await replay(records, { machines: MACHINES, deep: true });
    const { verdict, divergence } = result;
    assert.equal(verdict, "reproduced", `${name}: ${JSON.stringify(divergence)}`);
    assert.deepEqual([result.records, result.epochs, result.finished], [records.length, 2, true]);
  }
});

test("the golden call holds what calls are made of", () => {
  const records = readGoldenCall(CURRENT_CALL);
  const ends = records
    .flatMap(({ outcome }) => outcome.emitted)
    .filter(({ type }) => type === "turn.ended") as unknown as readonly TurnEnded[];
  assert.deepEqual(
    ends.map(({ kind, status }) => `${kind} ${status}`),
    ["agent completed", "user cutOff", "user completed", "user completed", "agent completed"],
  );
  const facts = records.flatMap(({ outcome }) => outcome.emitted.map(({ type }) => type));
  assert.ok(facts.includes("tool.finished"));
  const lost = records.filter(({ input }) => input["how"] === "lost");
  assert.ok(lost.length >= 4, "connection, ears and a reply are lost with their owner");
});

test("C1: nothing that was said stands in a context or an input", async () => {
  const records = readGoldenCall(CURRENT_CALL);
  const said = records
    .map(({ text }) => (text?.value as { text?: string } | undefined)?.text ?? "")
    .filter((text) => text.split(" ").length > 1);
  assert.ok(said.length >= 8);
  let seen = "";
  const onRecord = (record: LogRecord, fold: CallFold): void => {
    seen += JSON.stringify([record.input, record.outcome]);
    for (const address of fold.addresses())
      seen += JSON.stringify(fold.snapshotOf(address)!.context);
  };
  await replay(records, { machines: MACHINES, onRecord });
  assert.deepEqual(
    said.filter((text) => seen.includes(text)),
    [],
  );
});

interface Catalogued {
  readonly version: number;
  readonly parse: (event: unknown) => unknown;
}

/** Every type that may stand in a log. */
const CATALOGUE: Readonly<Record<string, Catalogued>> = Object.fromEntries([
  ...Object.entries(INPUTS).map(([type, { version }]) => [type, { version, parse: parseInput }]),
  ...Object.entries(PROGRESS).map(([type, { version }]) => [
    type,
    { version, parse: parseProgress },
  ]),
]);

test("every event of the catalogue has a golden file of its version", () => {
  const names = goldenNames("events");
  const missing = Object.entries(CATALOGUE)
    .map(([type, { version }]) => `${type}.v${version}.json`)
    .filter((name) => !names.includes(name));
  assert.deepEqual(missing, [], "write an example by hand; it is never edited afterwards");
});

for (const name of goldenNames("events"))
  test(`golden event ${name} is understood`, () => {
    const [, type = "", version = ""] = /^([^@]+)(?:@\w+)?\.v(\d+)\.json$/.exec(name) ?? [];
    const entry = CATALOGUE[type];
    assert.ok(entry, `${type} is no event of the catalogue`);
    const event = JSON.parse(readGolden(`events/${name}`)) as { readonly type: string };
    assert.equal(event.type, type);
    assert.equal(Number(version), entry.version, "an older version needs its upcast");
    entry.parse(event);
    assert.throws(() => entry.parse({ ...event, unheardOf: 1 }), /unheardOf/i);
  });
