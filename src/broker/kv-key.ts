import { AppError } from "../base/errors.ts";

/** The letters that every adapter can carry in a key. */
export function checkKey(key: string): void {
  if (!/^[\w=-]+(\.[\w=-]+)*$/.test(key))
    throw new AppError("input.invalid", `${key} is no key: use dotted tokens`);
}
