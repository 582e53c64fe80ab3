import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import type { Llm, LlmEvent, LlmMessage, LlmRequest } from "../providers/llm.port.ts";

/**
 * A model made of rules: for agents that run with no network and no key, and for tests. It is no
 * language model, and says so where no rule fits. The answer is a function of the request alone, so
 * a replay or a takeover gets the same one.
 */
export interface Rule {
  /** A text the caller's words hold, whatever its case, or a pattern they match. */
  readonly when: string | RegExp;
  /** Only where the agent's last words hold or match this: it hears the answer to a question. */
  readonly asked?: string | RegExp;
  /** The answer; without `say` and with `call`, the tool's result is told by `tell`. */
  readonly say?: string | ((turn: RuleTurn) => string);
  /** A tool of the agent to run first. */
  readonly call?: RuleCall;
  /**
   * What is said of the tool's output; `{day}` in a text is its field `day`. Default: that it is
   * done.
   */
  readonly tell?: string | ((output: RuleOutput, turn: RuleTurn) => string);
}

export interface RuleCall {
  readonly tool: string;
  /** Default: no input, `{}`. */
  readonly input?: (turn: RuleTurn) => Json;
}

/** A tool's output, its fields at hand; where it is no object it stands in `value`. */
export type RuleOutput = Readonly<Record<string, Json>>;

export interface RuleTurn {
  /** The caller's words of this turn. */
  readonly text: string;
  /** What `when` found in them. */
  readonly match: RegExpMatchArray;
  /** What the hook `beforeReply` gave, or `""`. */
  readonly context: string;
  readonly messages: readonly LlmMessage[];
}

export interface RulesOptions {
  /** Said where no rule fits. */
  readonly otherwise?: string;
}

const OTHERWISE = "I am a small set of rules and no language model. I have no rule for that.";
const PENDING = "One moment, please.";
const FAILED = "I am sorry, that did not work.";

/** Names the tools it may call, so that an agent can be checked for them. */
export interface RulesLlm extends Llm {
  readonly calls: readonly string[];
  readonly rules: readonly Rule[];
  /** What `stream` gives, at once. */
  answer(messages: readonly LlmMessage[]): RuleAnswer;
}

export type RuleAnswer =
  | { readonly text: string }
  | { readonly tool: string; readonly input: Json };

/** Whether `rules` has made it: it answers the same request with the same words. */
export function isRules(model: string | Llm): model is RulesLlm {
  return typeof model === "object" && Array.isArray((model as Partial<RulesLlm>).rules);
}

/** The first rule that fits answers. Error `config.invalid` where one says and does nothing. */
export function rules(
  list: readonly Rule[],
  { otherwise = OTHERWISE }: RulesOptions = {},
): RulesLlm {
  for (const [index, { say, call }] of list.entries())
    if (say === undefined && call === undefined)
      throw new AppError("config.invalid", `rules[${index}]: give it \`say\` or \`call\``);
  const answer = (messages: readonly LlmMessage[]): RuleAnswer =>
    answerTo(messages, list, otherwise);
  return {
    provider: "local",
    model: "rules",
    rules: list,
    calls: [...new Set(list.flatMap(({ call }) => (call ? [call.tool] : [])))],
    // Answered within the stream, where what a rule throws is a failure of this model.
    stream: (request, signal) => stream(() => answer(request.messages), request, signal),
    answer,
  };
}

async function* stream(
  answerOf: () => RuleAnswer,
  { messages }: LlmRequest,
  signal: AbortSignal,
): AsyncIterable<LlmEvent> {
  await Promise.resolve();
  if (signal.aborted) return;
  const answer = answerOf();
  if ("tool" in answer) {
    const { tool: name, input } = answer;
    const n = messages.filter(({ role }) => role === "tool").length + 1;
    yield { type: "toolCall", call: { id: `${name}-${n}`, name, input } };
  } else {
    for (const text of answer.text.match(/\S+\s*/g) ?? []) yield { type: "text", text };
  }
  const none = { inputTokens: 0, outputTokens: 0, estimated: false };
  yield { type: "usage", usage: { provider: "local", model: "rules", ...none } };
}

function answerTo(
  messages: readonly LlmMessage[],
  list: readonly Rule[],
  otherwise: string,
): RuleAnswer {
  const at = messages.findLastIndex(({ role }) => role === "user");
  const heard = messages[at];
  if (heard?.role !== "user") return { text: otherwise };
  const found = ruleFor(list, messages, at);
  if (!found) return { text: otherwise };
  const { rule, turn } = found;
  const result = messages.slice(at + 1).findLast((message) => message.role === "tool");
  if (rule.call && !result) return { tool: rule.call.tool, input: rule.call.input?.(turn) ?? {} };
  if (rule.call && result) return { text: told(rule, result.output, turn) };
  return { text: typeof rule.say === "function" ? rule.say(turn) : (rule.say ?? otherwise) };
}

function ruleFor(list: readonly Rule[], messages: readonly LlmMessage[], at: number) {
  const { text } = messages[at] as LlmMessage & { role: "user" };
  const said = messages.slice(0, at).findLast(({ role }) => role === "assistant");
  const lastWords = said?.role === "assistant" ? said.text : "";
  for (const rule of list) {
    if (rule.asked !== undefined && !find(rule.asked, lastWords)) continue;
    const match = find(rule.when, text);
    if (match) return { rule, turn: { text, match, context: contextAt(messages, at), messages } };
  }
  return undefined;
}

/** A hook's words stand right before the caller's; the first message is the instructions. */
function contextAt(messages: readonly LlmMessage[], at: number): string {
  const before = at > 1 ? messages[at - 1] : undefined;
  return before?.role === "system" ? before.text : "";
}

function find(what: string | RegExp, text: string): RegExpMatchArray | null {
  const pattern = typeof what === "string" ? new RegExp(RegExp.escape(what), "i") : what;
  pattern.lastIndex = 0;
  return text.match(pattern);
}

function told({ tell, say }: Rule, output: Json, turn: RuleTurn): string {
  const fields = isObject(output) ? output : { value: output };
  if (fields["status"] === "pending") return PENDING;
  if (typeof tell === "function") return tell(fields, turn);
  if (fields["error"] !== undefined) return FAILED;
  if (tell !== undefined) return tell.replace(/\{(\w+)\}/g, (_, name) => textOf(fields[name]));
  return typeof say === "function" ? say(turn) : (say ?? "That is done.");
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function isObject(value: Json): value is RuleOutput {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
