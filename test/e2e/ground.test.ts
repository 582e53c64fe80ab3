import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, test } from "node:test";
import { dispose, ParticipantKind, type Room } from "@livekit/rtc-node";
import { freePorts } from "../../scripts/servers/ports.ts";
import { ROOT } from "../../scripts/servers/server-files.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { run } from "../support/run-cli.ts";
import { findNats, NatsServer } from "../support/servers.ts";
import { Callers, until } from "./livekit-bench.ts";

/** A worker process as it is started, on real servers, asked for by way of LiveKit. */
const found = { nats: await findNats("2.15.2"), liveKit: await findLiveKit() };
const [missing] = Object.values(found).flatMap((one) => ("missing" in one ? [one.missing] : []));
const pathOf = (one: (typeof found)["nats"]): string => ("path" in one ? one.path : "");

interface Health {
  readonly failing: readonly string[];
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly why?: string }>>;
}

suite("a worker on real ground", { skip: missing ?? false }, () => {
  let nats: NatsServer;
  let liveKit: LiveKitServer;
  let callers: Callers;
  let worker: ChildProcess;
  let healthUrl: string;
  const lines: string[] = [];

  before(async () => {
    nats = await NatsServer.start({ path: pathOf(found.nats) });
    liveKit = await LiveKitServer.start({ path: pathOf(found.liveKit) });
    callers = new Callers(liveKit);
    const [port] = await freePorts(1);
    healthUrl = `http://127.0.0.1:${port!}/health`;
    worker = spawn(process.execPath, [join(ROOT, "bin", "turnfold.js"), "worker", "--no-pull"], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        NATS_URL: nats.url,
        LIVEKIT_URL: liveKit.url,
        LIVEKIT_API_KEY: liveKit.apiKey,
        LIVEKIT_API_SECRET: liveKit.apiSecret,
        TURNFOLD_AGENT_NAME: "desk",
        TURNFOLD_HEALTH_PORT: String(port),
      },
    });
    createInterface(worker.stderr!).on("line", (line) => lines.push(line));
    await until("it is registered", () => connections().length === 1, 30_000);
  });
  after(async () => {
    await callers[Symbol.asyncDispose]();
    if (worker.exitCode === null) {
      const exited = once(worker, "exit");
      worker.kill("SIGKILL");
      await exited;
    }
    await liveKit[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    await dispose();
  });

  const connections = () => lines.filter((line) => line.includes("Connected to LiveKit"));
  const agentIn = (room: Room) =>
    [...room.remoteParticipants.values()].find(({ kind }) => kind === ParticipantKind.AGENT);
  async function health(): Promise<Health & { readonly code: number }> {
    const answer = await fetch(healthUrl);
    return { code: answer.status, ...((await answer.json()) as Health) };
  }

  test("a dispatch brings its agent into the room, and its deletion takes it away", async () => {
    const room = await callers.join("lobby", "ann");
    const { id } = await callers.dispatches.createDispatch("lobby", "desk");
    await until("the agent is there", () => agentIn(room)?.identity === "agent");
    await callers.dispatches.deleteDispatch(id, "lobby");
    await until("the agent has left", () => agentIn(room) === undefined);
  });

  test("a call that ends is a success to LiveKit, and the caller is left alone", async () => {
    const room = await callers.join("porch", "ann");
    await callers.dispatches.createDispatch("porch", "desk");
    await until("the agent is there", () => agentIn(room) !== undefined);
    await until("LiveKit knows", async () => (await callers.jobsOf("porch")).length > 0);
    const jobs = await callers.jobsOf("porch");
    const told = await run(["tell", "porch", "end"], { env: { NATS_URL: nats.url } });
    assert.equal(told.code, 0, told.stderr);
    await until("the agent has left", () => agentIn(room) === undefined);
    const ended = async () => (await callers.endsOf(jobs)).length > 0;
    await until("the call is over", ended);
    assert.deepEqual(await callers.endsOf(jobs), ["JS_SUCCESS"]);
  });

  test("health names LiveKit while it is away, and it is found again", async () => {
    const before = await health();
    assert.deepEqual([before.parts["nats"], before.parts["livekit"]], [{ ok: true }, { ok: true }]);
    await liveKit.kill();
    await until("it is named", async () => (await health()).failing.includes("livekit"), 10_000);
    const during = await health();
    assert.equal(during.code, 503);
    assert.deepEqual(during.parts["nats"], { ok: true });
    await liveKit.restart();
    await until("it is well again", async () => (await health()).parts["livekit"]!.ok, 10_000);
    assert.equal(connections().length, 2);
    const room = await callers.join("after", "ann");
    await callers.dispatches.createDispatch("after", "desk");
    await until("the agent is there", () => agentIn(room) !== undefined);
  });

  test("health names NATS while it is away", async () => {
    await nats.kill();
    await until("it is named", async () => (await health()).failing.includes("nats"), 10_000);
    assert.equal((await health()).code, 503);
    await nats.restart();
    await until("it is well again", async () => (await health()).parts["nats"]!.ok, 10_000);
  });
});
