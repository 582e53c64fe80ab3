import type { SttUsage } from "./stt.port.ts";

/** Adds a row to those of its kind, so that a long call has few: one record holds them all. */
export function addUsage(rows: SttUsage[], row: SttUsage): void {
  const at = rows.findIndex((other) => kindOf(other) === kindOf(row));
  const had = rows[at];
  if (!had) return void rows.push(row);
  const audioMs = had.audioMs + row.audioMs;
  const { connectionMs: a, ...rest } = had;
  const { connectionMs: b } = row;
  const isOpen = a !== undefined || b !== undefined;
  rows[at] = { ...rest, audioMs, ...(isOpen && { connectionMs: (a ?? 0) + (b ?? 0) }) };
}

function kindOf({ provider, model, estimated = false, attempt = 1, how }: SttUsage): string {
  return JSON.stringify([provider, model, estimated, attempt, how ?? "done"]);
}
