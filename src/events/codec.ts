import { crc32 } from "node:zlib";
import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { Outcome, RECORD_VERSION, TextPart, type LogRecord } from "./record.ts";

/**
 * One record is one line of JSON whose last key is the CRC-32 of the line before it. The checksum
 * finds a torn or rotten line; that the content is what was recorded, the hash chain proves.
 */
const Envelope = z.strictObject({
  v: z.literal(RECORD_VERSION),
  seq: z.int().positive(),
  at: z.number(),
  epoch: z.int().positive(),
  actor: z.string(),
  input: z.looseObject({ type: z.string() }),
  cause: z.union([z.number(), z.string(), z.null()]),
  textDigest: z.string().optional(),
  text: TextPart.optional(),
  outcome: Outcome,
  hash: z.string(),
});

const CRC = /,"crc":"([0-9a-f]{8})"\}$/;

export function encodeRecord(record: LogRecord): string {
  const body = JSON.stringify(record);
  const line = `${body.slice(0, -1)},"crc":"${checksum(body)}"}`;
  const bytes = Buffer.byteLength(line);
  if (bytes > LIMITS.recordBytesMax)
    throw new AppError(
      "record.tooLarge",
      `a record of ${bytes} bytes is over ${LIMITS.recordBytesMax}`,
      { detail: { type: record.input.type, bytes } },
    );
  return line;
}

/** Bytes of the record's JSON: what an append of it weighs. */
export function recordBytes(record: LogRecord): number {
  return Buffer.byteLength(JSON.stringify(record));
}

/** Why a line is no record: `torn` lines may stand at the end of a log, the others are damage. */
export type DecodeResult =
  | { readonly ok: true; readonly record: LogRecord }
  | {
      readonly ok: false;
      readonly why: "checksum" | "version" | "shape";
      readonly message: string;
    };

export function decodeRecord(line: string): DecodeResult {
  const crc = CRC.exec(line);
  const body = crc ? `${line.slice(0, crc.index)}}` : "";
  if (!crc || checksum(body) !== crc[1])
    return { ok: false, why: "checksum", message: "the line does not match its checksum" };
  const value: unknown = JSON.parse(body);
  const version = (value as { v?: unknown }).v;
  if (version !== RECORD_VERSION)
    return {
      ok: false,
      why: "version",
      message: `record version ${String(version)} is not ${RECORD_VERSION}`,
    };
  const parsed = Envelope.safeParse(value);
  if (!parsed.success) return { ok: false, why: "shape", message: z.prettifyError(parsed.error) };
  return { ok: true, record: value as LogRecord };
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, "0");
}
