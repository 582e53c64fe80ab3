import { createCipheriv, createDecipheriv, hash } from "node:crypto";
import { AppError } from "../../base/errors.ts";
import { decodeRecord, encodeRecord } from "../../events/codec.ts";
import type { LogRecord, TextPart } from "../../events/record.ts";
import { withoutText } from "../append-rule.ts";
import type { TextKey } from "./text-keys.ts";

/**
 * The records of one append in one message, so that they stand in the log together or not at all:
 * lines as in a log file but without their texts, and behind a zero byte all texts together, sealed
 * with the key of their call (AES-128-GCM: nonce, tag, JSON of texts by sequence).
 */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-128-gcm";

export interface Packed {
  readonly data: Uint8Array;
  /** Digest of the lines: the same records packed again have the same. */
  readonly id: string;
}

export type Texts = Readonly<Record<string, TextPart>>;

/** Lines of the records, refused where one is too large with its text. */
export function packLines(records: readonly LogRecord[]): { lines: string; texts: Texts } {
  const texts: Record<string, TextPart> = {};
  const lines = records.map((record) => {
    const line = encodeRecord(record);
    if (!record.text) return line;
    texts[record.seq] = record.text;
    return encodeRecord(withoutText(record));
  });
  return { lines: lines.join("\n"), texts };
}

export function pack(lines: string, sealed: Uint8Array | undefined): Packed {
  const data = sealed ? Buffer.concat([Buffer.from(`${lines}\0`), sealed]) : Buffer.from(lines);
  return { data, id: hash("sha256", lines, "base64url") };
}

/** `nonce` is 12 random bytes: never used twice with one key. */
export function seal(texts: Texts, key: TextKey, nonce: Uint8Array): Uint8Array {
  const cipher = createCipheriv(CIPHER, key.bytes, nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(texts)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

export function unseal(sealed: Uint8Array, key: TextKey): Texts {
  const decipher = createDecipheriv(CIPHER, key.bytes, sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const body = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
  return JSON.parse(Buffer.concat([body, decipher.final()]).toString()) as Texts;
}

export function unpack(data: Uint8Array): { records: LogRecord[]; sealed: Uint8Array | undefined } {
  const end = data.indexOf(0);
  const lines = Buffer.from(end < 0 ? data : data.subarray(0, end)).toString();
  return {
    records: lines.split("\n").map(decode),
    sealed: end < 0 ? undefined : data.subarray(end + 1),
  };
}

/** The hash stays last, as everywhere. */
export function withTexts(records: readonly LogRecord[], texts: Texts): LogRecord[] {
  return records.map((record) => {
    const text = texts[record.seq];
    if (!text) return record;
    const { hash: chained, ...rest } = record;
    return { ...rest, text, hash: chained };
  });
}

function decode(line: string): LogRecord {
  const decoded = decodeRecord(line);
  if (decoded.ok) return decoded.record;
  throw new AppError(decoded.why === "version" ? "log.version" : "log.damaged", decoded.message);
}
