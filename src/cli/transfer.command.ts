import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { z } from "zod";
import { replay } from "../actors/replay.ts";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import { encodeRecord, recordBytes } from "../events/codec.ts";
import { EMPTY_TAIL, type CallRef, type LogRecord } from "../events/record.ts";
import { MACHINES, openStore, readLogFile } from "../main.ts";
import { findCall } from "./call-finder.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT } from "./output.ts";

/** L6: a call leaves and enters a data folder as one file of JSON lines. */

/** `turnfold export --json` and `turnfold import --json`. */
export const TransferReport = z.strictObject({
  call: z.string(),
  tenant: z.string(),
  records: z.int(),
  stateHash: z.string(),
  /** Where the file is, or was. */
  file: z.string(),
});

export function register(program: Command, cli: Cli): void {
  defineCommand(program, cli, {
    usage: "export <call> <file>",
    summary: "write a call's log as one file",
    examples: ["export c0k3 call.jsonl"],
    run: runExport,
  });
  defineCommand(program, cli, {
    usage: "import <file>",
    summary: "take a call in from an exported file",
    details: "The log is replayed first; one that does not reproduce is not taken in.",
    examples: ["import call.jsonl --data other"],
    run: runImport,
  });
}

async function runExport({ args, config, out }: Invocation<object>): Promise<number> {
  await using broker = await openStore(config, true);
  const ref = await findCall(args[0]!, config, broker.log);
  const file = args[1]!;
  let last: LogRecord | undefined;
  const lines = async function* (): AsyncIterable<string> {
    for await (const record of broker.log.read(ref)) {
      last = record;
      yield `${encodeRecord(record)}\n`;
    }
  };
  // `wx`: an export never replaces a file.
  await pipeline(lines, createWriteStream(file, { flags: "wx" })).catch((cause: Error) => {
    throw new AppError("input.invalid", `cannot write ${file}: ${cause.message}`, { cause });
  });
  const report = { ...ref, records: last?.seq ?? 0, stateHash: last?.hash ?? "", file };
  out.json(TransferReport, report);
  out.line(`exported call ${ref.call} of ${ref.tenant}: ${report.records} records to ${file}`);
  return EXIT.ok;
}

async function runImport({ args, config, out }: Invocation<object>): Promise<number> {
  const file = args[0]!;
  const reading = readLogFile(file);
  const torn = (): boolean => reading.tornBytes > 0;
  const checked = await replay(reading, { machines: MACHINES, torn });
  if (checked.verdict === "diverged" || checked.verdict === "damaged")
    throw new AppError(
      "log.damaged",
      `${file} does not reproduce at record ${checked.divergence?.seq}`,
      {
        detail: { fix: `see \`turnfold replay ${file}\`` },
      },
    );
  await using broker = await openStore(config, false);
  const ref = await takeIn(broker.log, file);
  out.json(TransferReport, {
    ...ref,
    records: checked.records,
    stateHash: checked.stateHash,
    file,
  });
  out.line(`imported call ${ref.call} of ${ref.tenant}: ${checked.records} records`);
  return EXIT.ok;
}

async function takeIn(log: EventLog, file: string): Promise<CallRef> {
  let ref: CallRef | undefined;
  let tail = EMPTY_TAIL;
  let batch: LogRecord[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (ref && batch.length > 0) tail = await log.append(ref, tail, batch);
    batch = [];
    bytes = 0;
  };
  for await (const record of readLogFile(file)) {
    if (!ref) ref = await vacant(log, record);
    const size = recordBytes(record);
    const full = batch.length === LIMITS.appendRecordsMax || bytes + size > LIMITS.appendBytesMax;
    if (full) await flush();
    bytes += size;
    batch.push(record);
  }
  await flush();
  if (!ref) throw new AppError("log.notALog", `${file} has no records`);
  return ref;
}

/** The call of a header, if the folder has none of that id. */
async function vacant(log: EventLog, { input }: LogRecord): Promise<CallRef> {
  const { tenant, call } = input["header"] as unknown as CallHeader;
  if ((await log.tail({ tenant, call })).seq > 0)
    throw new AppError("input.invalid", `call ${call} of ${tenant} is here already`);
  return { tenant, call };
}
