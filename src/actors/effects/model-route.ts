import type { TurnRule } from "../../events/routing.events.ts";
import { judgeTurn, turnOf, type Judged } from "../../folds/complexity.ts";
import type { HistoryMessage } from "../../folds/history.ts";
import { routed, type Routing } from "../../folds/routes.ts";
import type { Llm } from "../../providers/llm.port.ts";
import type { Tool } from "../../providers/tool.port.ts";
import type { AgentParts } from "../agent-parts.ts";

/** Whom a request is put to, in order, and what stands in the log of why. */
export interface ModelRoute {
  readonly models: readonly Llm[];
  readonly told: Partial<Judged<TurnRule>>;
}

export function modelRoute(
  parts: AgentParts,
  messages: readonly HistoryMessage[],
  language: string,
): ModelRoute {
  const told = judgeRequest(parts, messages, language);
  if (!told || !parts.routing) return { models: parts.models, told: {} };
  return { models: routed(parts.routing.levels, told.level), told };
}

/** What an agent's rules make of a request; undefined where it has no levels. */
export function judgeRequest(
  { routing, tools }: { routing?: Routing<unknown> | null; readonly tools: readonly Tool[] },
  messages: readonly HistoryMessage[],
  language: string,
): Judged<TurnRule> | undefined {
  if (!routing) return undefined;
  const specs = tools.map(({ spec }) => spec);
  return judgeTurn({ ...turnOf(messages), tools: specs, language }, routing.settings);
}
