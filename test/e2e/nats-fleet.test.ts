import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Connection } from "../../src/broker/nats/connection.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { NatsBus } from "../../src/broker/nats/nats-bus.ts";
import { FleetReport } from "../../src/cli/fleet.command.ts";
import { TellReport } from "../../src/cli/tell.command.ts";
import { CommandAnswer, type FleetAnswer } from "../../src/events/fleet.events.ts";
import { CallCommands } from "../../src/fleet/commands.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import { run } from "../support/run-cli.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { TypingCaller } from "../support/typing-caller.ts";

/** Commands and the fleet on a real server: processes of the real program, users of nats.conf. */
const CLI = join(import.meta.dirname, "..", "..", "src", "cli", "cli.ts");
const CONF = join(import.meta.dirname, "..", "..", "nats.conf");

const found = await findNats(NATS_VERSIONS.at(-1)!);

interface Worker {
  readonly child: ChildProcess;
  readonly url: string;
  /** Its process is in its name. */
  readonly isNamed: (name: string | undefined) => boolean;
}

suite("a fleet on NATS", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;
  let server: NatsServer;
  let folder: string;
  const workers: Worker[] = [];

  const env = () => ({ NATS_URL: server.url, NATS_PREFIX: "fl", TURNFOLD_MODELS: folder });

  async function startWorker(): Promise<Worker> {
    const child = spawn(process.execPath, [CLI, "start", "--port", "0", "--no-pull"], {
      env: { ...process.env, ...env() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stdout.on("data", (bytes) => {
        said += String(bytes);
        const ready = /ready at (\S+)/.exec(said);
        if (ready) resolve(ready[1]!);
      });
      child.once("exit", () => reject(new RangeError(`it ended: ${said}`)));
    });
    const isNamed = (name = ""): boolean => name.split("-").includes(String(child.pid));
    const worker = { child, url, isNamed };
    workers.push(worker);
    return worker;
  }

  /** The fleet, asked again until it is as said. */
  async function fleetOnce(isSo: (fleet: FleetAnswer) => boolean) {
    for (;;) {
      const { code, stdout } = await run(["fleet", "--json"], { env: env() });
      const fleet = FleetReport.parse(JSON.parse(stdout));
      if (isSo(fleet)) return { code, fleet };
    }
  }

  async function tell(...line: readonly string[]) {
    const { code, stdout, stderr } = await run(["tell", ...line, "--json"], { env: env() });
    return { code, stderr, answer: JSON.parse(stdout) as unknown };
  }

  before(async () => {
    server = await NatsServer.start(found);
    folder = await mkdtemp(join(tmpdir(), "turnfold-fleet-"));
  });
  after(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("a call of one process is told things from another, until its process dies", async () => {
    const none = await run(["fleet"], { env: env() });
    assert.equal(none.code, 1);
    assert.match(none.stdout, /^no worker runs on the NATS server \(prefix fl\)/);
    const [first, second] = [await startWorker(), await startWorker()];
    const caller = await TypingCaller.join(first.url);
    const { call } = caller.call;

    const seen = await fleetOnce(({ workers: all, calls }) => all.length === 2 && calls === 1);
    const owner = seen.fleet.workers.find(({ worker }) => first.isNamed(worker));
    assert.deepEqual([seen.code, owner?.calls.ids], [0, [call]]);

    assert.match((await run(["calls"], { env: env() })).stdout, new RegExp(`${call}.* live`));

    const said = TellReport.parse((await tell(call, "say", "We close soon.")).answer);
    assert.ok(said.changed && said.tenant === "local");
    const short = TellReport.parse((await tell(call.slice(0, 10), "mute", "--by", "ann")).answer);
    assert.match(short.did, /^muted/);
    const room = TellReport.parse((await tell("page-typist", "state")).answer);
    assert.ok(first.isNamed(room.state?.worker) && room.state?.muted);
    const wrong = await tell(call, "set", "endpointing.minDelay=0ms");
    assert.equal(wrong.code, 2);
    assert.match(JSON.stringify(wrong.answer), /config\.invalid.*endpointing\.minDelay/);
    const logged = await run(["show", call], { env: env() });
    assert.match(logged.stdout, /ann commands mute/);

    first.child.kill("SIGKILL");
    await caller[Symbol.asyncDispose]();
    const died = Date.now();
    const left = await fleetOnce(({ workers: all }) => all.length === 1);
    assert.ok(second.isNamed(left.fleet.workers[0]?.worker));
    assert.ok(Date.now() - died < 6_000, `${Date.now() - died} ms`);
    assert.match((await run(["calls"], { env: env() })).stdout, new RegExp(`${call}.* unfinished`));
    const orphan = await tell(call, "mute");
    assert.equal(orphan.code, 1);
    assert.match(JSON.stringify(orphan.answer), /bus\.noResponder.*goes on, but nobody has it/);

    const gone = once(second.child, "exit");
    second.child.kill("SIGTERM");
    await gone;
    assert.equal((await run(["fleet"], { env: env() })).code, 1);
    const ended = await tell("c-nobody", "mute");
    assert.match(JSON.stringify(ended.answer), /call\.notFound/);
  });
});

suite("commands under nats.conf", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;
  let server: NatsServer;
  const login = (user: string) => `nats://${user}:${user}@127.0.0.1:${server.port}`;
  before(async () => {
    const text = await readFile(CONF, "utf8");
    server = await NatsServer.start({
      ...found,
      whole: ({ client, monitor, folder }) =>
        text
          .replaceAll("127.0.0.1:4222", `127.0.0.1:${client}`)
          .replaceAll("127.0.0.1:8222", `127.0.0.1:${monitor}`)
          .replace("./.turnfold/nats", folder),
    });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const user of ["engine", "responder"])
    test(`a tenant's own user is answered by the user ${user}`, async () => {
      const ports = { clock: systemClock, logger: silentLogger };
      await using simulation = await Simulation.open({
        broker: () => openNats({ url: login("engine"), clock: systemClock, ids: systemIds }),
        call: { call: `c-${user}`, room: `Desk of ${user}` },
      });
      const { broker, supervisor } = simulation;
      await using connection = await Connection.open(login(user), ports);
      const bus = user === "engine" ? broker.bus : new NatsBus(connection, silentLogger);
      const commands = { broker: { bus, log: broker.log }, ids: systemIds, worker: "w1" };
      new CallCommands({ ...commands, logger: silentLogger }).attach(supervisor);
      await connection.nc.flush();
      await broker.kv.get("any");

      const url = { servers: server.url, user: "acme", pass: "acme" };
      const tenant = await connect({ ...url, inboxPrefix: "_INBOX.acme" });
      const ask = async (target: string, text: string): Promise<CommandAnswer> => {
        const subject = `turnfold.commands.acme.${target}`;
        return CommandAnswer.parse(
          (await tenant.request(subject, text, { timeout: 2_000 })).json(),
        );
      };
      const muted = await ask(`c-${user}`, '{"name": "mute", "by": "acme"}');
      assert.ok(muted.ok && muted.changed && muted.did === "muted");
      const state = await ask(`Desk=20of=20${user}`, '{"name": "state"}');
      assert.ok(state.ok && state.state?.muted && state.seq >= muted.seq);
      for (const bad of ["", "mute", '{"name": "shout"}']) {
        const refused = await ask(`c-${user}`, bad);
        assert.equal(!refused.ok && refused.code, "input.invalid", bad);
      }
      await assert.rejects(ask("c-nobody", '{"name": "state"}'));
      const other = tenant.request("turnfold.commands.other.c1", "{}", { timeout: 500 });
      await assert.rejects(other);
      await tenant.close();
    });

  test("an answer is never written where a log is", async () => {
    await using broker = await openNats({
      url: login("engine"),
      clock: systemClock,
      ids: systemIds,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    broker.bus.subscribe("turnfold.commands.acme.c1", () => ({ ok: true }));
    broker.bus.subscribe("turnfold.commands.acme.c2", () => {
      resolve();
      return undefined;
    });
    const insider = await connect({ servers: server.url, user: "engine", pass: "engine" });
    const log = "turnfold.log.0.acme.c1";
    let written = 0;
    insider.subscribe(log, { callback: () => void written++ });
    await insider.flush();
    await broker.kv.get("any");
    for (const payload of ["{}", "no JSON"])
      insider.publish("turnfold.commands.acme.c1", payload, { reply: log });
    const honest = await insider.request("turnfold.commands.acme.c1", "{}");
    assert.deepEqual(honest.json(), { ok: true });
    insider.publish("turnfold.commands.acme.c2", "{}");
    await promise;
    await insider.flush();
    assert.equal(written, 0);
    await insider.close();
  });
});
