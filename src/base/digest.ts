import { hash } from "node:crypto";
import { AppError } from "./errors.ts";

/**
 * Canonical digests. D1: keys are sorted and quoted, so equal values digest alike and unequal ones
 * do not. D2: only JSON is accepted; `undefined`, non-finite numbers and class instances throw
 * (C6). D3: objects are memoised by identity, so the cost follows what changed and not what is
 * there; therefore what was digested must never be mutated.
 */
const known = new WeakMap<object, string>();

/** Bodies up to this length stand for themselves; longer ones by their hash. */
const INLINE_MAX = 80;

export function digest(value: unknown): string {
  if (value === null || typeof value !== "object") return scalar(value);
  const memo = known.get(value);
  if (memo !== undefined) return memo;
  const body = canonical(value, digest);
  const out = body.length <= INLINE_MAX ? body : `#${hash("sha1", body, "base64url")}`;
  known.set(value, out);
  return out;
}

/** Canonical JSON: sorted, quoted keys and no white space. Not memoised. */
export function canonicalJson(value: unknown): string {
  return value === null || typeof value !== "object"
    ? scalar(value)
    : canonical(value, canonicalJson);
}

/** SHA-256 in base64url, cut to 24 characters (144 bits): what records are chained by. */
export function shortHash(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 24);
}

function canonical(value: object, inner: (value: unknown) => string): string {
  if (Array.isArray(value)) {
    let body = "[";
    for (let i = 0; i < value.length; i++) body += (i ? "," : "") + inner(value[i]);
    return `${body}]`;
  }
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new AppError("bug", `a ${value.constructor?.name ?? "strange"} object is not JSON`);
  let body = "{";
  for (const key of Object.keys(value).sort()) {
    if (body.length > 1) body += ",";
    body += `${JSON.stringify(key)}:${inner((value as Record<string, unknown>)[key])}`;
  }
  return `${body}}`;
}

function scalar(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new AppError("bug", `${value} is not JSON`);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new AppError("bug", `${typeof value} is not JSON`);
  return text;
}
