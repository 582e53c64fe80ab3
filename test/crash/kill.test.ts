import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after, suite, test } from "node:test";
import { replay, type ReplayResult } from "../../src/actors/replay.ts";
import { seededRandom } from "../../src/base/id.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { readLogFile } from "../../src/broker/embedded/read-log-file.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import { needModels } from "../support/models.ts";
import { CRASH_CALL } from "./crash-call.ts";

/**
 * `kill -9` in the middle of a call: nothing that was acknowledged is lost, another process goes on
 * with the call to its end, and the whole replays exactly, over both owners.
 */
const FULL_SPEED_KILLS = 47;
const AUDIO_KILLS = 3;
/** Processes at a time. */
const AT_ONCE = 2;
const REF = { tenant: "acme", call: "c-simulated" };

const root = mkdtemp(join(tmpdir(), "turnfold-crash-"));
after(async () => rm(await root, { recursive: true, force: true }));

async function folder(): Promise<string> {
  return mkdtemp(join(await root, "data-"));
}

/** Most of a child's short life would be compiling what the child before it compiled. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  return { ...process.env, NODE_COMPILE_CACHE: join(await root, "cache") };
}

interface Victim {
  readonly program: string;
  readonly args: readonly string[];
  /** Killed when so many records were acknowledged, then so much later. */
  readonly lines: number;
  readonly delayMs: number;
}

/** Lets a process run and kills it; gives the lines it told of its records before it died. */
async function runAndKill(victim: Victim): Promise<readonly string[]> {
  const { program, args, lines, delayMs } = victim;
  const path = join(import.meta.dirname, program);
  const stdio = ["ignore", "ignore", "inherit", "pipe"] as const;
  const child = spawn(process.execPath, [path, ...args], {
    stdio: [...stdio],
    env: await environment(),
  });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  let told = "";
  let count = 0;
  let isDoomed = false;
  const pipe = child.stdio[3] as Readable;
  pipe.on("data", (data: Buffer) => {
    told += data.toString("utf8");
    for (const byte of data) if (byte === 10) count++;
    if (count < lines || isDoomed) return;
    isDoomed = true;
    setTimeout(() => child.kill("SIGKILL"), delayMs);
  });
  await Promise.all([exited, once(pipe, "close")]);
  const [, signal] = await exited;
  assert.equal(signal, "SIGKILL", "it ended by itself");
  // The last line may be cut: only whole ones were told.
  return told.split("\n").slice(0, -1);
}

interface Log {
  readonly records: readonly LogRecord[];
  readonly tornBytes: number;
}

async function read(path: string): Promise<Log> {
  const reading = readLogFile(path);
  const records: LogRecord[] = [];
  for await (const record of reading) records.push(record);
  return { records, tornBytes: reading.tornBytes };
}

/** Every record the dead process knew to be in the log is there, as it was. */
function assertKept(told: readonly string[], { records }: Log): void {
  const kept = records.map(({ seq, hash }) => `${seq} ${hash}`);
  assert.deepEqual(kept.slice(0, told.length), told);
}

async function assertReproduced(path: string): Promise<ReplayResult> {
  const result = await replay(readLogFile(path), { machines: MACHINES, deep: true });
  assert.equal(result.divergence, undefined);
  assert.deepEqual([result.verdict, result.finished], ["reproduced", true]);
  return result;
}

/** A new owner over the same folder; the caller is back, asks something and hangs up. */
async function finishCall(dataDir: string, seed: number): Promise<void> {
  await using simulation = await Simulation.resume(REF, {
    ...CRASH_CALL,
    seed: 1_000 + seed,
    broker: (clock) => openEmbedded({ dataDir, clock }),
  });
  if (simulation.host.fold.closed) return;
  simulation.enter("ann");
  await simulation.run(1_000);
  await simulation.quiet();
  simulation.say("And where can I park?", { ms: 1_000 });
  await simulation.run(2_000);
  await simulation.quiet();
  simulation.room.leave("ann");
  await simulation.run(60_000);
}

interface Outcome {
  readonly records: number;
  readonly epochs: number;
  readonly torn: "none" | "found" | "planted";
}

async function killOne(seed: number): Promise<Outcome> {
  const dataDir = await folder();
  const random = seededRandom(seed);
  const path = join(dataDir, REF.tenant, REF.call, "0001.jsonl");
  const told = await runAndKill({
    program: "call-child.ts",
    args: [dataDir, String(seed)],
    lines: 1 + Math.floor(random() ** 2 * 1_200),
    delayMs: random() < 0.5 ? 0 : random() * 60,
  });
  const before = await read(path);
  assertKept(told, before);
  // A kill hardly ever hits the middle of a write, so a third of them are given its traces.
  const isPlanted = before.tornBytes === 0 && seed % 3 === 0;
  if (isPlanted) await appendFile(path, `{"v":1,"seq":${before.records.length + 1},"at":17500`);
  const torn = await read(path);
  assert.equal(torn.tornBytes > 0, isPlanted || before.tornBytes > 0, "a torn line is reported");
  assert.deepEqual(torn.records, before.records, "and does no harm to the others");
  await finishCall(dataDir, seed);
  const whole = await read(path);
  assert.equal(whole.tornBytes, 0, "the next owner cut it off");
  assertKept(told, whole);
  const { epochs, records } = await assertReproduced(path);
  assert.equal(epochs, 2);
  const last = turnSummaries(whole.records).at(-1);
  assert.deepEqual(
    [last?.userText, last?.status],
    ["And where can I park?", "completed"],
    `seed ${seed}`,
  );
  return { records, epochs, torn: isPlanted ? "planted" : before.tornBytes > 0 ? "found" : "none" };
}

/** `simulate` in real time, then `simulate --resume` as anybody would run it. */
async function killSpoken(seed: number): Promise<string> {
  const dataDir = await folder();
  const random = seededRandom(100 + seed);
  const told = await runAndKill({
    program: "audio-child.ts",
    args: [dataDir],
    // A third of the call each: the greeting, the first answer, the second.
    lines: 5 + Math.floor((seed - 1 + random()) * 24),
    delayMs: random() * 300,
  });
  const [call] = await readdir(join(dataDir, "local"));
  assert.ok(call);
  const path = join(dataDir, "local", call, "0001.jsonl");
  assertKept(told, await read(path));
  const cli = join(import.meta.dirname, "../../src/cli/cli.ts");
  const line = [cli, "simulate", "--resume", call, "--data", dataDir];
  const resumed = spawn(process.execPath, line, { stdio: ["ignore", "ignore", "inherit"] });
  assert.deepEqual(await once(resumed, "exit"), [0, null]);
  const whole = await read(path);
  assertKept(told, whole);
  const { epochs, records } = await assertReproduced(path);
  assert.equal(epochs, 2);
  const heard = turnSummaries(whole.records).map(({ userText }) => userText.toLowerCase());
  // Speech-to-text may mistake a word, but not all of an utterance.
  for (const words of [/hours|saturday/, /where|park|car/])
    assert.match(heard.join(" "), words, "an utterance was never understood");
  return `killed after ${told.length} of ${records} records`;
}

// The spoken calls mostly wait for sound, and the others fill the time.
suite("kill -9 in a call", { concurrency: true }, () => {
  test(`${FULL_SPEED_KILLS} times at full speed: nothing acknowledged is lost`, async (t) => {
    const seeds = Array.from({ length: FULL_SPEED_KILLS }, (_, i) => i + 1);
    const outcomes: Outcome[] = [];
    const worker = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift())
        outcomes.push(await killOne(seed));
    };
    const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
    for (const ended of workers) if (ended.status === "rejected") throw ended.reason;
    const records = outcomes.reduce((sum, one) => sum + one.records, 0);
    const count = (torn: Outcome["torn"]) => outcomes.filter((one) => one.torn === torn).length;
    assert.equal(outcomes.length, FULL_SPEED_KILLS);
    t.diagnostic(
      `${outcomes.length} kills, ${records} records, 2 epochs each; ` +
        `torn tails: ${count("found")} found, ${count("planted")} planted`,
    );
  });

  test(`${AUDIO_KILLS} times in a spoken call: what was not heard is said again`, async (t) => {
    if (!(await needModels(t))) return;
    const outcomes = await Promise.all(
      Array.from({ length: AUDIO_KILLS }, (_, i) => killSpoken(i + 1)),
    );
    t.diagnostic(`${outcomes.length} kills, ${outcomes.map(String).join("; ")}`);
  });
});
