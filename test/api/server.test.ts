import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { createApp, listen, type Listening, type ServerPorts } from "../../src/api/server.ts";
import { AppError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { CallRef, LogRecord } from "../../src/events/record.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** The page's server over real HTTP on a free port; the calls run on virtual time. */
interface Stage extends AsyncDisposable {
  readonly simulation: Simulation;
  readonly url: string;
  /** What `runSample` was given: tells the server that the call's log has grown. */
  readonly tell: (record: LogRecord) => void;
}

const REF: CallRef = { tenant: "acme", call: "c-simulated" };
const PATH = `/api/calls/${REF.tenant}/${REF.call}`;

async function open(more: Partial<ServerPorts> = {}): Promise<Stage> {
  const simulation = await Simulation.open({ texts: { greeting: "Hello there." } });
  let told: (record: LogRecord) => void = () => undefined;
  const listening: Listening = await listen(
    createApp({
      broker: simulation.broker,
      logger: silentLogger,
      speech: { ready: false, missing: "no models here" },
      runSample: (onRecord) => {
        told = (record) => onRecord(REF, record);
        return Promise.resolve(REF);
      },
      ...more,
    }),
    0,
  );
  return {
    simulation,
    url: listening.url,
    tell: (record) => told(record),
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
  test("serves the page and its files as they are", async () => {
    await using stage = await open();
    for (const [path, file, type] of [
      ["/", "index.html", "text/html"],
      ["/app.js", "app.js", "text/javascript"],
      ["/style.css", "style.css", "text/css"],
    ] as const) {
      const response = await fetch(stage.url + path);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), `${type}; charset=utf-8`);
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

  test("gives the turns of a call as they are", async () => {
    await using stage = await open();
    await talk(stage.simulation);
    const { body } = await json(stage.url + PATH + "/turns");
    const turns = turnSummaries(await recordsOf(stage));
    assert.equal(turns.length, 2);
    assert.deepEqual(body, JSON.parse(JSON.stringify(turns)));
  });

  test("an unknown call is not found, by code and message", async () => {
    await using stage = await open();
    for (const part of ["records", "turns"]) {
      const { status, body } = await json(`${stage.url}/api/calls/acme/nobody/${part}`);
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
    stage.simulation.supervisor.onRecord((_, record) => stage.tell(record));
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
    stage.simulation.supervisor.onRecord((_, record) => stage.tell(record));
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
    const { broker } = stage.simulation;
    const speech = { ready: true, missing: undefined };
    const runSample = () => Promise.resolve(REF);
    const app = createApp({ broker, logger: silentLogger, speech, runSample });
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
