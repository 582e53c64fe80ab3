import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, statSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { toAppError } from "../base/errors.ts";
import type { Config } from "../config.ts";
import {
  checkService,
  createSilero,
  findModels,
  lockHolder,
  missingOf,
  openDatabase,
  openFlite,
  openStore,
  SMART_TURN,
  storeName,
  type CheckedCandidate,
} from "../main.ts";
import { fixOf } from "./output.ts";

export const Check = z.strictObject({
  name: z.string(),
  status: z.enum(["ok", "warn", "fail"]),
  detail: z.string(),
  /** What to do about it. */
  fix: z.string().optional(),
});
export type Check = z.infer<typeof Check>;

/**
 * What a call needs on this machine, one check each. A check never throws: that it cannot be made
 * is its result. Only what stops `npm start` fails; what a call can do without is a warning.
 */
const NODE_MAJOR_MIN = 24;
const DISK_BYTES_MIN = 500e6;

export async function checkAll(config: Config): Promise<readonly Check[]> {
  const stt = await checkModels(config);
  const [pip, vad, endpointer, tts, vendors] = await Promise.all([
    checkPip(stt.status === "ok"),
    checkVad(),
    checkEndpointer(config),
    checkTts(),
    checkVendors(config),
  ]);
  return [
    checkNode(),
    checkNodePackage(),
    ...(config.nats
      ? [await checkNats(config)]
      : [checkFolder(config), checkLock(config), checkDisk(config)]),
    ...(await checkDatabase(config)),
    stt,
    pip,
    vad,
    endpointer,
    tts,
    ...vendors,
  ];
}

/** Who takes each part by the keys there are; a vendor is not asked here. */
async function checkVendors(config: Config): Promise<readonly Check[]> {
  const services = ["stt", "llm", "tts"] as const;
  const checks = services.map(async (service) => {
    const options = { service, wish: {}, live: false, isLocalTried: false };
    const { candidates } = await checkService(config, options);
    const name = `${service} choice`;
    const problem = candidates[0]?.problem;
    // Speech of this machine has checks of its own, and callers can type.
    if (problem && problem.code !== "stt.missing") {
      const fix = fixOf(problem) ?? `see turnfold check ${service}`;
      return { name, status: "fail" as const, detail: problem.message, fix };
    }
    return { name, status: "ok" as const, detail: namesInOrder(candidates) };
  });
  return Promise.all(checks);
}

/** As a call tries them: who cannot stand in is told with the reason. */
export function namesInOrder(
  candidates: readonly Pick<CheckedCandidate, "provider" | "model" | "problem">[],
): string {
  return candidates
    .map(({ provider, model, problem }) =>
      problem ? `nobody (${problem.message})` : `${provider} ${model}`,
    )
    .join(", then ");
}

function checkNode(): Check {
  const major = Number(process.versions.node.split(".")[0]);
  const detail = `${process.version} on ${process.platform} ${process.arch}`;
  if (major >= NODE_MAJOR_MIN) return { name: "node", status: "ok", detail };
  return { name: "node", status: "fail", detail, fix: `use Node ${NODE_MAJOR_MIN} or newer` };
}

/** The Node that an older one starts turnfold under: sought upwards, as the starter does. */
function checkNodePackage(): Check {
  const name = "node package";
  const file = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const path = join(folder, "node_modules", "node", "bin", file);
    if (existsSync(path)) return { name, status: "ok", detail: path };
    if (folder === dirname(folder)) break;
  }
  const detail = "not installed: turnfold starts only under a Node that is new enough itself";
  return { name, status: "warn", detail, fix: "npm install (with its install scripts)" };
}

/** Opens the broker as a call would: all that is relied on is tried out. */
async function checkNats(config: Config): Promise<Check> {
  const name = "nats";
  try {
    await using _ = await openStore(config, true);
    return { name, status: "ok", detail: storeName(config) };
  } catch (error) {
    const { message: detail } = toAppError(error, "broker.unavailable");
    return { name, status: "fail", detail, fix: "see the message, or unset NATS_URL" };
  }
}

/** Never more than a warning: calls go on without it, and it is brought up to date later. */
async function checkDatabase({ databaseUrl, nats }: Config): Promise<readonly Check[]> {
  const name = "database";
  if (databaseUrl === undefined) {
    const detail = nats ? "none: set DATABASE_URL to ask for costs with SQL" : "in the data folder";
    return [{ name, status: "ok", detail }];
  }
  try {
    await using _ = await openDatabase(databaseUrl);
    return [{ name, status: "ok", detail: "PostgreSQL of DATABASE_URL" }];
  } catch (error) {
    const { message: detail } = toAppError(error, "database.failed");
    return [{ name, status: "warn", detail, fix: "see the message, or unset DATABASE_URL" }];
  }
}

function checkFolder({ dataDir }: Config): Check {
  const name = "data folder";
  const there = nearest(dataDir);
  try {
    if (!statSync(there).isDirectory())
      return { name, status: "fail", detail: `${there} is no folder`, fix: "name one with --data" };
    accessSync(there, constants.R_OK | constants.W_OK);
  } catch {
    const detail = `${there} cannot be written`;
    return { name, status: "fail", detail, fix: "allow it, or name another with --data" };
  }
  const detail = there === dataDir ? dataDir : `${dataDir} (made when first needed)`;
  return { name, status: "ok", detail };
}

function checkLock({ dataDir }: Config): Check {
  const name = "data lock";
  try {
    const holder = lockHolder(dataDir);
    if (!holder) return { name, status: "ok", detail: "free" };
    const detail = `held by ${holder.pid === undefined ? "a process" : `process ${holder.pid}`}`;
    const fix = "stop that process, or name another folder with --data";
    return { name, status: "fail", detail, fix };
  } catch (error) {
    const detail = toAppError(error, "data.failed").message;
    return { name, status: "fail", detail, fix: "name another folder with --data" };
  }
}

function checkDisk({ dataDir }: Config): Check {
  const name = "disk";
  try {
    const { bavail, bsize } = statfsSync(nearest(dataDir));
    const free = bavail * bsize;
    const detail = `${(free / 1e9).toFixed(1)} GB free`;
    if (free >= DISK_BYTES_MIN) return { name, status: "ok", detail };
    return { name, status: "warn", detail, fix: "make room: logs and recordings grow" };
  } catch (error) {
    return { name, status: "warn", detail: toAppError(error, "data.failed").message };
  }
}

async function checkModels({ modelsDir }: Config): Promise<Check> {
  const found = await findModels(modelsDir);
  if (found.ok) return { name: "stt", status: "ok", detail: `moonshine-tiny-en in ${modelsDir}` };
  const detail = `no speech to text: ${found.reason}; callers can only type`;
  return { name: "stt", status: "warn", detail, fix: "turnfold models pull" };
}

const PIPS = [["pip3"], ["pip"], ["python3", "-m", "pip"], ["python", "-m", "pip"]] as const;

/** Needed once, to fetch the models. */
async function checkPip(haveModels: boolean): Promise<Check> {
  for (const [program, ...args] of PIPS) {
    const version = await firstLine(program, [...args, "--version"]);
    if (version !== undefined) return { name: "pip", status: "ok", detail: version };
  }
  if (haveModels)
    return { name: "pip", status: "ok", detail: "none; the models are there already" };
  const fix = "install Python 3 with pip, then: turnfold models pull";
  return { name: "pip", status: "warn", detail: "none: the models cannot be fetched", fix };
}

async function checkVad(): Promise<Check> {
  try {
    await createSilero().warm();
    return { name: "vad", status: "ok", detail: "silero, local" };
  } catch (error) {
    const detail = toAppError(error, "provider.failed").message;
    return { name: "vad", status: "warn", detail: `${detail}: callers can only type` };
  }
}

/** Never a warning: what words and silence say about the end of a turn is enough. */
async function checkEndpointer({ modelsDir }: Config): Promise<Check> {
  const missing = await missingOf(SMART_TURN, modelsDir);
  const detail =
    missing === undefined
      ? `words and silence; the weights of ${SMART_TURN.name} are there too`
      : `words and silence; optional: turnfold models pull ${SMART_TURN.name}`;
  return { name: "endpointer", status: "ok", detail };
}

async function checkTts(): Promise<Check> {
  try {
    await using tts = openFlite();
    await tts.warm();
    return { name: "tts", status: "ok", detail: `flite, local, ${tts.voices.length} voices` };
  } catch (error) {
    const detail = toAppError(error, "provider.failed").message;
    return { name: "tts", status: "fail", detail, fix: "npm install" };
  }
}

/** The folder itself, or what of its path is there already. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path));
}

function firstLine(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.on("error", () => resolve(undefined));
    child.on("close", (code) => resolve(code === 0 ? text.split("\n")[0] : undefined));
  });
}
