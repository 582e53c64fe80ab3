import type { ToolDirective } from "../events/effect.events.ts";
import type { RoomEvent } from "../events/room.events.ts";
import type { Send } from "./host-actions.ts";
import { agentNow, textOf, toTurn, type RoomContext, type RunningTool } from "./room.rules.ts";

/** The room's rules of tools, of who goes on with the call, and of hooks after turns. */
export function childOf(event: RoomEvent): string {
  return "child" in event ? event.child : "";
}

export function howOf(event: RoomEvent): string {
  return "how" in event ? event.how : "";
}

/** The tool whose end this is. */
export function toolOf({ tools }: RoomContext, event: RoomEvent): RunningTool | undefined {
  return tools.find(({ call }) => `tool.${call}` === childOf(event));
}

export function toolResult(context: RoomContext, event: RoomEvent): Send {
  const tool = toolOf(context, event);
  const { agent } = context;
  return toTurn(tool?.n ?? 0, { type: "tool.result", call: tool?.call ?? "", agent });
}

/** A call that joined a pending write whose result is there. */
export function joinedTool({ tools }: RoomContext): RunningTool | undefined {
  return tools.find((t) => t.state === "joined" && !tools.some(({ call }) => call === t.joins));
}

export function joinedResult(context: RoomContext): Send {
  const { agent } = context;
  const tool = joinedTool(context);
  return toTurn(tool?.n ?? 0, { type: "tool.result", call: tool?.call ?? "", agent });
}

export function newTools(context: RoomContext, event: RoomEvent): readonly RunningTool[] {
  if (event.type !== "tools.requested") return context.tools;
  const { n, agent } = event;
  const added = event.calls.map((call) => ({
    ...call,
    n,
    agent,
    state: call.joins === "" ? ("wanted" as const) : ("joined" as const),
  }));
  return [...context.tools, ...added];
}

export type ToolState = RunningTool["state"];

/** What a tool's result says beside its output: who goes on, and whether the call is to end. */
function directiveOf(event: RoomEvent): ToolDirective {
  return event.type === "tool.ended" && event.how === "done"
    ? ((event.result ?? {}) as ToolDirective)
    : {};
}

/** The call ends with the turn that asked for it; without one, at once. */
export function hangsUp(event: RoomEvent): boolean {
  return directiveOf(event).hangUp === true;
}

export function afterTool(context: RoomContext, event: RoomEvent): Partial<RoomContext> {
  const to = directiveOf(event).handoff;
  const agent = to === context.agentName ? "" : to;
  const settings = agent === undefined ? undefined : context.agents[agent];
  return {
    ...(agent !== undefined && settings && { agent, settings }),
    ...(hangsUp(event) &&
      (context.older !== null || context.newer === null) &&
      context.reason === "" && {
        lastTurn: context.older?.n ?? null,
        reason: "the agent hung up",
      }),
  };
}

/** The listening turn asks the agent that goes on with the call. */
export function tellAgent(context: RoomContext): Send {
  const { newer, agent, settings } = context;
  const filler = textOf(context, "filler");
  return toTurn(newer ?? 0, { type: "agent.changed", agent, filler, settings });
}

export function handsOver(event: RoomEvent): boolean {
  return directiveOf(event).handoff !== undefined;
}

/** The first hook that is to be started is running. */
export function startHook({ afterTurns }: RoomContext): RoomContext["afterTurns"] {
  const first = afterTurns.findIndex(({ running }) => !running);
  return afterTurns.map((hook, i) => (i === first ? { ...hook, running: true } : hook));
}

/** One that was lost with its owner runs again, under the same key. */
export function endHook({ afterTurns }: RoomContext, event: RoomEvent): RoomContext["afterTurns"] {
  if (event.type !== "hook.ended") return afterTurns;
  const [n, lost] = [Number(event.child.replace("afterTurn.", "")), event.how === "lost"];
  return afterTurns
    .filter((hook) => lost || hook.n !== n)
    .map((hook) => (hook.n === n ? { n, running: false } : hook));
}

/** The first tool of one state goes on to the next. */
export function moveTool(
  { tools }: RoomContext,
  from: ToolState,
  to: ToolState,
): readonly RunningTool[] {
  const first = tools.findIndex((tool) => tool.state === from);
  return tools.map((tool, i) => (i === first ? { ...tool, state: to } : tool));
}

/** An edited agent goes on where the old one was, if it is still there. */
export function editAgent(context: RoomContext, event: RoomEvent): Partial<RoomContext> {
  if (event.type !== "command.agent") return {};
  const now = agentNow(event);
  const settings = now.agents[context.agent];
  return settings ? { ...now, settings } : { ...now, agent: "" };
}

/** A tool works for the caller, or the agent is muted: nobody waits for the caller to speak. */
export function isOccupied({ tools, muted }: RoomContext): boolean {
  return muted || tools.length > 0;
}

export function changeSettings({ settings }: RoomContext, n: number | null): Send {
  return toTurn(n ?? 0, { type: "settings.changed", settings });
}
