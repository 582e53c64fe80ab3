import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../src/base/clock.ts";
import { decodeRecord, encodeRecord } from "../../src/events/codec.ts";
import type { LogRecord } from "../../src/events/record.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** Golden files: what was once written and must be understood for ever. */
const FOLDER = join(import.meta.dirname, "../golden");

/** `UPDATE_GOLDEN=1` writes what is there now; without it nothing is ever written. */
export const UPDATING = process.env["UPDATE_GOLDEN"] === "1";

export function goldenNames(folder: string): readonly string[] {
  return existsSync(join(FOLDER, folder)) ? readdirSync(join(FOLDER, folder)).sort() : [];
}

export function readGolden(path: string): string {
  return readFileSync(join(FOLDER, path), "utf8");
}

export function writeGolden(path: string, text: string): void {
  mkdirSync(join(FOLDER, path, ".."), { recursive: true });
  writeFileSync(join(FOLDER, path), text);
}

export function readGoldenCall(path: string): readonly LogRecord[] {
  return readGolden(path)
    .trimEnd()
    .split("\n")
    .map((line, i) => {
      const read = decodeRecord(line);
      if (!read.ok) throw new Error(`${path}:${i + 1}: ${read.message}`);
      return read.record;
    });
}

export async function writeGoldenCall(path: string): Promise<void> {
  const lines = (await goldenCall()).map(encodeRecord);
  writeGolden(path, `${lines.join("\n")}\n`);
}

const TEXTS = { greeting: "Hello, how can I help?", farewell: "Goodbye." };
const ANSWERS = [
  { text: "We are open from noon to ten. On Sundays we close at eight." },
  { toolCalls: [{ id: "call-1", name: "find_table", input: { people: 4 } }] },
  { text: "There is a table for four. Shall I book it?" },
  { text: "It is booked for four on Sunday. You will get a message. See you then." },
];

/** A greeting, a question, a barge-in, a tool, a takeover in the middle of an answer, a hang-up. */
async function goldenCall(): Promise<readonly LogRecord[]> {
  await using call: Simulation = await Simulation.open({
    texts: TEXTS,
    tools: [findTable(() => sleep(call.clock, 700))],
    answer: (_, index) => ANSWERS[index] ?? { text: "All right." },
  });
  call.enter();
  await call.quiet();
  call.say("What are your opening hours?");
  await call.run(4_000);
  call.say("No, I want a table for four on Sunday.");
  await call.quiet();
  call.say("Yes please.");
  await call.run(3_000);
  await call.takeover();
  await call.quiet();
  await call.host.command({ name: "end", reason: "the example is over" }, "test");
  await call.run(10_000);
  return call.records;
}

function findTable(work: () => Promise<void>): Tool {
  const spec = { name: "find_table", description: "Looks for a free table.", parameters: {} };
  const run = async () => {
    await work();
    return { free: true };
  };
  return { spec, write: false, idempotent: true, timeoutMs: 5_000, run };
}
