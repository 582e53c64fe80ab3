import { AppError, toAppError, type ErrorCode } from "../base/errors.ts";
import type { Json } from "./record.ts";

/**
 * What user code returned, as it will stand in the log: fields that are undefined are dropped, a
 * date becomes its text, nothing at all is null. What would be lost or cannot be written is an
 * error of `code` that names the fix.
 */
export function jsonOf(value: unknown, code: ErrorCode): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  const check = (_: string, part: unknown): unknown => {
    const fix = fixOf(part);
    if (fix) throw new AppError(code, `this is no JSON: ${fix}`);
    return part;
  };
  try {
    if (typeof value === "function" || typeof value === "symbol")
      throw new AppError(code, `this is no JSON: a ${typeof value}; return a value`);
    return JSON.parse(JSON.stringify(value, check)) as Json;
  } catch (error) {
    if (!(error instanceof TypeError) || !/circular/i.test(error.message))
      throw toAppError(error, code);
    throw new AppError(code, "this is no JSON: it holds itself; return only what is needed", {
      cause: error,
    });
  }
}

function fixOf(part: unknown): string | undefined {
  if (typeof part === "bigint") return "a BigInt; turn it into a number or a text";
  if (part instanceof Map) return "a Map; return Object.fromEntries(it)";
  if (part instanceof Set) return "a Set; return [...it]";
  return undefined;
}

/** Whether a value can stand in a record as it is, field by field. */
export function isJson(value: unknown): value is Json {
  try {
    return isPlain(value);
  } catch {
    // Nested without end.
    return false;
  }
}

function isPlain(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || typeof value !== "object")
    return value === null || typeof value === "string" || typeof value === "boolean";
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i])) return false;
    return true;
  }
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) return false;
  for (const key of Object.keys(value))
    if (!isPlain((value as Record<string, unknown>)[key])) return false;
  return true;
}
