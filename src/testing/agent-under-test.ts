import type { AgentParts } from "../actors/agent-parts.ts";
import { routedParts, type ModelChoice } from "../agent/routing.ts";
import { partsOf, type VoiceAgent } from "../agent/voice-agent.ts";
import type { SimulatedClock } from "../base/clock.ts";
import { durationMs, type Duration } from "../base/duration.ts";
import { toAppError } from "../base/errors.ts";
import { levelsOf } from "../folds/routes.ts";
import type { Llm, LlmEvent } from "../providers/llm.port.ts";
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
  /** Errors of the agent's own tools that are meant; any other fails the test. */
  readonly toolErrors?: RegExp;
  /** The caller's name in the room. */
  readonly caller?: string;
  /** How long the agent's voice takes for a word; default `'400ms'`. */
  readonly wordTakes?: Duration;
}

/** What the agent's own code did. */
interface Noted {
  readonly clock: SimulatedClock;
  readonly seen: ToolCallSeen[];
  readonly errors: Thrown[];
}

/** An error of the agent's own code, and which part of it threw. */
export interface Thrown {
  readonly by: string;
  readonly error: unknown;
}

/** An agent's parts on virtual time, with the test's own in their places. */
export function simulatedParts(
  agent: VoiceAgent,
  { llm, tools = {}, toolErrors, wordTakes = "400ms" }: SimulateOptions,
  noted: Noted,
): AgentParts {
  const { clock, errors } = noted;
  const isScripted = llm instanceof ScriptedModel;
  const wordMs = durationMs(wordTakes, "wordTakes");
  const shelf = { models: { receptionist: createReceptionist() }, voices: {} };
  const given = isScripted ? llm.open(clock, (error) => errors.push({ by: "model", error })) : llm;
  const own = given ? { ...agent, ...onlyModel(agent, given) } : agent;
  const { models, hooks } = partsOf({ ...own, voices: [] }, shelf);
  const told =
    (by: string) =>
    (error: unknown): never => {
      errors.push({ by, error });
      throw error;
    };
  const toolTold = (name: string, error: unknown): void => {
    const { message } = toAppError(error, "tool.failed");
    if (toolErrors && message.search(toolErrors) >= 0) return;
    errors.push({ by: `tool ${name}`, error });
  };
  // Where another model is left to ask, that one fails is part of the call.
  const failed = models.length === 1 ? told("model") : rethrow;
  const asked = isScripted ? models : models.map((one) => watched(one, { clock, told: failed }));
  return {
    models: asked,
    ...routedParts(own, asked),
    voices: [{ tts: new ScriptedTts(clock, { wordMs }), name: "scripted" }],
    tools: withFakes(agent.tools, tools, { ...noted, told: toolTold }),
    hooks: {
      ...(hooks.beforeReply && {
        beforeReply: (turn, context) =>
          clock.hold(
            Promise.try(() => hooks.beforeReply?.(turn, context)).catch(told("hook beforeReply")),
          ),
      }),
      ...(hooks.afterTurn && {
        afterTurn: (turn, context) =>
          clock.hold(
            Promise.try(() => hooks.afterTurn?.(turn, context)).catch(told("hook afterTurn")),
          ),
      }),
    },
  };
}

/** One model in the place of all; what level a turn has is found all the same. */
function onlyModel({ routing }: VoiceAgent, model: Llm): Pick<VoiceAgent, "models" | "routing"> {
  const levels = levelsOf<ModelChoice>({ simple: model, complex: model });
  return { models: [model], routing: routing && { ...routing, levels } };
}

function rethrow(error: unknown): never {
  throw error;
}

interface Watching {
  readonly clock: SimulatedClock;
  readonly told: (error: unknown) => never;
}

/** Time stands still while it waits for the real world, and its errors are the test's matter. */
function watched(llm: Llm, { clock, told }: Watching): Llm {
  return {
    provider: llm.provider,
    model: llm.model,
    stream: async function* (request, signal) {
      let events: AsyncIterator<LlmEvent> | undefined;
      try {
        events = llm.stream(request, signal)[Symbol.asyncIterator]();
        for (;;) {
          const next = await clock.hold(events.next());
          if (next.done) return;
          yield next.value;
        }
      } catch (error) {
        if (signal.aborted) throw error;
        told(error);
      } finally {
        await events?.return?.();
      }
    },
  };
}
