import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { decodeRecord, encodeRecord } from "../../src/events/codec.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Simulation, type SimulationOptions } from "../../src/testing/simulation.ts";

/** A folder that goes with the test. */
export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "turnfold-test-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

export function simulateIn(dataDir: string, options: SimulationOptions = {}): Promise<Simulation> {
  return Simulation.open({
    texts: { greeting: "Hello, how can I help?", farewell: "Goodbye." },
    answer: (_, index) =>
      index === 1
        ? { toolCalls: [{ id: "1", name: "book", input: { at: "ten" } }] }
        : { text: "We open at nine in the morning. We close at six." },
    tools: [BOOK],
    broker: (clock) => openEmbedded({ dataDir, clock }),
    ...options,
  });
}

const BOOK = {
  spec: { name: "book", description: "books a table", parameters: {} },
  write: true,
  idempotent: true,
  timeoutMs: 5_000,
  run: () => Promise.resolve({ ok: true }),
};

/**
 * A call with a bit of everything: greeting, a question whose answer is cut off, typed words with a
 * tool, a takeover, a command, and unless told otherwise its proper end.
 */
export async function recordCall(dataDir: string, more: { open?: boolean } = {}): Promise<void> {
  await using simulation = await simulateIn(dataDir);
  simulation.enter("ann");
  await simulation.until(5_000);
  simulation.say("What are your opening hours?");
  await simulation.until(10_500);
  simulation.say("wait stop please now");
  await simulation.quiet();
  simulation.room.type("ann", "book me for ten");
  await simulation.quiet();
  await simulation.takeover();
  await simulation.run(500);
  if (more.open) return;
  await simulation.host.command({ name: "end", reason: "all done" }, "test");
  await simulation.run(20_000);
}

export function logFile(dataDir: string): string {
  return join(dataDir, "acme", "c-simulated", "0001.jsonl");
}

export async function readRecords(path: string): Promise<LogRecord[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter(Boolean);
  return lines.map((line) => {
    const decoded = decodeRecord(line);
    if (!decoded.ok) throw new Error(decoded.message);
    return decoded.record;
  });
}

/** Lines with good checksums, whatever their content. */
export function toLines(records: readonly LogRecord[]): string {
  return records.map((record) => `${encodeRecord(record)}\n`).join("");
}
