import { canonicalJson, shortHash } from "../base/digest.ts";
import type { Measure } from "../events/budget.events.ts";
import type { Json } from "../events/record.ts";
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
  /** What a budget of the call asks of this request; absent while there is enough. */
  readonly measure?: Measure;
}

/** What a model is told where a budget asks for shorter answers. */
export const SHORT_NOTE = "Answer in one short sentence.";

/** Whether a measure asks for shorter answers. */
export function isShorter(measure: Measure): boolean {
  return measure !== "warn" && measure !== "cheaperModel";
}

export const CUT_NOTE = "The user interrupted you here; they did not hear the rest.";

/**
 * A request's messages. What earlier turns came to is kept from request to request, with a chained
 * digest, so that the hundredth turn asks as fast as the first.
 */
export interface History {
  readonly opening: readonly HistoryMessage[];
  readonly earlier: readonly HistoryMessage[];
  readonly earlierHash: string;
  readonly now: readonly HistoryMessage[];
}

export function messagesOf({ opening, earlier, now }: History): readonly HistoryMessage[] {
  return [...opening, ...earlier, ...now];
}

export function historyFor(transcript: Transcript, input: ReplyInput): History {
  const own = input.agent && transcript.textOf(`${input.agent}/instructions`);
  const text = own || transcript.textOf("instructions");
  const now: HistoryMessage[] = transcript.instructions.map((ref) => ({
    role: "system",
    text: transcript.textOf(ref),
  }));
  if (input.measure && isShorter(input.measure)) now.push({ role: "system", text: SHORT_NOTE });
  pushUser(now, transcript, input.refs);
  const turn = transcript.turns.get(input.turn);
  if (turn) now.push(...replyMessages(transcript, turn));
  const opening: HistoryMessage[] = text ? [{ role: "system", text }] : [];
  return { opening, ...earlierThan(transcript, input.turn), now };
}

/** What a hook found stands before the words it was found for. */
export function withContext(history: History, text: string): History {
  const at = history.now.findLastIndex(({ role }) => role === "user");
  const before = at < 0 ? history.now.length : at;
  const now = history.now.toSpliced(before, 0, { role: "system", text });
  return { ...history, now };
}

/** What a request is recognised by: `reply.requested` holds it, `replay --deep` recomputes it. */
export function requestDigest(history: History, tools: readonly string[]): string {
  const { opening, earlierHash, now } = history;
  return shortHash(canonicalJson({ opening, earlierHash, now, tools }));
}

/** Messages of the first turns of a call: after turn n there are `ends[n].count` of them. */
interface Earlier {
  readonly messages: HistoryMessage[];
  readonly ends: { readonly count: number; readonly hash: string }[];
}

const known = new WeakMap<Transcript, Earlier>();

function earlierThan(
  transcript: Transcript,
  turn: number,
): { readonly earlier: readonly HistoryMessage[]; readonly earlierHash: string } {
  const all = known.get(transcript) ?? { messages: [], ends: [{ count: 0, hash: "" }] };
  known.set(transcript, all);
  const { messages, ends } = all;
  // What came late to a turn, and all behind it, is told anew.
  if (transcript.changedFrom < ends.length) {
    ends.length = Math.max(1, transcript.changedFrom);
    messages.length = ends.at(-1)!.count;
  }
  transcript.changedFrom = Infinity;
  for (let n = ends.length; n < turn; n++) {
    const told = turnMessages(transcript, transcript.turns.get(n));
    messages.push(...told);
    const { hash } = ends.at(-1)!;
    const next = told.length === 0 ? hash : shortHash(hash + canonicalJson(told));
    ends.push({ count: messages.length, hash: next });
  }
  const { count, hash } = ends[turn - 1]!;
  return { earlier: messages.slice(0, count), earlierHash: hash };
}

function turnMessages(
  transcript: Transcript,
  turn: TurnTranscript | undefined,
): readonly HistoryMessage[] {
  if (!turn?.ended) return [];
  const { ended } = turn;
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
