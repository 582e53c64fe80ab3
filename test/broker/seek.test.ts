import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { systemClock } from "../../src/base/clock.ts";
import { logFile, recordCall, readRecords, simulateIn, tempDir } from "../support/recorded-call.ts";

const REF = { tenant: "acme", call: "c-simulated" };

test("a reading from any record on gives that record and the rest", async (t) => {
  const data = await tempDir(t);
  await using simulation = await simulateIn(data, { answer: () => ({ text: "Yes. ".repeat(40) }) });
  simulation.enter("ann");
  for (let i = 0; i < 6; i++) {
    simulation.say("What are your opening hours?");
    await simulation.run(1_000);
    await simulation.quiet(90_000);
  }
  const records = await readRecords(logFile(data));
  assert.ok((await readFile(logFile(data))).length > 4 * 64 * 1024, "long enough to seek in");
  await using reader = await openEmbedded({ dataDir: data, clock: systemClock, readOnly: true });
  for (let from = 1; from <= records.length + 2; from += 7) {
    const got = await Array.fromAsync(reader.log.read(REF, from));
    assert.deepEqual(got, records.slice(from - 1), `from ${from}`);
  }
});

test("damage behind the place sought is named by its line", async (t) => {
  const data = await tempDir(t);
  await recordCall(data);
  const text = await readFile(logFile(data), "utf8");
  const lines = text.split("\n");
  const at = lines.length - 10;
  await writeFile(logFile(data), lines.with(at, "rotten").join("\n"));
  await using reader = await openEmbedded({ dataDir: data, clock: systemClock, readOnly: true });
  const reading = Array.fromAsync(reader.log.read(REF, at - 5));
  await assert.rejects(reading, { code: "log.damaged", message: new RegExp(`line ${at + 1},`) });
});
