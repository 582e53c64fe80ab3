import { tokensIn } from "../../../base/tokens.ts";
import { shortHash, canonicalJson } from "../../../base/digest.ts";
import { AppError } from "../../../base/errors.ts";
import type { Json } from "../../../events/record.ts";
import type { Llm, LlmEvent, LlmMessage, LlmRequest, LlmUsage } from "../../llm.port.ts";
import { hear } from "./dialogue.ts";
import { parseClockTime, WEEKDAYS } from "./facts.ts";
import { createState, say, tableText } from "./state.ts";
import type { Booked, Call, State, Step } from "./state.ts";

/**
 * A small rule-based model that plays the receptionist of a fictional restaurant: it lets a call
 * run with no network and no key. It is not a large language model, and says so when asked.
 *
 * I1 the answer is a function of the request: all state is folded from its messages each time, so
 *    replay and takeover work; no clock, no chance.
 * I2 only a tool's recorded result makes a booking real, never the asking for it.
 */
const PROVIDER = "local";
const MODEL = "receptionist-1";

export function createReceptionist(): Llm {
  return { provider: PROVIDER, model: MODEL, stream };
}

async function* stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent> {
  const { state, call } = lastStep(request);
  if (call) {
    // Distinct by what is asked for and by how often: a repeat is a new call.
    const n = request.messages.filter((message) => message.role === "tool").length + 1;
    const id = `${call.name}-${n}-${shortHash(canonicalJson(call.input))}`;
    yield { type: "toolCall", call: { id, name: call.name, input: call.input } };
  } else {
    for (const chunk of state.reply.match(/\S+\s*/g) ?? []) {
      if (signal.aborted) throw new AppError("effect.stopped", "aborted");
      yield { type: "text", text: chunk };
    }
  }
  yield { type: "usage", usage: usageOf(request, call ? canonicalJson(call.input) : state.reply) };
}

function usageOf(request: LlmRequest, output: string): LlmUsage {
  const inputChars = request.messages.reduce(
    (sum, message) =>
      sum + (message.role === "tool" ? canonicalJson(message.output) : message.text).length,
    0,
  );
  return {
    provider: PROVIDER,
    model: MODEL,
    inputTokens: tokensIn(inputChars),
    outputTokens: tokensIn(output.length),
    estimated: true,
  };
}

/** The step the last user or tool message led to; with neither, the greeting. */
function lastStep({ messages, tools }: LlmRequest): Step {
  let step: Step = { state: createState(new Set(tools.map((tool) => tool.name))) };
  const calls = new Map<string, Call>();
  for (const message of messages) step = fold(step, message, calls);
  return step;
}

function fold(step: Step, message: LlmMessage, calls: Map<string, Call>): Step {
  // A call that stands in no assistant message was cut off before it was made.
  const state: State = step.call ? { ...step.state, waiting: false } : step.state;
  switch (message.role) {
    case "system": {
      const today = /\btoday is (?:a )?(\w+day)\b/i.exec(message.text)?.[1]?.toLowerCase();
      const weekday = WEEKDAYS.find((day) => day.toLowerCase() === today);
      return weekday ? { ...step, state: { ...step.state, today: weekday } } : step;
    }
    case "user":
      return hear(state, message.text);
    case "assistant": {
      const made = message.toolCalls ?? [];
      for (const { id, name, input } of made) calls.set(id, { name, input } as Call);
      return made.length > 0 ? { state: { ...state, waiting: true } } : step;
    }
    case "tool":
      return hearResult(state, calls.get(message.callId), message);
  }
}

type ToolMessage = LlmMessage & { readonly role: "tool" };

function hearResult(state: State, made: Call | undefined, { name, output }: ToolMessage): Step {
  const result = toObject(output);
  // The host reports a tool that has not ended as pending; its result comes in a later request.
  if (result["status"] === "pending") {
    const reply = "One moment please, I am still writing that down.";
    return { state: { ...state, waiting: true, reply } };
  }
  const ended: State = { ...state, waiting: false };
  if (name === "cancel_booking") return hearCancelled(ended, made, result);
  const booked = toBooked(result);
  if (booked) {
    const lead = result["changed"] === true ? "Done, it is changed:" : "Done, you have";
    return say(ended, `${lead} ${tableText(booked)}. Your reference is ${booked.reference}.`, {
      mode: "idle",
      draft: {},
      booked,
      target: undefined,
      asked: "more",
    });
  }
  if (result["reason"] === "not found") return notFound(ended);
  return failed(ended, made, "the booking did not go through");
}

function hearCancelled(
  state: State,
  made: Call | undefined,
  result: { readonly [key: string]: Json },
): Step {
  const booked = toBooked(result);
  if (result["cancelled"] === true && booked)
    return say(state, `Your booking for ${tableText(booked)} is cancelled. Anything else?`, {
      mode: "idle",
      draft: {},
      target: undefined,
      booked: state.booked?.reference === booked.reference ? undefined : state.booked,
      asked: "more",
    });
  if (result["cancelled"] === false) return notFound(state);
  return failed(state, made, "I could not cancel it");
}

function notFound(state: State): Step {
  return say(state, "I cannot find that booking. What name or reference is it under?", {
    target: undefined,
    asked: "booking",
  });
}

function failed(state: State, made: Call | undefined, what: string): Step {
  return say(state, `I am sorry, ${what}. Shall I try again?`, { asked: "retry", failed: made });
}

function toBooked(result: { readonly [key: string]: Json }): Booked | undefined {
  const { reference, name, day, time, people } = result;
  const timeMin = typeof time === "string" ? parseClockTime(time) : undefined;
  if (typeof reference !== "string" || typeof name !== "string" || typeof day !== "string")
    return undefined;
  if (typeof people !== "number" || timeMin === undefined) return undefined;
  return { reference, name, day, timeMin, people };
}

function toObject(output: Json): { readonly [key: string]: Json } {
  const isObject = typeof output === "object" && output !== null && !Array.isArray(output);
  return isObject ? (output as { readonly [key: string]: Json }) : {};
}
