import { canonicalJson, digest, shortHash } from "../base/digest.ts";
import type { Json } from "../events/record.ts";
import type { TurnEnded } from "../events/turn.events.ts";
import type { Transcript, TurnTranscript } from "./transcript.ts";

/**
 * The messages of a model request, folded from the transcript. Only what was heard stands in an
 * assistant's message; what was cut is noted beside it, never inside, as models imitate markers.
 */
export type HistoryMessage =
  | { readonly role: "system" | "user"; readonly text: string }
  | {
      readonly role: "assistant";
      readonly text: string;
      readonly toolCalls?: readonly {
        readonly id: string;
        readonly name: string;
        readonly input: Json;
      }[];
    }
  | {
      readonly role: "tool";
      readonly callId: string;
      readonly name: string;
      readonly output: Json;
    };

export interface ReplyInput {
  readonly turn: number;
  readonly key: string;
  readonly saying: readonly string[] | null;
  readonly refs: readonly string[];
  readonly speculative: boolean;
  /** Who answers; `""` is the agent the call began with. */
  readonly agent: string;
}

export const CUT_NOTE = "The user interrupted you here; they did not hear the rest.";

export function historyFor(transcript: Transcript, input: ReplyInput): readonly HistoryMessage[] {
  const messages: HistoryMessage[] = [];
  const own = input.agent && transcript.textOf(`${input.agent}/instructions`);
  const instructions = own || transcript.textOf("instructions");
  if (instructions) messages.push({ role: "system", text: instructions });
  for (let n = 1; n < input.turn; n++) {
    const earlier = transcript.turns.get(n);
    if (earlier) for (const message of messagesOf(transcript, earlier)) messages.push(message);
  }
  for (const ref of transcript.instructions)
    messages.push({ role: "system", text: transcript.textOf(ref) });
  pushUser(messages, transcript, input.refs);
  const turn = transcript.turns.get(input.turn);
  if (turn) messages.push(...replyMessages(transcript, turn));
  return messages;
}

/** What a hook found stands before the words it was found for. */
export function withContext(
  messages: readonly HistoryMessage[],
  text: string,
): readonly HistoryMessage[] {
  const at = messages.findLastIndex(({ role }) => role === "user");
  const before = at < 0 ? messages.length : at;
  return [...messages.slice(0, before), { role: "system", text }, ...messages.slice(before)];
}

/** What a request is recognised by: `reply.requested` holds it, `replay --deep` recomputes it. */
export function requestDigest(
  messages: readonly HistoryMessage[],
  tools: readonly string[],
): string {
  return shortHash(canonicalJson({ messages: messages.map(digest), tools }));
}

function messagesOf(transcript: Transcript, turn: TurnTranscript): readonly HistoryMessage[] {
  const { ended } = turn;
  if (!ended) return [];
  turn.messages ??= build(transcript, turn, ended);
  return turn.messages as readonly HistoryMessage[];
}

function build(
  transcript: Transcript,
  turn: TurnTranscript,
  ended: TurnEnded,
): readonly HistoryMessage[] {
  const messages: HistoryMessage[] = [];
  const refs = transcript.refsOf(turn);
  // A merged turn's words are the next one's; what came late and what its tools do are not.
  const merged = ended.mergedInto !== null;
  pushUser(messages, transcript, merged ? refs.filter((ref) => !ended.refs.includes(ref)) : refs);
  messages.push(...replyMessages(transcript, turn));
  const { note } = transcript;
  if (ended.status === "cutOff" && note === "system")
    messages.push({ role: "system", text: CUT_NOTE });
  if (ended.status === "cutOff" && note === "user")
    messages.push({ role: "user", text: `(${CUT_NOTE})` });
  return messages;
}

function pushUser(
  messages: HistoryMessage[],
  transcript: Transcript,
  refs: readonly string[],
): void {
  const text = refs
    .map((ref) => transcript.textOf(ref))
    .filter(Boolean)
    .join(" ");
  if (text) messages.push({ role: "user", text });
}

function replyMessages(transcript: Transcript, turn: TurnTranscript): readonly HistoryMessage[] {
  const messages: HistoryMessage[] = [];
  for (const run of turn.runs) {
    const { heard } = transcript.heard(run);
    const toolCalls = run.toolCalls.map(({ call, name, input }) => ({ id: call, name, input }));
    if (heard || toolCalls.length > 0)
      messages.push({ role: "assistant", text: heard, ...(toolCalls.length > 0 && { toolCalls }) });
    for (const { id, name } of toolCalls)
      messages.push({ role: "tool", callId: id, name, output: outputOf(transcript, id) });
  }
  return messages;
}

/** A tool lost with its owner runs again, so it is still pending. */
function outputOf({ tools, joined }: Transcript, call: string): Json {
  const tool = tools.get(joined.get(call) ?? call);
  if (!tool || tool.how === "lost") return { status: "pending" };
  if (tool.how === "done") return tool.output;
  const stopped = tool.how === "stopped" || tool.how === "never-started";
  return { status: stopped ? "cancelled" : tool.how };
}
