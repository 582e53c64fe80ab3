import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { Token } from "../events/record.ts";
import type { StreamItem, StreamKey } from "./stream.port.ts";

/** The last item of a key. */
export interface StreamEnd {
  readonly position: number;
  readonly id: string;
}

/** S1 and S2 where the end is known: true = it stands there already. Throws `stream.conflict`. */
export function standsAlready(
  end: StreamEnd | undefined,
  { key, expect, item }: { key: StreamKey; expect: number; item: StreamItem },
): boolean {
  if ((end?.position ?? 0) === expect) return false;
  if (end?.id === item.id) return true;
  throw streamConflict(key, expect);
}

export function streamConflict(key: StreamKey, expect: number): AppError {
  const message = `the stream of ${nameOf(key)} does not end at ${expect}: another was first`;
  return new AppError("stream.conflict", message, { detail: { ...key, expect } });
}

export function streamUnknown(key: StreamKey, cause?: unknown): AppError {
  const message = `the stream of ${nameOf(key)}: the append was not answered`;
  return new AppError("log.unknown", message, { cause, detail: { ...key } });
}

/** A key becomes file names and subjects: what is no token is refused before it gets there. */
export function checkStreamKey({ tenant, call }: StreamKey): void {
  for (const token of call === undefined ? [tenant] : [tenant, call])
    if (!Token.safeParse(token).success)
      throw new AppError("input.invalid", `${JSON.stringify(token)} is no tenant or call id`);
}

/** Throws `record.tooLarge`. */
export function encodeItem(value: unknown): string {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMITS.appendBytesMax)
    throw new AppError("record.tooLarge", `an item of a stream has ${bytes} bytes`);
  return text;
}

function nameOf({ tenant, call }: StreamKey): string {
  return call === undefined ? tenant : `${tenant}/${call}`;
}
