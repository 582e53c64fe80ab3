import type { AgentParts, Voice } from "../actors/agent-parts.ts";
import { AppError } from "../base/errors.ts";
import type { Llm } from "../providers/llm.port.ts";
import { routedParts } from "./routing.ts";
import type { VoiceAgent } from "./voice-agent.ts";

/** What the process has by name. */
export interface Shelf {
  /**
   * Undefined where nobody is known to have it. Error `provider.missing` where it is known and its
   * key or package is not there.
   */
  model(name: string): Llm | undefined;
  voice(name: string): Voice | undefined;
  /** Of agents that name none, in the order they are tried within one answer. */
  readonly defaults: { readonly models: readonly Llm[]; readonly voices: readonly Voice[] };
  /** What can be named here, for messages. */
  readonly names: { readonly models: readonly string[]; readonly voices: readonly string[] };
}

/** A shelf of what is given; the first of each is the default. */
export function fixedShelf(
  models: Readonly<Record<string, Llm>>,
  voices: Readonly<Record<string, Voice>>,
): Shelf {
  return {
    model: (name) => models[name],
    voice: (name) => voices[name],
    defaults: {
      models: Object.values(models).slice(0, 1),
      voices: Object.values(voices).slice(0, 1),
    },
    names: { models: Object.keys(models), voices: Object.keys(voices) },
  };
}

/** An agent's parts. Error `config.invalid` where it names a model or voice that is not there. */
export function partsOf(agent: VoiceAgent, shelf: Shelf): AgentParts {
  const { models, voices, tools, hooks, name } = agent;
  const modelOf = (one: string): Llm =>
    taken(`${name}: model '${one}'`, () => shelf.model(one), shelf.names.models);
  const voiceOf = (one: string): Voice =>
    taken(`${name}: voice '${one}'`, () => shelf.voice(one), shelf.names.voices);
  const named = models.map((one) => (typeof one === "string" ? modelOf(one) : one));
  const spoken = voices.map((one) => (typeof one === "string" ? voiceOf(one) : one));
  const all = named.length > 0 ? named : shelf.defaults.models;
  return {
    models: all,
    ...routedParts(agent, all),
    voices: spoken.length > 0 ? spoken : shelf.defaults.voices,
    tools,
    hooks,
  };
}

/** What is wrong with it is told with the place that names it. */
function taken<T>(what: string, take: () => T | undefined, names: readonly string[]): T {
  const found = attempt(what, take);
  if (found !== undefined) return found;
  const message = `${what} is not known here; there are: ${names.join(", ")}`;
  throw new AppError("config.invalid", message);
}

function attempt<T>(what: string, take: () => T): T {
  try {
    return take();
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    const { code, message, detail } = cause;
    throw new AppError(code, `${what}: ${message}`, { cause, detail });
  }
}
