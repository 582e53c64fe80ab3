/** The public API of the package `turnfold`: all it promises, and nothing else. */
export { handoff, hangUp, tool } from "./agent/tool.ts";
export type { ToolDefinition, ToolOptions } from "./agent/tool.ts";
export { rules } from "./agent/rules.ts";
export type { Rule, RuleCall, RuleOutput, RulesOptions, RuleTurn } from "./agent/rules.ts";
export type { ModelChoice, ModelLevels } from "./agent/routing.ts";
export { voiceAgent } from "./agent/voice-agent.ts";
export type { AgentOptions, TurnOptions, VoiceAgent } from "./agent/voice-agent.ts";
export type { Started, StartOptions } from "./cli/serve.ts";
export { start } from "./start.ts";
export type { DispatchOptions } from "./cli/dispatch-room.ts";
export { dispatch } from "./dispatch.ts";
export type { Dispatched } from "./fleet/dispatch.ts";
export type { TellOptions } from "./cli/tell-call.ts";
export { tell } from "./tell.ts";
export type { CommandDone as Told, CommandRequest as TellCommand } from "./events/fleet.events.ts";
export type { AfterTurn, BeforeReply, HookContext, Hooks } from "./actors/agent-parts.ts";
export type { Duration } from "./base/duration.ts";
export { AppError } from "./base/errors.ts";
export type { ErrorCode } from "./base/errors.ts";
export type { RoutingOptions } from "./events/routing.events.ts";
export type { CallRef, Json, LogRecord } from "./events/record.ts";
export type { TurnSummary } from "./folds/turns.ts";
export type { Llm, LlmEvent, LlmMessage, LlmRequest, ToolCall } from "./providers/llm.port.ts";
export type { ToolContext, ToolResult } from "./providers/tool.port.ts";
/** For the schemas of tools; the same zod that turnfold checks with. */
export { z } from "zod";
