import { z } from "zod";
import type { Hooks, Voice } from "../actors/agent-parts.ts";
import { canonicalJson, shortHash } from "../base/digest.ts";
import { durationMs, durationText, type Duration } from "../base/duration.ts";
import { AppError } from "../base/errors.ts";
import type { AgentTexts, CallHeader, CallLimits } from "../events/call.events.ts";
import { TurnSettings } from "../events/settings.events.ts";
import type { RoutingOptions } from "../events/routing.events.ts";
import type { Routing } from "../folds/routes.ts";
import type { Stt } from "../providers/stt.port.ts";
import type { Tool } from "../providers/tool.port.ts";
import { Budget, limitsOf, type BudgetOptions } from "./budget.ts";
import { modelsOf, routingOf, type ModelChoice, type ModelOption } from "./routing.ts";
import type { RulesLlm } from "./rules.ts";
import type { ToolDefinition } from "./tool.ts";

/**
 * The public way to write an agent. What it says by itself is text; what it does is in `tools` and
 * `hooks`; how it takes turns is in `turn`, each setting with its unit.
 */
export interface AgentOptions {
  /** Stands in the log of each call. */
  readonly name: string;
  /** What the model is told first. */
  readonly instructions: string;
  /** Said when somebody joins, without asking a model. */
  readonly greeting?: string;
  /** Said when an answer failed. */
  readonly apology?: string;
  /** Said once where somebody spoke while speech-to-text is down: they may type. */
  readonly unheard?: string;
  /** Said when nobody speaks for `silence.awayAfter`. */
  readonly away?: string;
  /** Said before the agent leaves because nobody speaks, or because it was told to. */
  readonly farewell?: string;
  /** Said once where an answer or a tool takes its time. */
  readonly filler?: string;
  /** Said once where the log of the call cannot be reached for 1.5 s. */
  readonly outage?: string;
  /** Said before the agent leaves because a budget is used up; else `farewell` is. */
  readonly overBudget?: string;
  /** Of the callers' words: `en` and `de` have word lists of their own; default `en`. */
  readonly language?: string;
  /** By name or as objects, the next being tried where one fails; default: by the keys. */
  readonly voice?: VoiceChoice | readonly VoiceChoice[];
  /** By name or as objects: one, a list in the order they are tried, or such for each level. */
  readonly model?: ModelOption;
  /** How a turn's level is found where `model` has levels; see docs/routing.md. */
  readonly routing?: RoutingOptions;
  /** Speech to text of one's own; default: what the process has. */
  readonly stt?: Stt;
  /** What differs from the defaults of docs/settings.md. */
  readonly turn?: TurnOptions;
  /** What its calls may cost; see docs/budgets.md. */
  readonly budget?: BudgetOptions;
  readonly tools?: Readonly<Record<string, ToolDefinition>>;
  readonly hooks?: Hooks;
  /** Agents a tool may hand the call to, by the name `handoff` is given. */
  readonly agents?: Readonly<Record<string, VoiceAgent>>;
}

/** A name the process knows, or a voice of one's own. */
export type VoiceChoice = string | Voice;

/** Numbers that count or are shares; every other number is a time and is written with its unit. */
type Plain = "minWords" | "echoWords" | "maxWords" | "maxAttempts" | "prompts" | "minPart" | Share;
type Share = "sure" | "unsure";

export type TurnOptions = {
  readonly [G in Exclude<keyof TurnSettings, "language">]?: {
    readonly [K in keyof TurnSettings[G]]?: TurnSettings[G][K] extends number
      ? K extends Plain
        ? number
        : Duration
      : TurnSettings[G][K];
  };
};

/** An agent that was checked. Opaque: made by `voiceAgent`, given to `start` and to tests. */
export interface VoiceAgent {
  readonly name: string;
  /** Changes when the agent does: of its file where it was loaded from one. */
  readonly hash: string;
  readonly texts: AgentTexts;
  readonly settings: TurnSettings;
  readonly voices: readonly VoiceChoice[];
  readonly models: readonly ModelChoice[];
  /** Null where every turn goes to the first of `models`. */
  readonly routing: Routing<ModelChoice> | null;
  readonly stt: Stt | undefined;
  readonly budget: CallLimits | undefined;
  readonly tools: readonly Tool[];
  readonly hooks: Hooks;
  readonly agents: Readonly<Record<string, VoiceAgent>>;
}

const SPOKEN = [
  "greeting",
  "apology",
  "unheard",
  "away",
  "farewell",
  "filler",
  "outage",
  "overBudget",
] as const;

/** For an agent with no words of its own to end by: nobody is cut off without one. */
const OVER_BUDGET: Readonly<Record<string, string>> = {
  en: "I am sorry, I have to end the call here. Goodbye.",
  de: "Es tut mir leid, ich muss hier auflegen. Auf Wiederhören.",
};

const text = z.string().trim().min(1);
const Options = z.strictObject({
  name: z.string().min(1).max(64),
  instructions: text,
  greeting: text.optional(),
  apology: text.optional(),
  unheard: text.optional(),
  away: text.optional(),
  farewell: text.optional(),
  filler: text.optional(),
  outage: text.optional(),
  overBudget: text.optional(),
  language: z.string().min(2).optional(),
  voice: z.custom<AgentOptions["voice"]>().optional(),
  model: z.custom<AgentOptions["model"]>().optional(),
  routing: z.custom<AgentOptions["routing"]>().optional(),
  stt: z.custom<Stt>((one) => typeof (one as Partial<Stt> | null)?.open === "function").optional(),
  turn: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  budget: Budget.optional(),
  tools: z.record(z.string().regex(/^\w{1,64}$/), z.custom<ToolDefinition>()).optional(),
  hooks: z.custom<Hooks>().optional(),
  agents: z.record(z.string().regex(/^\w{1,64}$/), z.custom<VoiceAgent>()).optional(),
});

/** Checks an agent. Error `config.invalid`, naming the field and the fix. */
export function voiceAgent(options: AgentOptions): VoiceAgent {
  const parsed = Options.safeParse(options);
  if (!parsed.success)
    throw new AppError(
      "config.invalid",
      `agent ${String(options?.name ?? "")}: ${z.prettifyError(parsed.error)}`,
    );
  const { name, tools = {}, hooks = {}, agents = {}, turn = {}, language = "en" } = options;
  const routing = routingOf(options);
  checkParts(options);
  return {
    name,
    hash: shortHash(canonicalJson(describe(options))),
    texts: textsOf(options),
    settings: settingsOf(turn, language),
    voices: listOf(options.voice),
    models: modelsOf(options.model),
    routing,
    stt: options.stt,
    budget: options.budget && limitsOf(options.budget, name),
    tools: Object.entries(tools).map(([key, definition]) => definition.named(key)),
    hooks,
    agents,
  };
}

/** What the types say, for agents written in plain JavaScript, and what they cannot say. */
function checkParts(options: AgentOptions): void {
  const { name, tools = {}, hooks = {}, agents = {}, model, voice } = options;
  const refuse = (field: string, what: string): never => {
    throw new AppError("config.invalid", `agent ${name}: ${field}: ${what}`);
  };
  for (const [key, one] of Object.entries(tools))
    if (typeof one?.named !== "function") refuse(`tools.${key}`, "make it with `tool({ ... })`");
  for (const [key, one] of Object.entries(agents))
    if (!isVoiceAgent(one)) refuse(`agents.${key}`, "make it with `voiceAgent({ ... })`");
  for (const key of Object.keys(hooks))
    if (!HOOKS.has(key)) refuse(`hooks.${key}`, `there are: ${[...HOOKS].join(", ")}`);
  if (Array.isArray(voice) && voice.length === 0) refuse("voice", "name one at least");
  for (const one of listOf<VoiceChoice>(voice))
    if (typeof one !== "string" && typeof one?.tts?.speak !== "function")
      refuse("voice", "give a name or a voice, as liftTts() gives one");
  const names = Object.keys(tools);
  for (const one of modelsOf(model)) {
    if (typeof one === "string") continue;
    if (typeof one?.stream !== "function") refuse("model", "give a name or a model, as rules() is");
    for (const key of ["provider", "model"] as const)
      if (typeof one[key] !== "string") refuse(`model.${key}`, "give the name that stands in logs");
    for (const called of (one as Partial<RulesLlm>).calls ?? [])
      if (!names.includes(called))
        refuse(
          "model",
          `a rule calls the tool ${called}; there are: ${names.join(", ") || "none"}`,
        );
  }
}

const HOOKS = new Set<string>(["beforeReply", "afterTurn"] satisfies (keyof Hooks)[]);

/** Whether `voiceAgent` has made it. */
export function isVoiceAgent(value: unknown): value is VoiceAgent {
  const { name, texts, settings, models, tools } = (value ?? {}) as Partial<VoiceAgent>;
  const named = typeof name === "string" && typeof texts === "object";
  return named && typeof settings === "object" && Array.isArray(models) && Array.isArray(tools);
}

function listOf<T extends string | object>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Its words; what a tool says meanwhile stands under `tool.<name>`. */
function textsOf(options: AgentOptions): AgentTexts {
  const texts: Record<string, string> = { instructions: options.instructions };
  for (const key of SPOKEN) if (options[key] !== undefined) texts[key] = options[key];
  for (const [name, definition] of Object.entries(options.tools ?? {})) {
    const { sayWhile } = definition.named(name);
    if (sayWhile !== undefined) texts[`tool.${name}`] = sayWhile;
  }
  return texts;
}

const TIMES = z.toJSONSchema(TurnSettings, { io: "input" }) as {
  properties: Record<string, { properties?: Record<string, { type?: string }> }>;
};
const PLAIN = new Set<string>([
  "minWords",
  "echoWords",
  "maxWords",
  "maxAttempts",
  "prompts",
  "minPart",
  "sure",
  "unsure",
] satisfies Plain[]);

/** Effective settings. Errors name the setting as it is written: `turn.endpointing.minDelay`. */
export function settingsOf(turn: TurnOptions, language = "en"): TurnSettings {
  const plain: Record<string, unknown> = { language };
  for (const [group, values] of Object.entries(turn)) {
    plain[group] = Object.fromEntries(
      Object.entries(values as Record<string, unknown>).map(([key, value]) => {
        return [key, isTime(group, key) ? durationMs(value, `turn.${group}.${key}`) : value];
      }),
    );
  }
  const parsed = TurnSettings.safeParse(plain);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = ["turn", ...issue.path].join(".");
  throw new AppError("config.invalid", `${field}: ${boundOf(issue) ?? issue.message}`);
}

function isTime(group: string, key: string): boolean {
  return TIMES.properties[group]?.properties?.[key]?.type === "integer" && !PLAIN.has(key);
}

/** Which bound a time has passed, with its unit. */
function boundOf(issue: z.core.$ZodIssue): string | undefined {
  const [group, key] = issue.path.map(String);
  if (group === undefined || key === undefined || !isTime(group, key)) return undefined;
  if (issue.code === "too_small") return `give ${durationText(Number(issue.minimum))} or more`;
  if (issue.code === "too_big") return `give ${durationText(Number(issue.maximum))} or less`;
  return undefined;
}

/** All that makes it what it is, functions by their source. */
function describe(value: unknown): unknown {
  if (typeof value === "function" || value instanceof RegExp) return String(value);
  if (typeof value === "bigint") return String(value);
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(describe);
  if ("named" in value && typeof value.named === "function")
    return describe({ ...(value as ToolDefinition).named("tool") });
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, describe(inner)]));
}

/** What a call's header says of its agent, and the texts beside it; others stand behind a slash. */
export function callOf(agent: VoiceAgent): {
  readonly agent: CallHeader["agent"];
  readonly settings: TurnSettings;
  readonly texts: AgentTexts;
  readonly agents: CallHeader["agents"];
  readonly hooks: CallHeader["hooks"];
  readonly budget?: CallLimits;
} {
  const others = Object.entries(agent.agents);
  const prefixed = others.flatMap(([key, other]) =>
    Object.entries(other.texts).map(([name, value]) => [`${key}/${name}`, value] as const),
  );
  const hooks = [agent, ...Object.values(agent.agents)].some(
    (one) => one.hooks.afterTurn !== undefined,
  );
  return {
    agent: { name: agent.name, hash: agent.hash },
    settings: agent.settings,
    texts: { ...wordsToEndBy(agent), ...agent.texts, ...Object.fromEntries(prefixed) },
    agents: Object.fromEntries(others.map(([key, { settings }]) => [key, settings])),
    hooks: hooks ? ["afterTurn"] : [],
    ...(agent.budget && { budget: agent.budget }),
  };
}

function wordsToEndBy({ texts, settings }: VoiceAgent): AgentTexts {
  if (texts["farewell"] !== undefined) return {};
  return { overBudget: OVER_BUDGET[settings.language] ?? OVER_BUDGET["en"]! };
}

/** An agent of a call by its name there. Error `config.invalid`. */
export function agentOf(agent: VoiceAgent, name: string): VoiceAgent {
  return name === "" ? agent : find(agent.agents, name, `${agent.name}: agent`);
}

function find<T>(known: Readonly<Record<string, T>>, name: string, field: string): T {
  const found = known[name];
  if (found) return found;
  const names = Object.keys(known).join(", ");
  throw new AppError("config.invalid", `${field} '${name}' is not known here; there are: ${names}`);
}
