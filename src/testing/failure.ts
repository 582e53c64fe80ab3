import { AssertionError } from "node:assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shortHash } from "../base/digest.ts";
import { encodeRecord } from "../events/codec.ts";
import type { LogRecord } from "../events/record.ts";
import { Timeline } from "../folds/timeline.ts";

/** A red test as a person wants it: what was expected, what was, the call, and its log to open. */
export interface Fault {
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly operator: string;
  readonly cause?: unknown;
}

export function failureOf(fault: Fault, records: readonly LogRecord[]): AssertionError {
  const { what, expected, actual, operator, cause } = fault;
  const file = saveLog(records);
  const message = [
    what,
    `  expected  ${shown(expected)}`,
    `  actual    ${shown(actual)}`,
    "",
    timelineOf(records),
    "",
    `the whole log: npx turnfold show ${file}`,
  ].join("\n");
  const error = new AssertionError({ message, expected, actual, operator });
  error.stack = atTest(error.stack ?? message);
  if (cause !== undefined) error.cause = cause;
  return error;
}

export function shown(value: unknown): string {
  if (value instanceof RegExp) return String(value);
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}

/** The first line of the stack is the test's own. */
function atTest(stack: string): string {
  const own = import.meta.dirname;
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !(line.includes(own) || line.includes("(node:")))
    .join("\n");
}

const KINDS = new Set(["call", "user", "agent", "tool", "command", "turn", "failure", "state"]);

/** The call as lines: seconds, actor, what happened. */
export function timelineOf(records: readonly LogRecord[]): string {
  const timeline = new Timeline();
  const lines: string[] = [];
  for (const record of records)
    for (const { ms, actor, kind, text, ignored } of timeline.apply(record)) {
      if (ignored || !KINDS.has(kind)) continue;
      if (kind === "state" && actor.startsWith("track.")) continue;
      lines.push(`${(ms / 1000).toFixed(3).padStart(9)}s  ${actor.padEnd(10)}  ${text}`);
    }
  return lines.join("\n");
}

/** Named by its content, so that the same red test does not fill the disk. */
function saveLog(records: readonly LogRecord[]): string {
  const lines = records.map((record) => `${encodeRecord(record)}\n`).join("");
  const folder = join(tmpdir(), "turnfold-test");
  const file = join(folder, `${shortHash(lines)}.jsonl`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, lines);
  return file;
}
