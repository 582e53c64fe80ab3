import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, test } from "node:test";
import type { z } from "zod";
import { replay } from "../../src/actors/replay.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { DispatchReport } from "../../src/cli/dispatch.command.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { LiveKitCaller, until } from "../support/livekit-caller.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { run } from "../support/run-cli.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";

/** The program itself on real servers, as somebody would run it. */
const CLI = join(import.meta.dirname, "..", "..", "src", "cli", "cli.ts");
const nats = await findNats(NATS_VERSIONS.at(-1)!);
const liveKit = await findLiveKit();
const missing = [nats, liveKit].flatMap((one) => ("missing" in one ? [one.missing] : []));

interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All lines it has said. */
  readonly lines: readonly string[];
}

suite("turnfold worker", { skip: missing[0] ?? false }, () => {
  if ("missing" in nats || "missing" in liveKit) return;
  let broker: NatsServer;
  let rooms: LiveKitServer;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    broker = await NatsServer.start(nats);
    rooms = await LiveKitServer.start(liveKit);
    env = {
      ...process.env,
      NATS_URL: broker.url,
      LIVEKIT_URL: rooms.url,
      LIVEKIT_API_KEY: rooms.apiKey,
      LIVEKIT_API_SECRET: rooms.apiSecret,
      TURNFOLD_PORT: "0",
    };
  });
  after(async () => {
    await rooms[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  function start(...line: readonly string[]): Program {
    const stdio = ["ignore", "pipe", "pipe"] as const;
    const child = spawn(process.execPath, [CLI, ...line], { env, stdio: [...stdio] });
    const lines: string[] = [];
    for (const said of [child.stdout!, child.stderr!])
      createInterface(said).on("line", (text) => lines.push(text));
    const close = async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    };
    return { child, lines, [Symbol.asyncDispose]: close };
  }

  async function nameOf({ lines }: Program): Promise<string> {
    await until("the worker's line", () => lines.some((line) => line.startsWith("worker ")));
    const line = lines.find((one) => one.startsWith("worker "))!;
    assert.match(line, /: up to 20 calls, machines room \d+, track \d+, turn \d+, the NATS server/);
    return line.slice("worker ".length, line.indexOf(":"));
  }

  async function dispatch(room: string): Promise<z.infer<typeof DispatchReport>> {
    const { code, stdout, stderr } = await run(["dispatch", room, "--json"], { env });
    assert.deepEqual([code, stderr], [0, ""]);
    return DispatchReport.parse(JSON.parse(stdout));
  }

  test("started before NATS is there, it says so and waits", async () => {
    await broker.kill();
    await using program = start("worker", "--no-pull");
    await until("the word", () => program.lines.some((line) => line.startsWith("waiting: ")));
    await broker.restart();
    await nameOf(program);
    assert.equal(program.lines.filter((line) => line.startsWith("waiting: ")).length, 1);
  });

  test("a room gets its agent; killed, it comes back; the talk goes on", async (t) => {
    await using caller = await LiveKitCaller.join(rooms, {
      room: "desk",
      identity: "ann",
      speaks: false,
    });
    await using first = start("worker", "--no-pull");
    const name = await nameOf(first);
    const asked = await dispatch("desk");
    assert.deepEqual([asked.asked, asked.state, asked.worker], ["now", "running", name]);
    const again = await dispatch("desk");
    assert.deepEqual(again, { ...asked, asked: "before" });
    const isHeard = (since: number): boolean =>
      caller.heard.some(({ at, samples }) => at > since && samples.some((s) => s > 1_000));
    await until("the greeting", () => isHeard(0));
    await using second = start("worker", "--no-pull", "--drain", "1s");
    const successor = await nameOf(second);
    const killedAt = performance.now();
    first.child.kill("SIGKILL");
    while ((await dispatch("desk")).worker !== successor) await sleep(systemClock, 50);
    t.diagnostic(`taken over after ${(performance.now() - killedAt).toFixed(0)} ms`);
    const takenAt = performance.now();
    await caller.type("What are your opening hours?");
    await until("an answer", () => isHeard(takenAt));
    const told = await run(["tell", "desk", "end"], { env });
    assert.deepEqual([told.code, told.stderr], [0, ""]);
    second.child.kill("SIGTERM");
    assert.deepEqual(await once(second.child, "exit"), [0, null]);
    const ref = { tenant: "local", call: asked.call! };
    await using store = await openNats({ url: broker.url, clock: systemClock, ids: systemIds });
    const result = await replay(store.log.read(ref), { machines: MACHINES, deep: true });
    assert.deepEqual([result.verdict, result.epochs], ["reproduced", 2]);
  });

  test("turnfold start is a worker too, and hands its calls to another when stopped", async () => {
    await using caller = await LiveKitCaller.join(rooms, {
      room: "lobby",
      identity: "bob",
      speaks: false,
    });
    await using page = start("start", "--no-pull", "--drain", "30s");
    const name = await nameOf(page);
    assert.equal((await dispatch("lobby")).worker, name);
    await using other = start("worker", "--no-pull");
    const successor = await nameOf(other);
    await until("the page", () => page.lines.some((line) => line.includes("turnfold is ready")));
    page.child.kill("SIGTERM");
    assert.deepEqual(await once(page.child, "exit"), [0, null]);
    let now = await dispatch("lobby");
    while (now.worker !== successor) now = await dispatch("lobby");
    assert.equal(now.asked, "before");
    await caller.leave();
  });
});
