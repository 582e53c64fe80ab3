import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { CallCostNow } from "../../src/projections/call-cost.ts";
import { collector, pointsOf } from "../support/collector.ts";
import { tempDir } from "../support/recorded-call.ts";
import { run } from "../support/run-cli.ts";
import { TypingCaller } from "../support/typing-caller.ts";

/** `turnfold start` with a collector: what it is sent of a call that runs. */
test("the calls of a server are measured where a collector is named", async (t) => {
  await using to = await collector();
  const dir = await tempDir(t);
  const stop = new AbortController();
  const ready = Promise.withResolvers<string>();
  const over = run(["start", "--port", "0", "--no-pull", "--data", dir], {
    signal: stop.signal,
    out: (text) => {
      const url = /http:\S+/.exec(text)?.[0];
      if (url) ready.resolve(url);
    },
    env: {
      TURNFOLD_MODELS: `${dir}/none`,
      OTEL_EXPORTER_OTLP_ENDPOINT: to.base,
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      TURNFOLD_METRICS_BY_TENANT: "true",
      TURNFOLD_TENANT: "acme",
    },
  });
  const url = await ready.promise;
  const caller = await TypingCaller.join(url);
  caller.type("Are you open on Saturday?");
  const names = (): readonly string[] =>
    to.bodies.length === 0 ? [] : to.metrics().map(({ name }) => name);
  while (!names().includes("gen_ai.client.token.usage")) await wait(20);
  const metrics = to.metrics();
  assert.deepEqual(Object.keys(pointsOf(metrics, "turnfold.cost", "turnfold.tenant")), ["acme"]);
  const { tenant, call } = caller.call;
  const cost = (await (await fetch(`${url}/api/calls/${tenant}/${call}/cost`)).json()) as unknown;
  const { running, services } = cost as CallCostNow;
  assert.equal(running, true);
  // What runs on this machine has a price of nothing.
  assert.ok(services.some(({ service, amountPico }) => service === "llm" && amountPico === "0"));
  await caller[Symbol.asyncDispose]();
  stop.abort();
  assert.equal((await over).code, 0);
});
