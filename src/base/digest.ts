import { hash } from "node:crypto";
import { AppError } from "./errors.ts";

/**
 * Canonical digests. D1: keys are sorted and quoted, so equal values digest alike and unequal ones
 * do not. D2: only JSON is accepted; `undefined`, non-finite numbers and class instances throw
 * (C6). D3: objects of some size are memoised by identity, so the cost follows what changed and not
 * what is there; therefore what was digested must never be mutated.
 */
const known = new WeakMap<object, string>();

/** Bodies up to this length stand for themselves; longer ones by their hash. */
const INLINE_MAX = 80;

export function digest(value: unknown): string {
  if (value === null || typeof value !== "object") return scalar(value);
  const memo = known.get(value);
  if (memo !== undefined) return memo;
  const body = canonical(value, digest);
  // Small objects come and go with every step: to keep them costs more than to write them again.
  if (body.length <= INLINE_MAX) return body;
  const out = `#${hash("sha1", body, "base64url")}`;
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
  for (const key of sortKeys(Object.keys(value))) {
    if (body.length > 1) body += ",";
    body += nameOf(key) + inner((value as Record<string, unknown>)[key]);
  }
  return `${body}}`;
}

/** In place, by UTF-16 code units as `sort` does, but faster for the few keys an object has. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > 64) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!;
    let at = i;
    for (; at > 0 && keys[at - 1]! > key; at--) keys[at] = keys[at - 1]!;
    keys[at] = key;
  }
  return keys;
}

/** Quoted keys with their colon: charts and records use the same few hundred all the time. */
const names = new Map<string, string>();
const NAMES_MAX = 2_000;

function nameOf(key: string): string {
  let name = names.get(key);
  if (name !== undefined) return name;
  name = `${quote(key)}:`;
  if (names.size < NAMES_MAX) names.set(key, name);
  return name;
}

/** Printable ASCII without quote and backslash: such a text is its own JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function scalar(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new AppError("bug", `${typeof value === "number" ? value : typeof value} is not JSON`);
  return String(value);
}
