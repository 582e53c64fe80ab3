import type { Clock } from "../base/clock.ts";
import { canonicalJson } from "../base/digest.ts";
import { durationMs, type Duration } from "../base/duration.ts";
import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import type { Llm, LlmMessage, LlmRequest } from "../providers/llm.port.ts";
import { ScriptedLlm, type ScriptedAnswer } from "../providers/scripted/scripted-mouth.ts";

/**
 * A model whose answers are written down, one for each time it is really asked: a request that is
 * made anew for the same answer, as a speculative one is, gets the same again.
 */
export type Answer = string | AnswerSpec;

export interface AnswerSpec {
  /** Meant for these words of the caller: it is given to them before its turn has come. */
  readonly to?: string;
  readonly say?: string;
  readonly call?: ScriptedCall | readonly ScriptedCall[];
  /** From request to first words; default `'300ms'`. */
  readonly after?: Duration;
  /** The model breaks instead. */
  readonly fails?: boolean;
}

export interface ScriptedCall {
  readonly tool: string;
  readonly input?: Json;
}

export type AnswerList = readonly Answer[] | ((request: LlmRequest, index: number) => Answer);

export interface ScriptedOptions {
  /** Given once the answers are used up; without it that is an error of the test. */
  readonly otherwise?: Answer;
}

export class ScriptedModel {
  readonly #answers: AnswerList;
  readonly #known = new Map<string, number>();
  readonly #used = new Set<number>();
  /** Every request, in order, those that came to nothing too. */
  readonly requests: LlmRequest[] = [];

  readonly #otherwise: Answer | undefined;

  constructor(answers: AnswerList, { otherwise }: ScriptedOptions = {}) {
    this.#answers = answers;
    this.#otherwise = otherwise;
  }

  /** Answers that were never asked for. */
  get unused(): number {
    return typeof this.#answers === "function"
      ? 0
      : Math.max(0, this.#answers.length - this.#used.size);
  }

  /** `told`: of a script that is used up, which is no failure of a provider. */
  open(clock: Clock, told: (error: unknown) => void): Llm {
    return new ScriptedLlm(clock, (request) => {
      try {
        return this.#answer(request);
      } catch (error) {
        told(error);
        throw error;
      }
    });
  }

  /** The answer of this place in the conversation; the next one where nothing was asked there. */
  #indexOf(messages: readonly LlmMessage[]): number {
    const list = typeof this.#answers === "function" ? [] : this.#answers;
    const place = canonicalJson(conversationOf(messages));
    const words = wordsOf(messages);
    const exact = `${place} ${words}`;
    const meant = list.findIndex((one, i) => !this.#used.has(i) && isTo(one, words));
    let next = 0;
    while (this.#used.has(next)) next++;
    const known = this.#known.get(exact) ?? (meant >= 0 ? meant : this.#known.get(place));
    const index = known ?? next;
    this.#known.set(exact, index).set(place, index);
    this.#used.add(index);
    return index;
  }

  #answer(request: LlmRequest): ScriptedAnswer {
    this.requests.push(request);
    const list = this.#answers;
    const index = this.#indexOf(request.messages);
    const answer =
      typeof list === "function" ? list(request, index) : (list[index] ?? this.#otherwise);
    if (answer !== undefined) return toScripted(answer, index);
    const count = (list as readonly Answer[]).length;
    const more = `the model was asked for answer ${index + 1}, and the script has ${count}`;
    throw new AppError("provider.failed", more);
  }
}

function wordsOf(messages: readonly LlmMessage[]): string {
  const last = messages.findLast(({ role }) => role === "user");
  return last?.role === "user" ? last.text : "";
}

function isTo(answer: Answer | undefined, words: string): boolean {
  return typeof answer === "object" && answer.to === words;
}

/** What was said before the caller's last words: it stays where the same answer is asked again. */
function conversationOf(messages: readonly LlmMessage[]): readonly LlmMessage[] {
  const last = messages.findLastIndex(({ role }) => role === "user");
  return messages.filter(({ role }, index) => role !== "system" && index !== last);
}

function toScripted(answer: Answer, index: number): ScriptedAnswer {
  const { say, call = [], after, fails } = typeof answer === "string" ? { say: answer } : answer;
  const calls = [call].flat() as readonly ScriptedCall[];
  return {
    ...(say !== undefined && { text: say }),
    toolCalls: calls.map(({ tool, input = {} }, n) => ({
      id: `scripted-${index}-${n}`,
      name: tool,
      input,
    })),
    ...(after !== undefined && { afterMs: durationMs(after, "after") }),
    ...(fails !== undefined && { fails }),
  };
}

/** Answers in the order the model is asked for them. */
export function scripted(answers: AnswerList, options: ScriptedOptions = {}): ScriptedModel {
  return new ScriptedModel(answers, options);
}
