import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { crc32 } from "node:zlib";
import { CallFold } from "../../src/actors/call-fold.ts";
import { replay } from "../../src/actors/replay.ts";
import { ReplayReport } from "../../src/cli/replay.command.ts";
import { ErrorReport } from "../../src/cli/output.ts";
import type { LogRecord, StoredInput } from "../../src/events/record.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import {
  logFile,
  readRecords,
  recordCall,
  simulateIn,
  tempDir,
  toLines,
} from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";

let shared = "";
let finished: readonly LogRecord[] = [];
let open: readonly LogRecord[] = [];

before(async () => {
  shared = await mkdtemp(join(tmpdir(), "turnfold-replay-"));
  await recordCall(join(shared, "finished"));
  await recordCall(join(shared, "open"), { open: true });
  finished = await readRecords(logFile(join(shared, "finished")));
  open = await readRecords(logFile(join(shared, "open")));
});
after(() => rm(shared, { recursive: true }));

type Change = (record: Mutable, records: readonly LogRecord[]) => void;
type Mutable = { -readonly [K in keyof LogRecord]: LogRecord[K] };

const isEvent =
  (type: string) =>
  ({ input }: LogRecord): boolean =>
    (input["event"] as { type?: string } | undefined)?.type === type;
const hasText = ({ text }: LogRecord): boolean => text !== undefined;
const endsCall = ({ input }: LogRecord): boolean => input.type === "call.ended";
const endsTurn = ({ outcome }: LogRecord): boolean => outcome.emitted.length > 0;

/** What is changed in a record (its line is sealed again), and what the replay then names. */
const CHANGES: readonly {
  readonly name: string;
  readonly where: (record: LogRecord) => boolean;
  readonly change: Change;
  readonly what: string;
}[] = [
  {
    name: "an input",
    where: isEvent("participant.joined"),
    change: (record) => {
      const event = { ...(record.input["event"] as object), name: "eve" };
      record.input = { ...record.input, event } as never;
    },
    what: "hash",
  },
  {
    name: "an input that decides",
    where: ({ input }) => input.type === "effect.ended",
    change: (record) => (record.input = { ...record.input, how: "failed" }),
    what: "outcome.",
  },
  {
    name: "an input beyond its schema",
    where: isEvent("vad.started"),
    change: (record) => {
      const event = { ...(record.input["event"] as object), from: "early" };
      record.input = { ...record.input, event } as never;
    },
    what: "input",
  },
  {
    name: "the header's machines",
    where: ({ seq }) => seq === 1,
    change: (record) => {
      const header = { ...(record.input["header"] as object), machines: null };
      record.input = { ...record.input, header } as never;
    },
    what: "input",
  },
  {
    name: "a text",
    where: hasText,
    change: (record) => (record.text = { ...record.text!, value: { text: "something else" } }),
    what: "textDigest",
  },
  {
    name: "a text with its digest",
    where: hasText,
    change: (record) => {
      delete record.text;
      record.textDigest = "x".repeat(24);
    },
    what: "hash",
  },
  {
    name: "a text digest",
    where: hasText,
    change: (record) => delete record.textDigest,
    what: "text",
  },
  { name: "a later time", where: endsCall, change: (r) => (r.at += 1), what: "hash" },
  { name: "an earlier time", where: endsTurn, change: (r) => (r.at -= 1e9), what: "at" },
  { name: "an epoch", where: endsTurn, change: (r) => (r.epoch += 1), what: "epoch" },
  { name: "a cause", where: endsTurn, change: (r) => (r.cause = 1), what: "hash" },
  { name: "an actor", where: endsTurn, change: (r) => (r.actor = "turn.9"), what: "actor" },
  {
    name: "a stored state",
    where: endsTurn,
    change: (r) => (r.outcome = { ...r.outcome, state: { ...r.outcome.state, "turn.7": "done" } }),
    what: "outcome.state.turn.7",
  },
  {
    name: "a fact",
    where: endsTurn,
    change: (r) => {
      const emitted = r.outcome.emitted.map((fact) => ({ ...fact, status: "failed" }));
      r.outcome = { ...r.outcome, emitted };
    },
    what: "outcome.emitted.0.status",
  },
  {
    name: "an effect",
    where: ({ outcome }) => outcome.effects.length > 0,
    change: (r) => (r.outcome = { ...r.outcome, effects: r.outcome.effects.slice(1) }),
    what: "outcome.effects.",
  },
  {
    name: "what was ignored",
    where: endsTurn,
    change: (r) => (r.outcome = { ...r.outcome, ignored: "no transition" }),
    what: "outcome.ignored",
  },
  { name: "a hash", where: endsTurn, change: (r) => (r.hash = "x".repeat(24)), what: "hash" },
];

for (const { name, where, change, what } of CHANGES)
  test(`replay finds ${name} that was changed`, async (t) => {
    const index = finished.findIndex(where);
    assert.ok(index >= 0);
    const record = structuredClone(finished[index]!) as Mutable;
    change(record, finished);
    const report = await diverged(t, finished.with(index, record));
    assert.equal(report.divergence!.seq, finished[index]!.seq);
    assert.ok(report.divergence!.what.startsWith(what), report.divergence!.what);
    assert.notDeepEqual(report.divergence!.stored, report.divergence!.recomputed);
  });

test("replay finds a record that was removed, whichever it is", async (t) => {
  const dir = await tempDir(t);
  for (const [kind, records] of Object.entries({ finished, open })) {
    // The last record of a call that goes on may never have been written.
    const count = kind === "open" ? records.length - 1 : records.length;
    for (let index = 0; index < count; index++) {
      const report = await reportOf(dir, records.toSpliced(index, 1));
      assert.equal(report.code, 1, `${kind} ${index}`);
      assert.equal(report.value.divergence!.seq, index + 1);
    }
  }
});

test("replay finds a swapped pair and a duplicate, wherever they are", async (t) => {
  const dir = await tempDir(t);
  for (let index = 0; index + 1 < finished.length; index++) {
    const [a, b] = [finished[index]!, finished[index + 1]!];
    const swapped = await reportOf(dir, finished.toSpliced(index, 2, b, a));
    assert.deepEqual([swapped.code, swapped.value.divergence!.seq], [1, index + 1]);
    const doubled = await reportOf(dir, finished.toSpliced(index, 0, a));
    assert.deepEqual([doubled.code, doubled.value.divergence!.seq], [1, index + 2]);
  }
});

test("replay reproduces what was recorded and writes nothing", async (t) => {
  const data = join(shared, "finished");
  const seen = await snapshotOf(data);
  const last = finished.at(-1)!;
  for (const line of [["c-simulated"], ["c-s"], ["acme/c-sim"], [logFile(data)]]) {
    const { code, value } = await runJson(ReplayReport, ["replay", ...line, "--data", data]);
    assert.equal(code, 0);
    const { recordsPerSecond, ...rest } = value;
    assert.ok(recordsPerSecond > 0);
    assert.deepEqual(rest, {
      call: "c-simulated",
      tenant: "acme",
      verdict: "reproduced",
      records: finished.length,
      turns: 5,
      epochs: 2,
      stateHash: last.hash,
      tornBytes: 0,
      finished: true,
      erased: 0,
    });
  }
  const deep = await run(["replay", "c-s", "--deep", "--data", data]);
  assert.deepEqual([deep.code, deep.stderr], [0, ""]);
  assert.match(deep.stdout, /^reproduced: call c-simulated of acme\n/);
  const folder = await run(["replay", join(data, "acme", "c-simulated"), "--data", "/nowhere"]);
  assert.equal(folder.code, 0, folder.stderr);
  assert.deepEqual(await snapshotOf(data), seen);
  assert.equal((await runJson(ReplayReport, ["replay", "c-s", "--data", data])).code, 0);
  t.diagnostic(`${finished.length} records`);
});

test("--until stops after the record it names", async () => {
  const data = join(shared, "finished");
  const line = ["replay", "c-s", "--data", data, "--until", "20"];
  const { code, value } = await runJson(ReplayReport, line);
  assert.deepEqual([code, value.records, value.finished], [0, 20, false]);
  assert.equal(value.stateHash, finished[19]!.hash);
});

test("--deep finds features and requests that the texts do not give", async (t) => {
  const dir = await tempDir(t);
  for (const [type, change, what] of [
    ["stt.final", { words: 99 }, "features"],
    ["text.received", { class: "hanging" }, "features"],
    ["reply.segment", { question: true }, "features"],
    ["reply.requested", { digest: "x".repeat(24) }, "request digest"],
  ] as const) {
    const index = finished.findLastIndex(isEvent(type));
    assert.ok(index > 0, type);
    const file = join(dir, `${type}.jsonl`);
    await writeFile(file, toLines(sealedWith(index, change)));
    assert.equal((await run(["replay", file])).code, 0, "the chain itself is sound");
    const { code, value } = await runJson(ReplayReport, ["replay", file, "--deep"]);
    assert.deepEqual([code, value.divergence?.what], [1, what]);
    assert.equal(value.divergence?.seq, index + 1);
  }
});

test("a torn last line is left out, in the middle it is damage", async (t) => {
  const dir = await tempDir(t);
  const file = join(dir, "call.jsonl");
  await writeFile(file, `${toLines(open)}{"v":1,"seq":`);
  const torn = await runJson(ReplayReport, ["replay", file]);
  assert.deepEqual([torn.code, torn.value.tornBytes], [0, 13]);
  assert.equal(torn.value.stateHash, open.at(-1)!.hash);
  // A call that has ended may lack its last record where that is what was torn.
  const text = toLines(finished);
  await writeFile(file, text.slice(0, -40));
  const cut = await runJson(ReplayReport, ["replay", file]);
  assert.deepEqual([cut.code, cut.value.finished], [0, false]);
  assert.ok(cut.value.tornBytes > 0);
  await writeFile(file, text.replace('"seq":7,', '"seq":8,'));
  const damaged = await runJson(ReplayReport, ["replay", file]);
  assert.deepEqual([damaged.code, damaged.value.verdict], [1, "damaged"]);
  assert.equal(damaged.value.divergence!.seq, 7);
  const { stored } = damaged.value.divergence!;
  assert.match(stored as string, /call\.jsonl, line 7, does not match/);
});

test("exit code 2 for what is no log", async (t) => {
  const dir = await tempDir(t);
  const data = join(dir, "data");
  await recordCall(data);
  for (const call of ["acme/c-simulated2", "acme/c-twin", "other/c-twin"]) {
    await mkdir(join(data, call), { recursive: true });
    await copyFile(logFile(data), join(data, call, "0001.jsonl"));
  }
  assert.equal(
    (await run(["replay", "c-simulated", "--data", data])).code,
    0,
    "an id is no prefix",
  );
  await writeFile(join(dir, "note.txt"), "hello\nworld\n");
  const old = toLines(finished.slice(0, 3)).replace('{"v":1', '{"v":2');
  await writeFile(join(dir, "next.jsonl"), resealed(old));
  for (const [given, code, message] of [
    ["nobody", "call.notFound", /no call begins with "nobody" in .*data \(4 calls there\)/],
    [join(dir, "gone.jsonl"), "call.notFound", /there is no file/],
    ["c-twin", "call.ambiguous", /acme\/c-twin, other\/c-twin|other\/c-twin, acme\/c-twin/],
    ["c-sim", "call.ambiguous", /acme\/c-simulated2?, acme\/c-sim/],
    [join(dir, "note.txt"), "log.notALog", /note\.txt is not a log/],
    [dir, "call.notFound", /0001\.jsonl/],
    [join(dir, "next.jsonl"), "log.version", /record version 2/],
  ] as const) {
    const plain = await run(["replay", given, "--data", data]);
    assert.deepEqual([plain.code, plain.stdout], [2, ""], given);
    assert.match(plain.stderr, message);
    assert.ok(plain.stderr.startsWith(`${code}: `), plain.stderr);
    assert.match(plain.stderr, /\n {2}fix: /);
    const json = await runJson(ErrorReport, ["replay", given, "--data", data]);
    assert.deepEqual([json.code, json.value.error.code], [2, code]);
    assert.ok(json.value.error.fix);
  }
});

test("a call whose header is lost is damaged, not unknown", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  await writeFile(logFile(data), toLines(finished.slice(1)));
  const { code, value } = await runJson(ReplayReport, ["replay", "c-simulated", "--data", data]);
  assert.deepEqual([code, value.call, value.divergence!.what], [1, null, "sequence"]);
});

test("exit code 3 where the machine versions are not carried", async (t) => {
  const data = await tempDir(t);
  const machines = { ...MACHINES, turn: { "9": Object.values(MACHINES.turn)[0]! } };
  await using simulation = await simulateIn(data, {
    machines,
    versions: { ...CURRENT_VERSIONS, turn: "9" },
  });
  simulation.enter("ann");
  await simulation.quiet();
  const { code, value } = await runJson(ReplayReport, ["replay", "c-s", "--data", data]);
  assert.deepEqual([code, value.verdict, value.missing?.["turn"]], [3, "folded", "9"]);
  const plain = await run(["replay", "c-s", "--data", data]);
  assert.match(plain.stdout, /^folded, not verified.*\n\s+not carried .*turn 9/s);
});

test("a later epoch of strange versions is folded too, and cannot hide damage", async () => {
  const index = finished.findIndex(({ input }) => input.type === "owner.changed");
  const machines = { ...CURRENT_VERSIONS, turn: "9", room: "9" };
  const changed = {
    ...finished[index]!,
    input: { ...finished[index]!.input, machines },
  };
  const records = finished.with(index, changed);
  assert.equal((await replay(records, { machines: MACHINES })).verdict, "folded");
  // Nothing that is carried knows the room's state: no reason to call the log wrong.
  const strange = {
    ...MACHINES,
    room: { ...MACHINES.room, "2": Object.values(MACHINES.track)[0]! },
  };
  const stuck = await replay(records, { machines: strange });
  assert.deepEqual([stuck.verdict, stuck.records], ["folded", records.length]);
  const gap = await replay(records.toSpliced(-1, 0, records.at(-1)!), { machines: MACHINES });
  assert.deepEqual([gap.verdict, gap.divergence?.what], ["diverged", "sequence"]);
  const early = await replay(records.toSpliced(4, 1), { machines: MACHINES });
  assert.equal(early.verdict, "diverged");
});

test("erased text is counted and the log still verifies", async (t) => {
  const erased = finished.map(({ text: _, ...record }) => record);
  const { code, value } = await reportOf(await tempDir(t), erased);
  assert.deepEqual([code, value.erased], [0, finished.filter(hasText).length]);
});

/** The log up to a record that a faulty edge wrote: the chain is right, what it says is not. */
function sealedWith(index: number, change: object): readonly LogRecord[] {
  const fold = new CallFold(MACHINES);
  return finished.slice(0, index + 1).map((stored, i) => {
    const { at, cause, textDigest, text } = stored;
    const event = { ...(stored.input["event"] as object | undefined), ...change };
    const input = i === index ? { ...stored.input, event } : stored.input;
    const given = { at, cause, ...(textDigest !== undefined && { textDigest }) };
    const { record } = fold.step(input as StoredInput, given);
    return text ? { ...record, text } : record;
  });
}

/** Gives lines of another content their checksum. */
function resealed(lines: string): string {
  return lines.replace(/,"crc":"[0-9a-f]{8}"\}/g, "}").replace(/^.*$/gm, (line) => {
    const crc = crc32(line).toString(16).padStart(8, "0");
    return line && `${line.slice(0, -1)},"crc":"${crc}"}`;
  });
}

/** Replays the records as a file: it must diverge. */
async function diverged(t: TestContext, records: readonly LogRecord[]): Promise<ReplayReport> {
  const { code, value } = await reportOf(await tempDir(t), records);
  assert.equal(code, 1, JSON.stringify(value));
  assert.ok(["diverged", "damaged"].includes(value.verdict));
  return value;
}

async function reportOf(dir: string, records: readonly LogRecord[]) {
  const file = join(dir, "call.jsonl");
  await writeFile(file, toLines(records));
  return runJson(ReplayReport, ["replay", file]);
}

/** Names, sizes and times of all files of a folder. */
async function snapshotOf(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir, { recursive: true });
  return Promise.all(
    names.toSorted().map(async (name) => {
      const { size, mtimeMs } = await stat(join(dir, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}
