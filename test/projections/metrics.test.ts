import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { silentLogger, type Logger } from "../../src/base/logger.ts";
import type { EventLog, LogReading } from "../../src/broker/event-log.port.ts";
import { readConfig } from "../../src/config.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { Bill } from "../../src/ledger/bill.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { openMetrics, openStore, readLogFile } from "../../src/main.ts";
import type { Measurement } from "../../src/projections/metrics.port.ts";
import { MetricsFeed } from "../../src/projections/metrics-feed.ts";
import { openOtelMetrics } from "../../src/projections/otel.projection.ts";
import { collector, pointsOf } from "../support/collector.ts";
import { recordPricedCall } from "../support/priced-call.ts";
import { logFile } from "../support/recorded-call.ts";

/** A call's metrics, up to a collector that takes them by OTLP over HTTP. */
const REF = { tenant: "acme", call: "c-simulated" };
const desk = { book: priceBook(), at: Date.parse("2026-11-20T00:00:00Z") };
let data = "";
let records: readonly LogRecord[] = [];

before(async () => {
  data = await mkdtemp(join(tmpdir(), "turnfold-metrics-"));
  await recordPricedCall(data);
  records = await Array.fromAsync(readLogFile(logFile(data)));
});
after(() => rm(data, { recursive: true }));

function sinkTo(url: string, logger: Logger = silentLogger, everyMs = 60_000) {
  const who = { serviceName: "desk", version: "1.2.3", instance: "w1" };
  return openOtelMetrics({ url, headers: { "api-key": "k1" }, everyMs, logger, ...who });
}

const log = { read: (_: unknown, from = 1) => reading(records.slice(from - 1)) } as EventLog;

function reading(found: readonly LogRecord[]): LogReading {
  return { tornBytes: 0, [Symbol.asyncIterator]: () => each(found) };
}

async function* each(found: readonly LogRecord[]): AsyncGenerator<LogRecord> {
  yield* found;
}

suite("metrics of a call", () => {
  test("a collector sees them under the GenAI names, and their sums are the ledger's", async () => {
    await using to = await collector();
    const feed = new MetricsFeed({
      log,
      logger: silentLogger,
      sink: sinkTo(to.url),
      desk: () => desk,
      byTenant: true,
    });
    for (const record of records) feed.offer(REF, record);
    await feed[Symbol.asyncDispose]();
    const metrics = to.metrics();
    const bill = new Bill("acme", desk);
    for (const event of usageEventsOf(records)) bill.add(event);

    const sumOf = (wanted: (meter: string) => boolean, model: string): number =>
      Number(
        bill.lines
          .filter((line) => wanted(line.meter) && line.model === model)
          .reduce((sum, { quantity }) => sum + quantity, 0n),
      );
    const isInput = (meter: string): boolean => /^(input|cacheRead|cacheWrite)Tokens$/.test(meter);
    const isOutput = (meter: string): boolean => meter === "outputTokens";
    const [luna, haiku] = ["gpt-6-luna", "claude-haiku-5-5"];
    const keys = ["gen_ai.provider.name", "gen_ai.response.model", "gen_ai.token.type"];
    assert.deepEqual(pointsOf(metrics, "gen_ai.client.token.usage", ...keys), {
      [`openai ${luna} input`]: sumOf(isInput, luna),
      [`openai ${luna} output`]: sumOf(isOutput, luna),
      [`anthropic ${haiku} input`]: sumOf(isInput, haiku),
      [`anthropic ${haiku} output`]: sumOf(isOutput, haiku),
    });
    assert.ok(sumOf(isInput, luna) > 4_000);
    assert.deepEqual(pointsOf(metrics, "turnfold.cost.pico", "turnfold.tenant"), {
      acme: Number(bill.totalPico),
    });
    const { acme: usd = 0 } = pointsOf(metrics, "turnfold.cost", "turnfold.tenant");
    assert.ok(Math.abs(usd - Number(bill.totalPico) / 1e12) < 1e-12);
    assert.deepEqual(pointsOf(metrics, "turnfold.usage.characters", "turnfold.service"), {
      tts: sumOf((meter) => meter === "characters", "eleven_flash_v2_5"),
    });
    const { stt } = pointsOf(metrics, "turnfold.usage.audio_time", "turnfold.service");
    assert.equal(
      stt,
      sumOf((meter) => meter === "audioMs", "nova-3"),
    );
    assert.match(to.headers[0]!["content-type"] as string, /json/);
    assert.equal(to.headers[0]!["api-key"], "k1");
    assert.deepEqual(
      [to.resource()["service.name"], to.resource()["service.version"]],
      ["desk", "1.2.3"],
    );
  });

  test("how long models took, and which of them was left for which error", async () => {
    await using to = await collector();
    const feed = new MetricsFeed({
      log,
      logger: silentLogger,
      sink: sinkTo(to.url),
      desk: () => desk,
      byTenant: false,
    });
    for (const record of records) feed.offer(REF, record);
    await feed[Symbol.asyncDispose]();
    const metrics = to.metrics();
    const took = pointsOf(metrics, "gen_ai.client.operation.duration", "error.type");
    assert.deepEqual(Object.keys(took).toSorted(), ["-", "provider.refused"]);
    const first = pointsOf(metrics, "gen_ai.server.time_to_first_token", "gen_ai.request.model");
    assert.equal(first["claude-haiku-5-5"], 0.3);
    assert.deepEqual(
      pointsOf(metrics, "gen_ai.client.operation.time_to_first_chunk", "gen_ai.request.model"),
      first,
    );
    const [point] = metrics.find(({ name }) => name === "gen_ai.client.token.usage")!.histogram!
      .dataPoints;
    assert.deepEqual(point!.explicitBounds?.slice(0, 4), [1, 4, 16, 64]);
    assert.ok(!JSON.stringify(metrics).includes("acme"), "no tenant where nobody asked for it");
  });

  test("a call that is taken over is measured from there on", async () => {
    const seen: Measurement[] = [];
    const sink = { record: (one: Measurement) => void seen.push(one), ...nothing };
    const ports = { log, logger: silentLogger, sink, desk: () => desk, byTenant: false };
    const picoOf = (from: number): number =>
      seen
        .splice(from)
        .filter(({ of }) => of.name === "turnfold.cost.pico")
        .reduce((sum, { value }) => sum + value, 0);
    const half = Math.floor(records.length / 2);
    const sums = [];
    for (const part of [records, records.slice(0, half), records.slice(half)]) {
      const feed = new MetricsFeed(ports);
      for (const record of part) feed.offer(REF, record);
      await feed[Symbol.asyncDispose]();
      sums.push(picoOf(0));
    }
    const [whole, first, second] = sums as [number, number, number];
    assert.ok(first > 0 && second > 0);
    assert.equal(first + second, whole);
  });

  test("a collector that is down is told once, and nothing waits for it", async () => {
    const warned: string[] = [];
    const logger: Logger = { log: (level, message) => void warned.push(`${level} ${message}`) };
    await using to = await collector(400);
    const sink = sinkTo(to.url, logger, 100);
    const feed = new MetricsFeed({ log, logger, sink, desk: () => desk, byTenant: false });
    for (const record of records) feed.offer(REF, record);
    while (to.bodies.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    await feed[Symbol.asyncDispose]();
    assert.deepEqual(warned, ["warn metrics cannot be sent, calls go on"]);
  });

  test("nothing is loaded where no collector is named", async () => {
    const config = readConfig({ data: join(data, "none") }, {});
    await using broker = await openStore(config, false);
    const books = { prices: { book: priceBook() } };
    assert.equal(await openMetrics(config, broker, books), undefined);
    const named = readConfig(
      { data: join(data, "none") },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" },
    );
    await using metrics = await openMetrics(named, broker, books);
    assert.ok(metrics);
  });
});

const nothing = { [Symbol.asyncDispose]: async () => undefined };
