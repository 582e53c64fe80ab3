import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError, codeOf } from "../base/errors.ts";
import type { EventLog, LogReading } from "../broker/event-log.port.ts";
import type { CallRef } from "../events/record.ts";
import { logPath, readLogFile, storeName } from "../main.ts";
import type { Config } from "../config.ts";

/**
 * From what a person types to a log. A call is an id, the start of one that fits no other, or
 * either of them behind `tenant/`. A file is a log file, an export, or the folder of a call.
 */
export interface FoundLog {
  /** Undefined for a file: its header says what it is. */
  readonly ref: CallRef | undefined;
  readonly read: (from: number) => LogReading;
}

const CANDIDATES_MAX = 10;

/** Errors: `call.notFound`, which says where it looked, and `call.ambiguous`. */
export async function findCall(given: string, config: Config, log: EventLog): Promise<CallRef> {
  const [tenant, id] = given.includes("/") ? split(given) : [undefined, given];
  const calls = await log.calls(tenant);
  const exact = calls.filter(({ call }) => call === id);
  const found = exact.length > 0 ? exact : calls.filter(({ call }) => call.startsWith(id));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw notFound(given, config, calls.length);
  const names = found.slice(0, CANDIDATES_MAX).map((ref) => `${ref.tenant}/${ref.call}`);
  const more = found.length > names.length ? ` and ${found.length - names.length} more` : "";
  throw new AppError("call.ambiguous", `${given} may be ${names.join(", ")}${more}`);
}

/** A file where there is one of that name, else a call. */
export async function findLog(given: string, config: Config, log: EventLog): Promise<FoundLog> {
  const path = fileOf(given);
  if (path !== undefined) return { ref: undefined, read: () => readLogFile(path) };
  try {
    const ref = await findCall(given, config, log);
    return { ref, read: (from) => log.read(ref, from) };
  } catch (error) {
    const hidden = codeOf(error) === "call.notFound" ? headless(given, config) : undefined;
    if (hidden === undefined) throw error;
    return { ref: undefined, read: () => readLogFile(hidden) };
  }
}

function fileOf(given: string): string | undefined {
  if (!existsSync(given)) return undefined;
  return statSync(given).isDirectory() ? join(given, "0001.jsonl") : resolve(given);
}

/**
 * A call whose header cannot be read is in no list; its log is looked for by its full id, so that
 * the damage is told and not hidden behind "no such call".
 */
function headless(given: string, config: Config): string | undefined {
  if (config.nats || !/^([\w-]+\/)?[\w-]+$/.test(given) || !existsSync(config.dataDir))
    return undefined;
  const [only, call] = given.includes("/") ? split(given) : [undefined, given];
  const tenants = only === undefined ? readdirSync(config.dataDir) : [only];
  return tenants.map((tenant) => logPath(config, { tenant, call })).find((p) => existsSync(p));
}

function split(given: string): readonly [string, string] {
  const at = given.indexOf("/");
  return [given.slice(0, at), given.slice(at + 1)];
}

function notFound(given: string, config: Config, count: number): AppError {
  const calls = count === 1 ? "1 call" : `${count} calls`;
  const where = `${storeName(config)} (${calls} there)`;
  const file = resolve(given);
  return new AppError(
    "call.notFound",
    `no call begins with ${JSON.stringify(given)} in ${where}, and there is no file ${file}`,
  );
}
