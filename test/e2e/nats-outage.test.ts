import assert from "node:assert/strict";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { suite, test } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import { callOf } from "../../src/agent/voice-agent.ts";
import { frameMs, samplesOf } from "../../src/base/audio.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { readConfig } from "../../src/config.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import {
  LOCAL_RATE_HZ,
  openProviders,
  openBundledAgent,
  openStore,
  openSupervisor,
} from "../../src/main.ts";
import { Recorder } from "../../src/media/local/recorder.ts";
import { PacedRoom } from "../../src/media/paced-room.ts";
import { collect } from "../contract/bench.ts";
import { findNats, NATS_VERSIONS, NatsServer, startCluster } from "../support/servers.ts";
import { leaderOf } from "./support.ts";

/** L7 in real time: a spoken call whose real server is killed in its middle and started again. */
const STEP_MS = 20;
const PATIENCE_MS = 30_000;
/** Samples of Flite's silence are below this, of its words far above. */
const LOUD = 500;

const found = await findNats(NATS_VERSIONS.at(-1)!);

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = systemClock.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(systemClock.now() < end, `it did not come to this: ${what}`);
    await pause(STEP_MS);
  }
  await nextTurn();
}

/** What is done to the servers, and when: in the middle of the first answer, or before it. */
interface Trouble {
  readonly inAnswer: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly kill: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

suite("a call whose log is away", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;

  test("asks the caller to hold the line, and goes on when it is back", async () => {
    await using server = await NatsServer.start(found);
    const kill = (): Promise<void> => server.kill();
    const mend = (): Promise<void> => server.restart();
    await holdsTheLine({ inAnswer: true, env: { NATS_URL: server.url }, kill, mend });
  });

  test("does so while a cluster finds itself another leader", async () => {
    const servers = await startCluster(found.path);
    try {
      const urls = servers.map(({ url }) => url).join(",");
      const env = { NATS_URL: urls, NATS_REPLICAS: "3", NATS_SHARDS: "1" };
      const kill = async (): Promise<void> => (await leaderOf(servers, "turnfold_log_0")).kill();
      await holdsTheLine({ inAnswer: false, env, kill, mend: () => Promise.resolve() });
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});

async function holdsTheLine({ inAnswer, env, kill, mend }: Trouble): Promise<void> {
  const config = readConfig({}, { ...env, TURNFOLD_LOG_LEVEL: "error" });
  await using broker = await openStore(config, false);
  await using providers = await openProviders(config);
  const recorder = new Recorder(systemClock.now(), LOCAL_RATE_HZ);
  let soundTo = 0;
  const room = new PacedRoom({
    clock: systemClock,
    rateHz: LOCAL_RATE_HZ,
    silenceFrameMs: LIMITS.frameMs,
    onAgent: (frame, at) => {
      recorder.add("agent", frame, at);
      soundTo = at + frameMs(frame);
    },
  });
  const agent = openBundledAgent(config);
  const parts = { providers, roomOf: () => room, agent: () => agent };
  const supervisor = openSupervisor(config, broker, parts);
  using cleanup = new DisposableStack();
  cleanup.defer(() => supervisor.abandonAll("the test is over"));
  const records: LogRecord[] = [];
  supervisor.onRecord((_, record) => void records.push(record));
  const ended = (n: number): boolean =>
    turnSummaries(records).some((turn) => turn.n === n && turn.status === "completed");
  room.enter("caller", { speaks: false });
  const host = await supervisor.open({
    call: systemIds.call(),
    tenant: "local",
    room: "front desk",
    identity: "agent",
    ...callOf(agent),
    recording: null,
  });
  await until(() => ended(1), "the greeting was said");

  const greeted = soundTo;
  const ask = (): void => room.type("caller", "What are your opening hours?");
  const answers = (): boolean => host.fold.liveEffects().some(({ src }) => src === "reply");
  if (inAnswer) {
    ask();
    await until(() => soundTo > greeted + 500, "the answer sounds");
  }
  const killedAt = systemClock.now();
  await kill();
  if (inAnswer) await until(() => !answers(), "the answer is through");
  else ask();
  const through = soundTo;
  await until(() => soundTo > through + 500, "something else is said");
  await mend();
  await until(
    () => records.some(({ input }) => input.type === "outage.spoken"),
    "that is in the log",
  );
  await until(() => ended(2), "the question is answered");
  room.type("caller", "And where can I park?");
  await until(() => ended(3), "the call goes on");
  room.leave("caller");
  await host.command({ name: "end", reason: "done" }, "test");
  await host.ended;

  const log = await collect(broker.log.read(host.ref));
  const { verdict, epochs } = await replay(log, { machines: MACHINES, deep: true });
  assert.deepEqual([verdict, epochs], ["reproduced", 1]);
  const spoken = log.filter(({ input }) => input.type === "outage.spoken");
  assert.equal(spoken.length, 1);
  const { at, ms, words } = spoken[0]!.input as unknown as Record<"at" | "ms" | "words", number>;
  assert.equal(words, 7);
  assert.ok(at >= killedAt + LIMITS.outageWordsAfterMs, "not before its time");
  const { samples } = recorder.sound("agent");
  const loudest = (from: number, to: number): number => {
    const at0 = (time: number): number =>
      samplesOf(Math.max(0, time - recorder.startedAt), LOCAL_RATE_HZ);
    return samples.subarray(at0(from), at0(to)).reduce((max, s) => Math.max(max, Math.abs(s)), 0);
  };
  assert.ok(loudest(at - 250, at) < LOUD, "nobody talks over anybody");
  assert.ok(loudest(at, at + ms) > LOUD, "it is heard");
  const heard = turnSummaries(log).map(({ heardText }) => heardText);
  assert.match(heard.join(" "), inAnswer ? /open.*hold the line/i : /hold the line.*open/i);
  assert.match(heard[2]!, /car park/i);
}
