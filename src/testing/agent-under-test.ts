import type { AgentParts } from "../actors/agent-parts.ts";
import { partsOf, type VoiceAgent } from "../agent/voice-agent.ts";
import type { SimulatedClock } from "../base/clock.ts";
import { durationMs, type Duration } from "../base/duration.ts";
import type { Llm } from "../providers/llm.port.ts";
import { createReceptionist } from "../providers/local/receptionist/receptionist.llm.ts";
import { ScriptedTts } from "../providers/scripted/scripted-mouth.ts";
import { withFakes, type Fake, type ToolCallSeen } from "./fakes.ts";
import { ScriptedModel } from "./scripted-model.ts";

/** How a test is to be different from the real thing. */
export interface SimulateOptions {
  /** Answers in the place of the agent's models: `scripted([...])`, `rules([...])` or any model. */
  readonly llm?: ScriptedModel | Llm;
  /** Functions in the place of the agent's tools, by their names; the others run as they are. */
  readonly tools?: Readonly<Record<string, Fake>>;
  /** The caller's name in the room. */
  readonly caller?: string;
  /** How long the agent's voice takes for a word; default `'400ms'`. */
  readonly wordTakes?: Duration;
}

/** What the agent's own code did. */
interface Noted {
  readonly clock: SimulatedClock;
  readonly seen: ToolCallSeen[];
  readonly errors: unknown[];
}

/** An agent's parts on virtual time, with the test's own in their places. */
export function simulatedParts(
  agent: VoiceAgent,
  { llm, tools = {}, wordTakes = "400ms" }: SimulateOptions,
  noted: Noted,
): AgentParts {
  const { clock, errors } = noted;
  const model = llm instanceof ScriptedModel ? llm.open(clock) : llm;
  const wordMs = durationMs(wordTakes, "wordTakes");
  const shelf = { models: { receptionist: createReceptionist() }, voices: {} };
  const own = model ? { ...agent, models: [model] } : agent;
  const { models, hooks } = partsOf({ ...own, voices: [] }, shelf);
  const told = (error: unknown): never => {
    errors.push(error);
    throw error;
  };
  return {
    models: models.map((one) => (models.length === 1 ? telling(one, told) : one)),
    voices: [{ tts: new ScriptedTts(clock, { wordMs }), name: "scripted" }],
    tools: withFakes(agent.tools, tools, noted),
    hooks: {
      ...(hooks.beforeReply && {
        beforeReply: (turn, context) =>
          clock.hold(Promise.try(() => hooks.beforeReply?.(turn, context)).catch(told)),
      }),
      ...(hooks.afterTurn && {
        afterTurn: (turn, context) =>
          clock.hold(Promise.try(() => hooks.afterTurn?.(turn, context)).catch(told)),
      }),
    },
  };
}

/** A model whose errors are told; one that a script lets fail, or that has a second one, is not. */
function telling(llm: Llm, told: (error: unknown) => never): Llm {
  return {
    provider: llm.provider,
    model: llm.model,
    stream: async function* (request, signal) {
      try {
        yield* llm.stream(request, signal);
      } catch (error) {
        if (signal.aborted || isScripted(error)) throw error;
        told(error);
      }
    },
  };
}

function isScripted(error: unknown): boolean {
  return error instanceof Error && error.message === "the scripted model failed";
}
