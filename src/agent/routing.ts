import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { ComplexityLevel, RoutingSettings, type RoutingOptions } from "../events/routing.events.ts";
import { levelsOf, routed, type LevelChoice, type Levels, type Routing } from "../folds/routes.ts";
import type { Llm } from "../providers/llm.port.ts";

/** A name the process knows, or a model of one's own. */
export type ModelChoice = string | Llm;

/** Models by what a turn asks of them; each level may be a list, tried in its order. */
export type ModelLevels = LevelChoice<ModelChoice>;

/** What an agent's `model` may be. */
export type ModelOption = ModelChoice | readonly ModelChoice[] | ModelLevels;

const LEVELS = ComplexityLevel.options;
const FORM = 'give a model for each: { simple: "…", complex: "…" }';

const NO_LEVELS = `routing: its thresholds are for a model with levels; ${FORM}, or leave it out`;

/** All models of an agent, each once; first those that are tried first. */
export function modelsOf(model: ModelOption | undefined): readonly ModelChoice[] {
  if (model === undefined) return [];
  return isLevels(model) ? routed(levelsOf(model)) : ([model].flat() as readonly ModelChoice[]);
}

/** The levels of an agent and its rules; null where one model answers all. `config.invalid`. */
export function routingOf({
  name,
  model,
  routing,
}: {
  readonly name: string;
  readonly model?: ModelOption;
  readonly routing?: RoutingOptions;
}): Routing<ModelChoice> | null {
  const refuse = (what: string): never => {
    throw new AppError("config.invalid", `agent ${name}: ${what}`);
  };
  if (!isLevels(model)) return routing === undefined ? null : refuse(NO_LEVELS);
  const unknown = Object.keys(model).find((key) => !LEVELS.some((level) => level === key));
  if (unknown !== undefined) refuse(`model.${unknown}: there are: ${LEVELS.join(", ")}`);
  const levels = levelsOf(model);
  for (const level of LEVELS)
    if (levels[level].length === 0 || levels[level].includes(undefined!))
      refuse(`model.${level}: ${FORM}`);
  const settings = RoutingSettings.safeParse(routing ?? {});
  if (!settings.success) return refuse(`routing: ${z.prettifyError(settings.error)}`);
  return { settings: settings.data, levels };
}

/** Its routing over the models themselves; they stand in the order of the agent's `models`. */
export function routedParts(
  agent: { models: readonly ModelChoice[]; routing: Routing<ModelChoice> | null },
  models: readonly Llm[],
): { readonly routing?: Routing<Llm> } {
  if (!agent.routing) return {};
  const { settings, levels } = agent.routing;
  const own = (list: readonly ModelChoice[]): readonly Llm[] =>
    list.map((one) => models[agent.models.indexOf(one)]!);
  const byLevel: Levels<Llm> = {
    simple: own(levels.simple),
    moderate: own(levels.moderate),
    complex: own(levels.complex),
  };
  return { routing: { settings, levels: byLevel } };
}

function isLevels(model: ModelOption | undefined): model is ModelLevels {
  if (typeof model !== "object" || model === null || Array.isArray(model)) return false;
  return !("stream" in model) && LEVELS.some((level) => level in model);
}
