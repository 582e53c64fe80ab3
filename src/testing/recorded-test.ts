import type { Duration } from "../base/duration.ts";
import { AppError } from "../base/errors.ts";
import type { ToolDirective } from "../events/effect.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import { TurnFold, type TurnSummary } from "../folds/turns.ts";
import type { PlayedAct } from "./caller.ts";
import type { AnswerSpec } from "./scripted-model.ts";

/**
 * What a test needs of a recorded call, up to a turn: the caller's side by the clock, the model's
 * answers and the tools' outputs in the order they came, and what became of the turn.
 */
export interface RecordedTest {
  readonly call: string;
  readonly turn: TurnSummary;
  /** How long the agent's voice took for a word. */
  readonly wordTakes: Duration;
  readonly acts: readonly PlayedAct[];
  readonly answers: readonly AnswerSpec[];
  readonly tools: Readonly<Record<string, readonly ToolOutput[]>>;
}

export interface ToolOutput {
  readonly output: Json;
  readonly took: Duration;
  readonly follows: ToolDirective;
}

/** Error `input.invalid` where the call has no such turn. */
export function recordedTest(records: readonly LogRecord[], n: number): RecordedTest {
  const fold = new TurnFold();
  // What was said in an outage is of that day, and not of the agent.
  for (const record of records) if (record.input.type !== "outage.spoken") fold.apply(record);
  const turn = fold.summary(n);
  const header = records[0]?.input["header"] as { readonly call: string } | undefined;
  if (!turn || !header) {
    const count = fold.summaries().length;
    throw new AppError("input.invalid", `the call has no turn ${n}; it has ${count}`);
  }
  const ended = fold.transcript.turn(n).endedAt;
  const until = ended === 0 ? Number.POSITIVE_INFINITY : ended;
  return {
    call: header.call,
    turn,
    wordTakes: paceOf(records),
    acts: actsBefore(records, until),
    answers: answersOf(fold, records),
    tools: outputsOf(fold, records),
  };
}

interface Speech {
  from: number;
  to: number;
  text: string;
  finalAfterMs: number | null;
  readonly interims: { readonly afterMs: number; readonly text: string }[];
}

/** What the caller did from when it joined until then. */
function actsBefore(records: readonly LogRecord[], until: number): readonly PlayedAct[] {
  const joined = records.find(({ input }) => eventOf(input).type === "participant.joined");
  const startedAt = joined?.at ?? records[0]?.at ?? 0;
  const acts: { readonly at: number; readonly act: PlayedAct }[] = [];
  const at = (time: number): { readonly at: Duration } => ({ at: ms(time - startedAt) });
  const speeches = speechesOf(records);
  for (const [index, speech] of speeches.entries()) {
    const { from, to, text, finalAfterMs, interims } = speech;
    const next = speeches[index + 1]?.from ?? Number.POSITIVE_INFINITY;
    const takes = ms(Math.max(1, Math.min(to, next) - from));
    const finalAfter = finalAfterMs === null ? null : ms(finalAfterMs);
    const words = text === "" ? {} : { finalAfter };
    const told = interims.map((one) => ({ after: ms(one.afterMs), text: one.text }));
    const early = told.length > 0 ? { interims: told } : {};
    acts.push({ at: from, act: { ...at(from), says: text, takes, ...early, ...words } });
  }
  for (const { input, at: time, text } of records) {
    const { type } = eventOf(input);
    if (type === "participant.left") acts.push({ at: time, act: { ...at(time), leaves: true } });
    if (type === "text.received")
      acts.push({ at: time, act: { ...at(time), types: textOf(text) } });
  }
  return acts
    .filter((one) => one.at < until)
    .toSorted((a, b) => a.at - b.at)
    .map(({ act }) => act);
}

/** Words by their reference, and sound without words, in the order they began. */
function speechesOf(records: readonly LogRecord[]): readonly Speech[] {
  const byRef = new Map<string, Speech>();
  const sounds: Speech[] = [];
  for (const { input, at, text } of records) {
    const { type, ref, from, to } = eventOf(input);
    if (type === "vad.ended") sounds.push({ from, to, text: "", finalAfterMs: null, interims: [] });
    if (type !== "stt.interim" && type !== "stt.final") continue;
    const speech = byRef.get(ref) ?? { from, to, text: "", finalAfterMs: null, interims: [] };
    byRef.set(ref, speech);
    speech.text = textOf(text);
    speech.to = to;
    if (type === "stt.final") Object.assign(speech, { from, finalAfterMs: Math.max(0, at - to) });
    else speech.interims.push({ afterMs: Math.max(0, at - from), text: speech.text });
  }
  const spoken = [...byRef.values()];
  const noises = sounds.filter((one) => !spoken.some((s) => s.from < one.to && s.to > one.from));
  return [...spoken, ...noises].toSorted((a, b) => a.from - b.from);
}

/** One for each request that was answered, in order. */
function answersOf({ transcript }: TurnFold, records: readonly LogRecord[]): AnswerSpec[] {
  const asked = new Set(
    records
      .filter(({ input }) => eventOf(input).type === "reply.requested")
      .map(({ input }) => input["effect"] as string),
  );
  const runs = [...transcript.turns.values()].flatMap((turn) => {
    const to = transcript.refsOf(turn).map((ref) => transcript.textOf(ref));
    return turn.runs.map((run) => ({ ...run, to: to.filter(Boolean).join(" ") }));
  });
  return runs
    .filter(({ effect }) => asked.has(effect))
    .filter(({ segments, toolCalls }) => segments.length + toolCalls.length > 0)
    .toSorted((a, b) => a.requestedAt - b.requestedAt)
    .map(({ segments, toolCalls, ttftMs, to }) => {
      const say = segments.map(({ text }) => text).join(" ");
      const call = toolCalls.map(({ name, input }) => ({ tool: name, input }));
      const spoken = say === "" ? {} : { say };
      return { to, ...spoken, ...(call.length > 0 && { call }), after: ms(ttftMs) };
    });
}

function outputsOf({ transcript }: TurnFold, records: readonly LogRecord[]) {
  const names = new Map(
    [...transcript.turns.values()].flatMap(({ runs }) =>
      runs.flatMap(({ toolCalls }) => toolCalls.map(({ call, name }) => [call, name] as const)),
    ),
  );
  const startedAt = new Map<string, number>();
  const outputs: Record<string, ToolOutput[]> = {};
  for (const { input, at, outcome, text } of records) {
    for (const [what, id] of outcome.effects) if (what === "start") startedAt.set(id, at);
    if (input.type !== "effect.ended" || input["how"] !== "done") continue;
    const effect = input["effect"] as string;
    const name = names.get(effect.split(".").slice(3).join("."));
    if (name === undefined || !effect.includes(".tool.")) continue;
    const output = (text?.value as { readonly output?: Json } | undefined)?.output ?? null;
    const follows = (input["result"] ?? {}) as ToolDirective;
    const took = ms(at - (startedAt.get(effect) ?? at));
    outputs[name] = [...(outputs[name] ?? []), { output, took, follows }];
  }
  return outputs;
}

/** Of all that was spoken; of nothing, the simulated voice's own. */
function paceOf(records: readonly LogRecord[]): Duration {
  const spoken = records
    .map(({ input }) => eventOf(input) as unknown as { type: string } & SpokenWords)
    .filter(({ type }) => type === "speech.segment");
  const words = spoken.reduce((sum, { wordEndsMs }) => sum + wordEndsMs.length, 0);
  const total = spoken.reduce((sum, one) => sum + one.ms, 0);
  return ms(words === 0 ? 400 : total / words);
}

interface SpokenWords {
  readonly ms: number;
  readonly wordEndsMs: readonly number[];
}

interface Heard {
  readonly type: string;
  readonly ref: string;
  readonly from: number;
  readonly to: number;
}

function eventOf(input: LogRecord["input"]): Heard {
  return (input["event"] ?? { type: "" }) as unknown as Heard;
}

function textOf(part: LogRecord["text"]): string {
  return (part?.value as { readonly text?: string } | undefined)?.text ?? "";
}

function ms(value: number): Duration {
  return `${Math.round(value)}ms`;
}
