import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { readdir, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { suite, test } from "node:test";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import type { ReplayResult } from "../../src/actors/replay.ts";
import { TenantBudgets } from "../../src/books/tenant-budgets.ts";
import type { TurnDetail } from "../../src/api/call-detail.ts";
import { CallFeed } from "../../src/api/call-feed.ts";
import { LiveCosts } from "../../src/api/live-costs.ts";
import { createApp, listen, type Listening, type ServerPorts } from "../../src/api/server.ts";
import { AppError } from "../../src/base/errors.ts";
import { seededIds } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { CallRef, LogRecord } from "../../src/events/record.ts";
import { CallCommands } from "../../src/fleet/commands.ts";
import type { CallCostNow } from "../../src/projections/call-cost.ts";
import { fleetOf } from "../../src/fleet/fleet-view.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** The page's server over real HTTP on a free port; the calls run on virtual time. */
interface Stage extends AsyncDisposable {
  readonly simulation: Simulation;
  readonly url: string;
}

const REF: CallRef = { tenant: "acme", call: "c-simulated" };
const PATH = `/api/calls/${REF.tenant}/${REF.call}`;

function portsOf(simulation: Simulation): ServerPorts {
  const { log } = simulation.broker;
  return {
    log,
    feed: new CallFeed(log),
    machines: MACHINES,
    costs: new LiveCosts(log, () => ({ book: priceBook(), at: simulation.startedAt })),
    logger: silentLogger,
    speech: { ready: false, missing: "no models here" },
    charts: [{ machine: "room" }],
    runSample: () => Promise.resolve(REF),
    commands: commandsOf(simulation),
    fleet: async () => fleetOf([], await simulation.broker.jobs.pending()),
    budgets: budgetsOf(simulation),
  };
}

function budgetsOf({ broker, clock }: Simulation): TenantBudgets {
  const ports = { broker, clock, prices: () => ({ book: priceBook() }) };
  const ledgerOf = (tenant: string) => LedgerActor.open({ tenant, ...ports });
  return new TenantBudgets({ ledgerOf }, seededIds(3));
}

function commandsOf({ broker, supervisor }: Simulation): CallCommands {
  const parts = { ids: seededIds(9), logger: silentLogger, worker: "w1" };
  const commands = new CallCommands({ broker, ...parts });
  commands.attach(supervisor);
  return commands;
}

async function open(more: Partial<ServerPorts> = {}): Promise<Stage> {
  const simulation = await Simulation.open({
    texts: { greeting: "Hello there." },
    answer: () => ({ text: "There is a yard behind the house, where you can park all day." }),
  });
  const ports = { ...portsOf(simulation), ...more };
  simulation.supervisor.onRecord((ref) => ports.feed.grew(ref));
  const listening: Listening = await listen(createApp(ports), 0);
  return {
    simulation,
    url: listening.url,
    [Symbol.asyncDispose]: async () => {
      await listening[Symbol.asyncDispose]();
      await simulation[Symbol.asyncDispose]();
    },
  };
}

async function talk(simulation: Simulation): Promise<void> {
  simulation.enter("ann");
  await simulation.run(3_000);
  simulation.say("What are your opening hours?");
  await simulation.run(2_000);
  await simulation.quiet();
}

async function hangUp(simulation: Simulation): Promise<void> {
  simulation.room.leave("ann");
  await simulation.run(30_000);
}

async function json(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, init);
  assert.match(response.headers.get("content-type") ?? "", /application\/json/);
  return { status: response.status, body: await response.json() };
}

function post(url: string, body: unknown, headers = {}): ReturnType<typeof json> {
  return json(url, { method: "POST", body: JSON.stringify(body), headers });
}

/** A request with headers that `fetch` does not let one set. */
function ask(port: string, path: string, headers: Readonly<Record<string, string>>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const sent = request({ host: "127.0.0.1", port, path, headers }, (response) => {
    let body = "";
    response.on("data", (chunk: Buffer) => (body += chunk.toString()));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
  });
  sent.on("error", reject).end();
  return promise;
}

/** The fifth record says another time. */
function forge(record: LogRecord): LogRecord {
  return record.seq === 5 ? { ...record, at: record.at + 1 } : record;
}

interface ServerEvent {
  readonly name: string;
  readonly id: string;
  readonly data: string;
}

/** Reads server-sent events as they come. */
async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let rest = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    rest += chunk;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const fields = new Map<string, string>();
      for (const line of rest.slice(0, end).split("\n")) {
        const [, name, value] = /^(\w+): ?(.*)$/.exec(line)!;
        fields.set(name!, value!);
      }
      rest = rest.slice(end + 2);
      const [name = "message", id = "", data = ""] = ["event", "id", "data"].map((it) =>
        fields.get(it),
      );
      yield { name, id, data };
    }
  }
}

async function recordsOf({ simulation }: Stage): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of simulation.broker.log.read(REF)) records.push(record);
  return records;
}

suite("the server", () => {
  test("serves the page and its files as they are, all of them, and lets nothing in", async () => {
    await using stage = await open();
    const types = { html: "text/html", js: "text/javascript", css: "text/css" };
    for (const file of await readdir(new URL("../../src/web/", import.meta.url))) {
      const path = file === "index.html" ? "/" : `/${file}`;
      const type = types[file.split(".").at(-1) as keyof typeof types];
      const response = await fetch(stage.url + path);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), `${type}; charset=utf-8`);
      assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'self'/);
      const url = new URL(`../../src/web/${file}`, import.meta.url);
      assert.equal(await response.text(), await readFile(url, "utf8"));
    }
  });

  test("asks for nothing but what it serves", async () => {
    await using stage = await open();
    const page = await (await fetch(stage.url)).text();
    const asked = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    assert.ok(asked.length >= 2);
    for (const path of asked.filter((one) => !one.startsWith("data:")))
      assert.equal((await fetch(new URL(path, stage.url))).status, 200, path);
  });

  test("lists calls with what became of them", async () => {
    await using stage = await open();
    const running = await json(`${stage.url}/api/calls`);
    const [first] = running.body as Record<string, unknown>[];
    assert.deepEqual([first?.["call"], first?.["status"]], [REF.call, "unfinished"]);
    await talk(stage.simulation);
    await hangUp(stage.simulation);
    const records = await recordsOf(stage);
    const { status, body } = await json(`${stage.url}/api/calls`);
    assert.equal(status, 200);
    const [line] = body as Record<string, unknown>[];
    const expected = {
      ...REF,
      room: "front desk",
      agent: "simulated",
      startedAt: records[0]!.at,
      records: records.length,
      status: "closed",
      reason: "nobody there",
    };
    assert.deepEqual({ ...line, ...expected }, line);
  });

  test("says whether there is speech-to-text, and why not", async () => {
    await using stage = await open();
    const { body } = await json(`${stage.url}/api/speech`);
    assert.deepEqual(body, { ready: false, missing: "no models here" });
  });

  test("gives a call with its turns: who said what, what was heard, how long it took", async () => {
    await using stage = await open();
    const { simulation } = stage;
    await talk(simulation);
    simulation.say("And where can I park my car?");
    await simulation.run(4_000);
    simulation.say("No, I mean on Sunday, please.");
    await simulation.run(2_000);
    await simulation.quiet();
    const { body } = await json(stage.url + PATH);
    const { turns, call } = body as { turns: TurnDetail[]; call: string };
    assert.equal(call, REF.call);
    const summaries = turnSummaries(await recordsOf(stage));
    assert.equal(turns.length, summaries.length);
    for (const [i, { reason: _, said, asides, ...summary }] of turns.entries()) {
      assert.deepEqual(summary, JSON.parse(JSON.stringify(summaries[i])));
      assert.deepEqual(asides, []);
      const parts = said.flatMap(({ heard, cut }) => [heard, cut]).filter(Boolean);
      assert.equal(parts.join(" "), summary.agentText, "heard and cut are all that was said");
    }
    const cut = turns.find(({ status }) => status === "cutOff");
    assert.ok(
      cut?.said.some((part) => part.heard && part.cut),
      JSON.stringify(turns),
    );
  });

  test("a call's cost is asked for while it runs, and after", async () => {
    await using stage = await open();
    const cost = async () => (await json(`${stage.url}${PATH}/cost`)).body as CallCostNow;
    const before = await cost();
    const { totalPico, running } = before;
    assert.deepEqual({ ...REF, totalPico, running }, { ...REF, totalPico: "0", running: true });
    await talk(stage.simulation);
    const during = await cost();
    assert.equal(during.running, true);
    const spoken = during.unpriced.find(({ meter }) => meter === "characters");
    assert.ok(spoken && spoken.provider === "scripted" && spoken.quantity > 0);
    await hangUp(stage.simulation);
    const after = await cost();
    assert.equal(after.running, false);
    assert.ok(after.unpriced.some(({ meter }) => meter === "audioMs"));
    const { status } = await json(`${stage.url}/api/calls/acme/nobody/cost`);
    assert.equal(status, 404);
  });

  test("replays a call on request, and names what was changed", async () => {
    await using stage = await open();
    await talk(stage.simulation);
    await hangUp(stage.simulation);
    const good = (await json(`${stage.url}${PATH}/replay`)).body as ReplayResult;
    assert.deepEqual([good.verdict, good.finished], ["reproduced", true]);
    const records = await recordsOf(stage);
    assert.equal(good.records, records.length);
    const { log } = stage.simulation.broker;
    const forged = Object.assign(Object.create(log) as typeof log, {
      tail: log.tail.bind(log),
      read: () => Object.assign(Readable.from(records.map(forge)), { tornBytes: 0 }),
    });
    await using other = await open({ log: forged });
    const bad = (await json(`${other.url}${PATH}/replay`)).body as ReplayResult;
    assert.deepEqual([bad.verdict, bad.divergence?.seq], ["diverged", 5]);
  });

  test("gives the statecharts as data", async () => {
    await using stage = await open();
    const { body } = await json(`${stage.url}/api/charts`);
    assert.deepEqual(body, [{ machine: "room" }]);
  });

  test("a page of another site, or of another name, is not answered", async () => {
    await using stage = await open();
    const { port } = new URL(stage.url);
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { host: `evil.example:${port}` },
    ])
      for (const path of ["/", "/api/calls", `${PATH}/records`]) {
        const { status, body } = await ask(port, path, headers);
        assert.equal(status, 403, JSON.stringify([headers, path]));
        assert.match(body, /"page.origin"/);
      }
    const origin = `http://localhost:${port}`;
    assert.equal((await ask(port, "/api/calls", { origin })).status, 200);
  });

  test("an unknown call is not found, by code and message", async () => {
    await using stage = await open();
    for (const part of ["/records", "/replay", ""]) {
      const { status, body } = await json(`${stage.url}/api/calls/acme/nobody${part}`);
      const { error } = body as { error: { code: string; message: string } };
      assert.deepEqual([status, error.code], [404, "call.notFound"], part);
      assert.match(error.message, /nobody/);
    }
  });

  test("what breaks inside is told by its code, never by its words", async () => {
    const secret = "password hunter2";
    await using stage = await open({ runSample: () => Promise.reject(new TypeError(secret)) });
    const { status, body } = await json(`${stage.url}/api/sample`, { method: "POST" });
    assert.equal(status, 500);
    assert.equal((body as { error: { code: string } }).error.code, "bug");
    assert.ok(!JSON.stringify(body).includes("hunter2"));
  });

  test("the sample call cannot be run without what it needs", async () => {
    const missing = new AppError("stt.missing", "no models");
    await using stage = await open({ runSample: () => Promise.reject(missing) });
    const { status, body } = await json(`${stage.url}/api/sample`, { method: "POST" });
    assert.deepEqual(
      [status, body],
      [409, { error: { code: "stt.missing", message: "no models" } }],
    );
  });
});

suite("the records of a call as a stream", () => {
  test("a finished call: all of them, in order, then the end", async () => {
    await using stage = await open();
    await talk(stage.simulation);
    await hangUp(stage.simulation);
    const response = await fetch(stage.url + PATH + "/records");
    assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
    const events = await Array.fromAsync(eventsOf(response));
    assert.equal(events.pop()?.name, "end");
    const records = await recordsOf(stage);
    assert.deepEqual(
      events.map(({ id }) => Number(id)),
      records.map(({ seq }) => seq),
    );
    assert.deepEqual(
      events.map(({ data }) => JSON.parse(data)),
      records,
    );
  });

  test("a running call: what there is, then each one as it comes, without a gap", async () => {
    await using stage = await open();
    const sample = await json(`${stage.url}/api/sample`, { method: "POST" });
    assert.deepEqual([sample.status, sample.body], [201, REF]);
    await talk(stage.simulation);
    const here = stage.simulation.host.fold.tail.seq;
    const events = eventsOf(await fetch(stage.url + PATH + "/records"));
    const seen: number[] = [];
    while (seen.length < here) seen.push(Number((await events.next()).value?.id));
    // Only now does the call go on: what follows cannot have been read before.
    const { clock } = stage.simulation;
    const before = clock.now();
    const next = events.next();
    stage.simulation.say("And on Sunday?");
    await stage.simulation.run(1_000);
    const record = JSON.parse((await next).value!.data) as LogRecord;
    assert.deepEqual([record.seq, record.at >= before], [here + 1, true]);
    await hangUp(stage.simulation);
    const rest = await Array.fromAsync(events);
    assert.equal(rest.pop()?.name, "end");
    const records = await recordsOf(stage);
    const all = [...seen, record.seq, ...rest.map(({ id }) => Number(id))];
    assert.deepEqual(
      all,
      records.map(({ seq }) => seq),
    );
  });

  test("one who stops listening is forgotten, another goes on", async () => {
    await using stage = await open();
    await json(`${stage.url}/api/sample`, { method: "POST" });
    const gone = new AbortController();
    const first = eventsOf(await fetch(stage.url + PATH + "/records", { signal: gone.signal }));
    const second = eventsOf(await fetch(stage.url + PATH + "/records"));
    await Promise.all([first.next(), second.next()]);
    gone.abort();
    await assert.rejects(Array.fromAsync(first));
    await talk(stage.simulation);
    await hangUp(stage.simulation);
    const rest = await Array.fromAsync(second);
    assert.equal(rest.at(-1)?.name, "end");
    assert.equal(rest.length, (await recordsOf(stage)).length);
  });
});

suite("commands over HTTP", () => {
  test("what is told to a call is done, and stands in its log with who did it", async () => {
    await using stage = await open();
    const { simulation } = stage;
    simulation.enter("ann");
    await simulation.run(10_000);
    const url = `${stage.url}/api/calls/${REF.call}/commands`;
    const said = await post(url, { name: "say", text: "We close soon." });
    const { seq, ...rest } = said.body as { seq: number };
    assert.equal(said.status, 200);
    const did = { changed: true, did: "says it in turn 2", turn: 2 };
    assert.deepEqual(rest, { ok: true, ...REF, ...did });
    const muted = await post(`${url}?tenant=acme`, { name: "mute", by: "desk" });
    const records = await recordsOf(stage);
    const mute = records[(muted.body as { seq: number }).seq - 1]!;
    assert.deepEqual([records[seq - 1]!.input["by"], mute.input["by"]], ["http", "desk"]);
    const room = `${stage.url}/api/calls/${encodeURIComponent("front desk")}/commands`;
    const { state } = (await post(room, { name: "state" })).body as { state: { muted: boolean } };
    assert.equal(state.muted, true);
  });

  test("what is wrong is told with its code", async () => {
    await using stage = await open();
    const url = `${stage.url}/api/calls/${REF.call}/commands`;
    const codeOf = ({ status, body }: Awaited<ReturnType<typeof json>>): readonly unknown[] => [
      status,
      (body as { error: { code: string } }).error.code,
    ];
    assert.deepEqual(codeOf(await post(url, { name: "shout" })), [400, "input.invalid"]);
    assert.deepEqual(codeOf(await post(url, null)), [400, "input.invalid"]);
    const settings = { endpointing: { minDelay: -1 } };
    assert.deepEqual(codeOf(await post(url, { name: "set", settings })), [400, "config.invalid"]);
    const torn = await json(url, { method: "POST", body: "{" });
    assert.deepEqual(codeOf(torn), [400, "input.invalid"]);
    const long = await post(url, { name: "say", text: "x".repeat(70_000) });
    assert.deepEqual(codeOf(long), [413, "record.tooLarge"]);
    const other = await post(`${url}?tenant=other`, { name: "mute" });
    assert.deepEqual(codeOf(other), [404, "call.notFound"]);
    const foreign = await post(url, { name: "mute" }, { origin: "https://example.org" });
    assert.deepEqual(codeOf(foreign), [403, "page.origin"]);
    await hangUp(stage.simulation);
    assert.deepEqual(codeOf(await post(url, { name: "mute" })), [409, "call.closed"]);
  });

  test("an unfinished call of another process is told from one that is none", async () => {
    await using stage = await open();
    stage.simulation.supervisor.abandonAll("the process died");
    const url = `${stage.url}/api/calls/${REF.call}/commands`;
    const { status, body } = await post(url, { name: "mute" });
    assert.equal(status, 503);
    assert.match((body as { error: { message: string } }).error.message, /goes on, but nobody/);
  });

  test("the fleet of this process: who runs, and what waits", async () => {
    await using stage = await open();
    await stage.simulation.broker.jobs.offer({ tenant: "t", room: "r", payload: null });
    const { status, body } = await json(`${stage.url}/api/fleet`);
    const queue = { count: 1, oldestMs: 0, orphans: 0 };
    assert.deepEqual([status, body], [200, { workers: [], calls: 0, capacity: 0, queue }]);
  });
});

suite("budgets over HTTP", () => {
  const url = (stage: Stage, tenant = "acme"): string =>
    `${stage.url}/api/tenants/${tenant}/budget`;

  test("are set and read, each tenant's its own", async () => {
    await using stage = await open();
    const limits = [
      { node: "agent:desk", limitPico: "7500000000000" },
      { node: "tenant", limitPico: "1" },
    ];
    const set = await post(url(stage), { limits });
    assert.equal(set.status, 200);
    const { body } = await json(url(stage));
    assert.deepEqual(body, set.body);
    const none = { spentPico: "0", heldPico: "0", measures: [] };
    assert.deepEqual(body, {
      tenant: "acme",
      nodes: [
        { node: "tenant", limitPico: "1", availablePico: "1", ...none },
        {
          node: "agent:desk",
          limitPico: "7500000000000",
          availablePico: "7500000000000",
          ...none,
        },
      ],
    });
    const other = await json(url(stage, "beta"));
    assert.deepEqual(other.body, { tenant: "beta", nodes: [] });
  });

  const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
    ["nothing", undefined, /budget: /],
    ["no limit", { limits: [] }, /limits/],
    ["a budget that is none", { limits: [{ node: "team", limitPico: "1" }] }, /limits\[0\]\.node/],
    ["a number", { limits: [{ node: "tenant", limitPico: 1 }] }, /limits\[0\]\.limitPico/],
    ["a fraction", { limits: [{ node: "tenant", limitPico: "0.5" }] }, /no whole number/],
    ["less than nothing", { limits: [{ node: "tenant", limitPico: "-1" }] }, /limitPico/],
  ];
  for (const [what, body, message] of WRONG)
    test(`${what} is refused with the field, and changes nothing`, async () => {
      await using stage = await open();
      const answer = await post(url(stage), body);
      assert.equal(answer.status, 400);
      const { error } = answer.body as { error: { code: string; message: string } };
      assert.equal(error.code, "input.invalid");
      assert.match(error.message, message);
      assert.deepEqual((await json(url(stage))).body, { tenant: "acme", nodes: [] });
    });

  test("a tenant whose name is none is refused", async () => {
    await using stage = await open();
    assert.equal((await json(url(stage, "a%20b"))).status, 400);
  });
});

suite("listening", () => {
  test("only this machine can reach it", async () => {
    await using stage = await open();
    assert.match(stage.url, /^http:\/\/localhost:\d+$/);
    const { port } = new URL(stage.url);
    assert.equal((await fetch(`http://127.0.0.1:${port}/api/speech`)).status, 200);
  });

  test("a port that is taken is told with what to do", async () => {
    await using stage = await open();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const app = createApp(portsOf(stage.simulation));
    await assert.rejects(listen(app, port), { code: "config.invalid", message: /--port/ });
    other.close();
  });

  test("it ends with a stream still open", async () => {
    const stage = await open();
    const response = await fetch(stage.url + PATH + "/records");
    const events = eventsOf(response);
    await events.next();
    await stage[Symbol.asyncDispose]();
    await assert.rejects(Array.fromAsync(events));
    await assert.rejects(fetch(`${stage.url}/api/speech`));
  });
});
