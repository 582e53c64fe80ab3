import type { ComplexityLevel, TurnRule } from "../../events/routing.events.ts";
import { judgeTurn, turnOf } from "../../folds/complexity.ts";
import type { HistoryMessage } from "../../folds/history.ts";
import { routed } from "../../folds/routes.ts";
import type { Llm } from "../../providers/llm.port.ts";
import type { AgentParts } from "../agent-parts.ts";

/** Whom a request is put to, in order, and what stands in the log of why. */
export interface ModelRoute {
  readonly models: readonly Llm[];
  readonly told: { readonly level?: ComplexityLevel; readonly rule?: TurnRule };
}

export function modelRoute(
  { models, routing, tools }: AgentParts,
  messages: readonly HistoryMessage[],
  language: string,
): ModelRoute {
  if (!routing) return { models, told: {} };
  const specs = tools.map(({ spec }) => spec);
  const told = judgeTurn({ ...turnOf(messages), tools: specs, language }, routing.settings);
  return { models: routed(routing.levels, told.level), told };
}
