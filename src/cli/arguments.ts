import { InvalidArgumentError } from "commander";
import { durationMs } from "../base/duration.ts";

/** A whole number from 1 on, such as a sequence or a turn. */
export function parseCount(value: string): number {
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError("Give a whole number from 1.");
  return Number(value);
}

/** A time with its unit, as ms. */
export function parseDuration(value: string): number {
  try {
    return durationMs(value, "a time");
  } catch {
    throw new InvalidArgumentError("Give a time with its unit: 500ms, 2s or 1m.");
  }
}

/** A TCP port; 0 stands for any. */
export function parsePort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError("give a port from 0 to 65535.");
  return port;
}
