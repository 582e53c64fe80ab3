import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { systemClock } from "../../src/base/clock.ts";
import { logFile, readRecords, simulateIn, tempDir } from "../support/recorded-call.ts";

const REF = { tenant: "acme", call: "c-simulated" };

test("a reading from any record on gives the rest, or names the damaged line", async (t) => {
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
  await rot(logFile(data), records.length - 10);
  const reading = Array.fromAsync(reader.log.read(REF, records.length - 30));
  const message = new RegExp(`line ${records.length - 10}, does not match`);
  await assert.rejects(reading, { code: "log.damaged", message });
});

/** Spoils one line, counted from 1. */
async function rot(path: string, line: number): Promise<void> {
  const lines = (await readFile(path, "utf8")).split("\n");
  await writeFile(path, lines.with(line - 1, "rotten").join("\n"));
}
