import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { FleetReport } from "../../src/cli/fleet.command.ts";
import { ErrorReport } from "../../src/cli/output.ts";
import { TellReport } from "../../src/cli/tell.command.ts";
import { rules, start, tell, voiceAgent, type LogRecord, type Started } from "../../src/index.ts";
import { recordCall, tempDir } from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";
import { TypingCaller } from "../support/typing-caller.ts";

/** `turnfold tell` and `turnfold fleet` beside a running `start`, as two people would have them. */
const agent = voiceAgent({
  name: "own",
  instructions: "Answer.",
  model: rules([{ when: /./, say: "All right." }]),
});

interface Stage extends AsyncDisposable {
  readonly data: string;
  readonly started: Started;
  readonly caller: TypingCaller;
  readonly records: LogRecord[];
}

async function open(t: TestContext): Promise<Stage> {
  const data = await tempDir(t);
  const records: LogRecord[] = [];
  const onRecord = (_: unknown, record: LogRecord): void => void records.push(record);
  const started = await start({ agent, port: 0, dataDir: data, onRecord });
  const caller = await TypingCaller.join(started.url);
  const dispose = async (): Promise<void> => {
    await caller[Symbol.asyncDispose]();
    await started.close();
  };
  return { data, started, caller, records, [Symbol.asyncDispose]: dispose };
}

function sayings(records: readonly LogRecord[]): readonly unknown[] {
  return records.filter(({ input }) => input.type === "command.received").map((r) => r.text?.value);
}

suite("turnfold tell", () => {
  test("each command over HTTP, by id, by its start and by the room's name", async (t) => {
    await using stage = await open(t);
    const { data, caller, records } = stage;
    const { call } = caller.call;
    const told = async (line: readonly string[]) =>
      (await runJson(TellReport, ["tell", ...line, "--data", data])).value;
    const said = await told([call, "say", "We close", "in ten minutes."]);
    assert.deepEqual([said.call, said.tenant, said.changed], [call, "local", true]);
    const [command] = records.filter(({ input }) => input.type === "command.received");
    assert.deepEqual([command?.seq, command?.input["by"]], [said.seq, "cli"]);
    assert.deepEqual(sayings(records), ["We close in ten minutes."]);
    const short = await told([call.slice(0, 8), "mute", "--by", "ann"]);
    assert.match(short.did, /^muted/);
    const room = await told(["page-typist", "unmute"]);
    assert.equal(room.did, "unmuted");
    const whose = await told([`local/${call}`, "instruct", "Be brief."]);
    assert.equal(whose.changed, true);
    const set = ["set", "endpointing.minDelay=1.2s", "interruption.enabled=false", "language=de"];
    assert.equal(
      (await told([call, ...set])).did,
      "set language=de, endpointing.minDelay=1200, interruption.enabled=false",
    );
    const held = await told([call, "say", "Listen.", "--heard-out", "--now"]);
    assert.ok(held.changed);
    const { state } = await told([call, "state"]);
    assert.deepEqual([state?.room, state?.agent, state?.muted], ["page-typist", "own", false]);
    assert.deepEqual(state?.present, [{ identity: "typist", name: "caller" }]);
    const shown = await run(["tell", call, "state", "--data", data]);
    assert.match(
      shown.stdout,
      /^call \S+ of local in room page-typist, record \d+\n {2}agent +own/,
    );
    assert.match(shown.stdout, /^ {2}room +present\.live\.\w+$/m);
    const ended = await run(["tell", call, "end", "shop", "closed", "--data", data]);
    assert.match(ended.stdout, /^the call ends \(shop closed\) {2}\(call \S+, record \d+\)\n$/);
  });

  test("from one's own program", async (t) => {
    await using stage = await open(t);
    const { data: dataDir, caller, records } = stage;
    const done = await tell(caller.call, { name: "say", text: "Hello." }, { dataDir });
    assert.equal(records.find(({ seq }) => seq === done.seq)?.input["by"], "api");
    const none = await tell(caller.call, { name: "unmute", by: "me" }, { dataDir });
    assert.deepEqual([none.changed, none.did], [false, "nothing: it is not muted"]);
    const wrong = { name: "say" } as never;
    await assert.rejects(tell(caller.call, wrong, { dataDir }), { code: "input.invalid" });
    await assert.rejects(tell("nobody", { name: "mute" }, { dataDir }), { code: "call.notFound" });
  });

  test("what is asked wrongly is told before anybody is asked", async () => {
    for (const [line, message] of [
      [["c1", "shout"], /no command shout\n {2}fix: say TEXT, interrupt, mute/],
      [["c1", "say"], /say: text: is empty; it takes text, now\?, interruptible\?, by\?/],
      [["c1", "mute", "now"], /mute takes no words: now/],
      [["c1", "mute", "--now"], /--now is of say, not of mute/],
      [["c1", "say", "x", "--force"], /--force is of interrupt, not of say/],
      [["c1", "set"], /no setting was given\n {2}fix: .*endpointing\.minDelay=500ms/],
      [["c1", "set", "endpointing"], /endpointing is no setting/],
      [["c1", "mute", "--port", "x"], /'--port <number>' argument 'x' is invalid/],
      [["c1"], /missing required argument 'command'/],
    ] as const) {
      const wrong = await run(["tell", ...line]);
      assert.deepEqual([wrong.code, wrong.stdout], [2, ""], line.join(" "));
      assert.match(wrong.stderr, message);
    }
  });

  test("a setting that there is not is told by the call, with its name", async (t) => {
    await using stage = await open(t);
    const { call } = stage.caller.call;
    const line = ["tell", call, "set", "endpointing.minDelay=-5", "--data", stage.data];
    const { code, value } = await runJson(ErrorReport, line);
    assert.deepEqual([code, value.error.code], [2, "config.invalid"]);
    assert.match(value.error.message, /endpointing\.minDelay/);
  });

  test("an ended call, one that nobody runs, a folder without a server", async (t) => {
    const over = await tempDir(t);
    await recordCall(over);
    const ended = await run(["tell", "c-simulated", "mute", "--data", over]);
    assert.deepEqual([ended.code, ended.stderr.slice(0, 11)], [2, "call.closed"]);
    const data = await tempDir(t);
    await recordCall(data, { open: true });
    const ask = (call: string) => run(["tell", call, "mute", "--data", data]);
    const nobody = await ask("x-unknown");
    assert.match(nobody.stderr, /^call\.notFound: no call is named x-unknown, and none goes on in/);
    const dead = await ask("c-simulated");
    assert.equal(dead.code, 1);
    assert.match(dead.stderr, /^bus\.noResponder: no process runs calls in .*\n.*turnfold start/);
    await using _ = await openEmbedded({ dataDir: data, clock: systemClock });
    const silent = await ask("c-simulated");
    assert.equal(silent.code, 1);
    const owner = new RegExp(`^bus\\.noResponder: process ${process.pid}, which owns .* takes no`);
    assert.match(silent.stderr, owner);
  });

  test("a port where nobody listens, or somebody else does", async (t) => {
    await using stage = await open(t);
    const { call } = stage.caller.call;
    const at = async (port: string) =>
      run(["tell", call, "mute", "--port", port, "--data", stage.data]);
    assert.equal((await at(new URL(stage.started.url).port)).code, 0);
    const other = createServer((_, response) => response.end("<html>another program"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    t.after(() => other.close());
    const { port } = other.address() as AddressInfo;
    assert.match((await at(String(port))).stderr, /^bus\.noResponder: no turnfold answers at http/);
    other.close();
    other.closeAllConnections();
    assert.match((await at(String(port))).stderr, /^bus\.noResponder: no turnfold answers at http/);
  });
});

suite("turnfold fleet", () => {
  test("the process that runs, and its calls", async (t) => {
    await using stage = await open(t);
    const ask = () => runJson(FleetReport, ["fleet", "--data", stage.data]);
    let asked = await ask();
    while (asked.value.calls === 0) asked = await ask();
    assert.deepEqual([asked.code, asked.value.calls], [0, 1]);
    const [worker] = asked.value.workers;
    assert.deepEqual(worker?.calls, { count: 1, ids: [stage.caller.call.call] });
    const shown = await run(["fleet", "--data", stage.data]);
    assert.match(shown.stdout, /^worker +state +calls +delay +cpu +up +build\n\S+ +live +1 /);
    assert.match(shown.stdout, /\n1 call; nobody waits for an agent\n$/);
  });

  test("nobody runs: what waits is told all the same, and the exit code is 1", async (t) => {
    const data = join(await tempDir(t), "new");
    const empty = await run(["fleet", "--data", data]);
    assert.equal(empty.code, 1);
    assert.equal(empty.stdout, `no worker runs on ${data}\n0 calls; nobody waits for an agent\n`);
    {
      await using broker = await openEmbedded({ dataDir: data, clock: systemClock });
      for (const room of ["a", "b", "c"])
        await broker.jobs.offer({ tenant: "local", room, payload: null });
      await broker.jobs.claim("w1", 0);
    }
    const { code, value } = await runJson(FleetReport, ["fleet", "--data", data]);
    assert.deepEqual([code, value.queue.count, value.queue.orphans], [1, 2, 1]);
    const shown = await run(["fleet", "--data", data]);
    assert.match(shown.stdout, /2 rooms waiting for an agent, the first for \d:\d\d; 1 room whose/);
  });

  test("watched, it is told again until it is stopped", async (t) => {
    const data = await tempDir(t);
    const stop = new AbortController();
    let tables = 0;
    const out = (text: string): void => {
      if (/no worker runs/.test(text) && ++tables === 2) stop.abort();
    };
    const ran = await run(["fleet", "--watch", "--data", data], { out, signal: stop.signal });
    assert.deepEqual([ran.code, tables], [0, 2]);
    const both = await run(["fleet", "--watch", "--json", "--data", data]);
    assert.equal(both.code, 2);
  });
});
