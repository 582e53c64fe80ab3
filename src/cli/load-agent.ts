import { readFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isVoiceAgent, type VoiceAgent } from "../agent/voice-agent.ts";
import { shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import type { Config } from "../config.ts";
import { isReceptionistAnswering } from "../main.ts";
import type { Output } from "./output.ts";

/**
 * Agents in files. A file is loaded anew each time it is asked for, and with it the files of its
 * own project that it imports; `turnfold` in them is always this very package, wherever they lie.
 */
export interface LoadedAgent {
  readonly agent: VoiceAgent;
  /** The file and those of its project that were loaded with it. */
  readonly files: readonly string[];
}

/** The option of the commands that take an agent. */
export const AGENT_OPTION = {
  flags: "--agent <file>",
  description: "the agent's file; default: the bundled receptionist",
} as const;

const FIX = "see docs/agents.md for what an agent's file holds";
const RELOAD = "turnfold-load";
const own = import.meta.url.endsWith(".ts") ? "ts" : "js";
const OWN: Readonly<Record<string, string>> = {
  turnfold: new URL(`../index.${own}`, import.meta.url).href,
  "turnfold/test": new URL(`../testing/index.${own}`, import.meta.url).href,
};

let loads = 0;
const loading = new Map<string, Set<string>>();

/**
 * Errors `config.invalid`: no such file, it does not run, it exports no agent, a wrong field; and
 * those of what it asks for while it is loaded, as `provider.unavailable` of an MCP server.
 */
export async function loadAgent(given: string): Promise<LoadedAgent> {
  const file = resolve(given);
  const bytes = await readFile(file, "utf8").catch((cause: Error) => {
    throw refusal(`there is no agent file ${file}`, "name the file that exports the agent", cause);
  });
  const id = String(++loads);
  const files = new Set([file]);
  hook();
  loading.set(id, files);
  const url = pathToFileURL(file);
  url.searchParams.set(RELOAD, id);
  const module = await run(url, file);
  const agent = module["default"] ?? module["agent"];
  if (agent === undefined) {
    const fix = "write `export default voiceAgent({ ... })`";
    throw refusal(`${given} exports no agent: neither a default nor \`agent\``, fix);
  }
  if (!isVoiceAgent(agent))
    throw refusal(`what ${given} exports was not made by voiceAgent`, "make it with voiceAgent()");
  return { agent: { ...agent, hash: shortHash(bytes) }, files: [...files] };
}

/** The agent of a command line, or none; says what its author may not know. */
export async function agentOption(
  file: string | undefined,
  config: Config,
  out: Output,
): Promise<VoiceAgent | undefined> {
  if (file === undefined) return undefined;
  const { agent } = await loadAgent(file);
  advise(agent, config, out);
  return agent;
}

/** An agent without a model is answered for by rules that know nothing of it. */
export function advise({ name, models }: VoiceAgent, config: Config, out: Output): void {
  if (models.length > 0 || !isReceptionistAnswering(config)) return;
  out.note(`${name} names no model: the bundled receptionist of a restaurant answers for it`);
}

async function run(url: URL, file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url.href)) as Record<string, unknown>;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const message = `${placeOf(cause, file)}: ${said}`;
    if (!(cause instanceof AppError)) throw refusal(message, FIX, cause);
    const { code, detail } = cause;
    if (code !== "config.invalid") throw new AppError(code, message, { cause, detail });
    throw refusal(message, "correct the field in the agent's file", cause);
  }
}

function refusal(message: string, fix: string, cause?: unknown): AppError {
  return new AppError("config.invalid", message, { cause, detail: { fix } });
}

/** `agent.ts:12` where the error came from the agent's own files. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const escaped = RegExp.escape(file);
  const line = new RegExp(`${escaped}(?:\\?[^:\\s]*)?:(\\d+)`).exec(stack)?.[1];
  return line === undefined ? file : `${file}:${line}`;
}

let hooked = false;

/** Resolves our own name to this package, and gives a reloaded file's own imports its number. */
function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      const id = numberOf(context.parentURL);
      if (id === undefined) return next(specifier, context);
      const ours = OWN[specifier];
      if (ours !== undefined) return { url: ours, shortCircuit: true };
      const found = next(specifier, context);
      if (!found.url.startsWith("file:") || found.url.includes("/node_modules/")) return found;
      if (!/^\.{0,2}\//.test(specifier)) return found;
      loading.get(id)?.add(fileURLToPath(found.url));
      const url = new URL(found.url);
      url.searchParams.set(RELOAD, id);
      return { ...found, url: url.href };
    },
  });
}

function numberOf(url: string | undefined): string | undefined {
  if (!url?.includes(RELOAD)) return undefined;
  return new URL(url).searchParams.get(RELOAD) ?? undefined;
}
