import { AppError } from "./errors.ts";

/** A length of time with its unit: `'300ms'`, `'2s'`, `'1.5s'`, `'2m'`. */
export type Duration = `${number}ms` | `${number}s` | `${number}m`;

const UNITS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** Milliseconds. Error `config.invalid`, naming the field, where the unit is missing or unknown. */
export function durationMs(value: unknown, field: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(String(value)) ?? [];
  if (number === undefined) {
    const isBare = typeof value === "number" && value >= 0;
    const fix = isBare ? `'${value}ms' or '${value}s'` : "'300ms', '2s' or '1m'";
    throw new AppError("config.invalid", `${field}: write a time with its unit, as in ${fix}`);
  }
  return Math.round(Number(number) * UNITS[unit as keyof typeof UNITS]);
}

/** As one would write it: `'300ms'`, `'2s'`, `'10m'`. */
export function durationText(ms: number): string {
  const unit = ms === 0 || ms % UNITS.s !== 0 ? "ms" : ms % UNITS.m === 0 ? "m" : "s";
  return `'${ms / UNITS[unit]}${unit}'`;
}
