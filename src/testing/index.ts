import type { VoiceAgent } from "../agent/voice-agent.ts";
import type { SimulateOptions } from "./agent-under-test.ts";
import { SimulatedCall } from "./simulated-call.ts";

/** The public API of `turnfold/test`: whole calls on virtual time; no key, no network, no sleep. */
export type { Duration } from "../base/duration.ts";
export type { TurnSummary } from "../folds/turns.ts";
export type { PlayedAct, Words } from "./caller.ts";
export type { SimulateOptions } from "./agent-under-test.ts";
export { after, returns } from "./fakes.ts";
export type { After, Fake } from "./fakes.ts";
export { scripted } from "./scripted-model.ts";
export type {
  Answer,
  AnswerList,
  AnswerSpec,
  ScriptedCall,
  ScriptedModel,
  ScriptedOptions,
} from "./scripted-model.ts";
export type { BargeInOptions, OfTurn, SaysOptions, SimulatedCall } from "./simulated-call.ts";
export type { ToolRuns } from "./tool-runs.ts";

/** Opens a call with the agent; the caller has joined and the agent may begin to greet. */
export function simulate(agent: VoiceAgent, options: SimulateOptions = {}): Promise<SimulatedCall> {
  return SimulatedCall.open(agent, options);
}
