import { z } from "zod";
import type { AppError } from "../base/errors.ts";
import { checkService, type CheckedCandidate, type ServiceCheck } from "../main.ts";
import { defineCommand, type CommandSpec, type Invocation, type Register } from "./command.ts";
import { EXIT, fixOf, type Output } from "./output.ts";
import { readWav } from "./simulate/script.ts";

/** Whether each part of an agent's speech can be had, one by one. */
const Problem = z.strictObject({
  code: z.string(),
  message: z.string(),
  fix: z.string().nullable(),
});

/** What `check stt`, `check llm` and `check tts` print under `--json`. */
export const CheckReport = z.strictObject({
  service: z.enum(["stt", "llm", "tts"]),
  /** What is used can be, and answered where it was tried. */
  ok: z.boolean(),
  /** In the order they are tried; the first is used. */
  candidates: z.array(
    z.strictObject({
      provider: z.string(),
      model: z.string(),
      voice: z.string().nullable(),
      state: z.enum(["current", "retiring", "retired", "unknown", "local"]),
      warnings: z.array(z.string()),
      problem: Problem.nullable(),
    }),
  ),
  /** One request to the first; null where it was not made or failed. */
  trial: z
    .strictObject({
      firstMs: z.number(),
      totalMs: z.number(),
      text: z.string().nullable(),
      audioMs: z.number().nullable(),
      usage: z.array(z.strictObject({ meter: z.string(), quantity: z.number() })),
    })
    .nullable(),
  /** Why that request failed. */
  failure: Problem.nullable(),
});

interface Options {
  readonly live?: boolean;
  readonly model?: string;
  readonly voice?: string;
}

const LIVE = {
  flags: "--live",
  description: "ask the vendor once, for real: it may cost a fraction of a cent",
};
const MODEL = { flags: "--model <name>", description: "this model instead: `gpt-x`, `groq/gpt-x`" };
const VOICE = { flags: "--voice <name>", description: "this voice instead: `alloy`, `rime/luna`" };

const SPECS: readonly (Omit<CommandSpec<Options>, "run"> & Pick<ServiceCheck, "service">)[] = [
  {
    service: "stt",
    usage: "stt [wav]",
    summary: "check who hears; of the local engine, and with --live, what it hears",
    examples: ["check stt", "check stt question.wav --live"],
    options: [LIVE, MODEL],
  },
  {
    service: "llm",
    usage: "llm",
    summary: "check who answers",
    examples: ["check llm", "check llm --live --model gpt-x"],
    options: [LIVE, MODEL],
  },
  {
    service: "tts",
    usage: "tts",
    summary: "check who speaks",
    examples: ["check tts", "check tts --live --voice alloy"],
    options: [LIVE, MODEL, VOICE],
  },
];

export const register: Register = (program, cli) => {
  const check = program
    .command("check")
    .summary("check who hears, answers and speaks: keys, packages, models, voices")
    .description(
      "What would be used, in which order, and whether it can be. Engines of this machine are\n" +
        "really run; a vendor is asked with --live alone. Exit code 1: what is used cannot be.",
    )
    .addHelpText("after", "\nExamples:\n  $ turnfold check llm\n  $ turnfold check tts --live");
  for (const { service, ...spec } of SPECS)
    defineCommand<Options>(check, cli, { ...spec, run: (call) => run(call, service) });
};

async function run(
  { args, options, config, out }: Invocation<Options>,
  service: ServiceCheck["service"],
): Promise<number> {
  const { live = false, model, voice } = options;
  const sound = args[0] === undefined ? undefined : await readWav(args[0]);
  const check = await checkService(config, {
    service,
    wish: { model, voice },
    live,
    signal: out.signal,
    ...(sound && { sound }),
  });
  const ok = check.candidates[0]?.problem === undefined && check.failure === undefined;
  out.json(CheckReport, reportOf(check, ok));
  print(check, out);
  return ok ? EXIT.ok : EXIT.failed;
}

function reportOf(check: ServiceCheck, ok: boolean): z.infer<typeof CheckReport> {
  const { service, candidates, trial, failure } = check;
  return {
    service,
    ok,
    candidates: candidates.map(({ provider, model, voice = null, state, warnings, problem }) => {
      const wrong = problem ? problemOf(problem) : null;
      return { provider, model, voice, state, warnings: [...warnings], problem: wrong };
    }),
    trial: trial ? { ...trial, usage: [...trial.usage] } : null,
    failure: failure ? problemOf(failure) : null,
  };
}

function problemOf(error: AppError): z.infer<typeof Problem> {
  return { code: error.code, message: error.message, fix: fixOf(error) ?? null };
}

function print({ service, candidates, trial, failure }: ServiceCheck, out: Output): void {
  for (const [i, candidate] of candidates.entries()) {
    const role = i === 0 ? service : "then";
    out.line(`${role.padEnd(4)}  ${nameOf(candidate)}  ${stateWords(candidate, out)}`);
    for (const warning of candidate.warnings) out.line(`      ${warning}`);
    if (candidate.problem) printProblem(candidate.problem, out);
  }
  if (failure) {
    out.line(`${out.style("failed", "red")}: ${failure.code}`);
    printProblem(failure, out);
  }
  if (!trial) return;
  const { firstMs, totalMs, text, audioMs, usage } = trial;
  const sound = audioMs === null ? "" : `, ${Math.round(audioMs)} ms of sound`;
  out.line(`first after ${Math.round(firstMs)} ms, all after ${Math.round(totalMs)} ms${sound}`);
  if (text !== null) out.line(`"${text}"`);
  if (usage.length > 0)
    out.line(usage.map(({ meter, quantity }) => `${meter} ${quantity}`).join(", "));
}

function printProblem(error: AppError, out: Output): void {
  out.line(`      ${error.message}`);
  const fix = fixOf(error);
  if (fix !== undefined) out.line(`      fix: ${fix}`);
}

function nameOf({ provider, model, voice }: CheckedCandidate): string {
  return `${provider} ${model}${voice === undefined ? "" : ` ${voice}`}`;
}

function stateWords({ state, problem }: CheckedCandidate, out: Output): string {
  if (problem) return out.style("cannot be used", "red");
  const words = { unknown: "not in our table", local: "on this machine" } as const;
  const said = state === "unknown" || state === "local" ? words[state] : state;
  return out.style(said, state === "retiring" || state === "retired" ? "yellow" : "green");
}
