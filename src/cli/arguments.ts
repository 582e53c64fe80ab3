import { InvalidArgumentError } from "commander";

/** A whole number from 1 on, such as a sequence or a turn. */
export function parseCount(value: string): number {
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError("Give a whole number from 1.");
  return Number(value);
}
