import type { Plan } from "../actors/effect-table.ts";
import { SentenceSplitter } from "../actors/effects/sentences.ts";
import { canonicalJson } from "../base/digest.ts";
import type { Json, LogRecord } from "../events/record.ts";
import {
  historyFor,
  messagesOf,
  withContext,
  type History,
  type ReplyInput,
} from "../folds/history.ts";
import type { ReplyRun, Transcript } from "../folds/transcript.ts";
import { isRules, type RuleAnswer } from "./rules.ts";
import { agentOf, type VoiceAgent } from "./voice-agent.ts";

/** Whether rules alone answer for it, so that they can be asked again. */
export function answersByRules({ models, routing }: VoiceAgent): boolean {
  return routing === null && models.length > 0 && models.every(isRules);
}

/**
 * Rules answer a request by its messages alone, so the requests of an old call can be put to them
 * once more: no clock and no network.
 */
export class AskedRules {
  readonly #agent: VoiceAgent;
  readonly #asked = new Map<string, { readonly input: ReplyInput; history: History }>();
  #isErased = false;

  constructor(agent: VoiceAgent) {
    this.#agent = agent;
  }

  /** The first answer that is another one; `transcript` and `plan` are those after the record. */
  add(
    { input, text, textDigest }: LogRecord,
    { start }: Pick<Plan, "start">,
    transcript: Transcript,
  ): { readonly what: string; readonly before: string; readonly now: string } | undefined {
    if (textDigest !== undefined && !text) this.#isErased = true;
    for (const { id, src, input: reply } of start) {
      const asked = reply as ReplyInput;
      if (src !== "reply" || asked.saying !== null) continue;
      if (answersByRules(agentOf(this.#agent, asked.agent)))
        this.#asked.set(id, { input: asked, history: historyFor(transcript, asked) });
    }
    const effect = input["effect"] as string;
    const one = this.#asked.get(effect);
    if (!one || this.#isErased) return undefined;
    const event = input["event"] as { readonly type: string; readonly how?: string } | undefined;
    const given = (text?.value as { readonly text?: string } | undefined)?.text;
    if (event?.type === "reply.context" && event.how === "done" && given)
      one.history = withContext(one.history, given);
    if (input.type !== "effect.ended") return undefined;
    this.#asked.delete(effect);
    const run = transcript.turns.get(one.input.turn)?.runs.find((r) => r.effect === effect);
    const how = input["how"] as string;
    if (!run || (how !== "done" && how !== "stopped")) return undefined;
    return this.#compare(run, one, how === "done");
  }

  #compare(
    run: ReplyRun,
    { input, history }: { readonly input: ReplyInput; readonly history: History },
    isWhole: boolean,
  ) {
    const now = this.#ask(input.agent, history);
    const [tool] = run.toolCalls;
    const before = tool ? callWords(tool.name, tool.input) : spoken(run);
    // Of an answer that was cut, the log has only what had been said until then.
    if (before === now || (!isWhole && !tool && now.startsWith(before))) return undefined;
    return { what: `the answer of the rules in turn ${input.turn}`, before, now };
  }

  #ask(name: string, history: History): string {
    const [rules] = agentOf(this.#agent, name).models.filter(isRules);
    try {
      return answerWords(rules!.answer(messagesOf(history)));
    } catch (error) {
      return `an error: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

function spoken({ segments }: ReplyRun): string {
  return segments.map(({ text }) => text).join(" ");
}

/** Cut into sentences as the log has it. */
function answerWords(answer: RuleAnswer): string {
  if ("tool" in answer) return callWords(answer.tool, answer.input);
  const splitter = new SentenceSplitter();
  const words = answer.text.match(/\S+\s*/g) ?? [];
  return [...words.flatMap((word) => [...splitter.push(word)]), ...splitter.finish()].join(" ");
}

function callWords(tool: string, input: Json): string {
  return `the tool ${tool} ${canonicalJson(input)}`;
}
