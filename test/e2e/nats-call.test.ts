import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { collect } from "../contract/bench.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";

/** A whole call in real time on a real server, as anybody would run it. */
const CLI = join(import.meta.dirname, "..", "..", "src", "cli", "cli.ts");
const QUESTIONS = ["What are your opening hours?", "And where can I park?"];

const found = await findNats(NATS_VERSIONS.at(-1)!);

suite("a call on NATS", { skip: "missing" in found && found.missing, concurrency: true }, () => {
  if ("missing" in found) return;

  /** A command of the real program, and what it says. */
  async function runCommand(server: NatsServer, prefix: string, line: readonly string[]) {
    const env = { ...process.env, NATS_URL: server.url, NATS_PREFIX: prefix };
    const child = spawn(process.execPath, [CLI, ...line], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    let said = "";
    const heard = (words: string): Promise<void> =>
      new Promise((resolve, reject) => {
        child.stdout.on("data", () => said.includes(words) && resolve());
        void ended.then(() => reject(new RangeError(`it ended without "${words}":\n${said}`)));
      });
    child.stdout.on("data", (bytes) => void (said += String(bytes)));
    return { child, ended, heard };
  }

  /** The only call there is: replays exactly, and both questions were answered. */
  async function check(server: NatsServer, prefix: string, epochs: number): Promise<void> {
    const clock = systemClock;
    await using broker = await openNats({ url: server.url, prefix, clock, ids: systemIds });
    const refs = await broker.log.calls();
    assert.equal(refs.length, 1);
    const result = await replay(broker.log.read(refs[0]!), { machines: MACHINES, deep: true });
    assert.deepEqual([result.verdict, result.epochs], ["reproduced", epochs]);
    const turns = turnSummaries(await collect(broker.log.read(refs[0]!)));
    const answers = turns.map(({ heardText }) => heardText).join(" ");
    for (const words of [/open/i, /car park/i]) assert.match(answers, words);
  }

  const servers: NatsServer[] = [];
  before(async () => {
    for (let i = 0; i < 2; i++) servers.push(await NatsServer.start(found));
  });
  after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  const say = ["simulate", ...QUESTIONS.flatMap((text) => ["--say", text])];

  test("goes on while its server is killed and comes back", async () => {
    const server = servers[0]!;
    const { ended, heard } = await runCommand(server, "one", say);
    await heard("opening hours");
    await server.kill();
    await server.restart();
    assert.deepEqual(await ended, [0, null]);
    await check(server, "one", 1);
  });

  test("whose process is killed is taken over by another, and ends as it should", async () => {
    const server = servers[1]!;
    const first = await runCommand(server, "two", say);
    await first.heard("opening hours");
    first.child.kill("SIGKILL");
    await first.ended;
    const clock = systemClock;
    const broker = await openNats({ url: server.url, prefix: "two", clock, ids: systemIds });
    const [ref] = await broker.log.calls();
    await broker[Symbol.asyncDispose]();
    const second = await runCommand(server, "two", ["simulate", "--resume", ref!.call]);
    assert.deepEqual(await second.ended, [0, null]);
    await check(server, "two", 2);
  });
});
