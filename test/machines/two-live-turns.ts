import { TestCall, type CallOptions } from "./call.ts";

/** How a call is brought to each pair of live turns, n and n+1, and how what follows is told. */
export type Pair =
  | "done / none"
  | "listening / none"
  | "thinking / none"
  | "speaking / none"
  | "paused / listening"
  | "interrupted / none"
  | "interrupted / listening"
  | "not pausable / listening";

export function live(more: CallOptions = {}): TestCall {
  return TestCall.live({ ...more, settings: { interruption: { echoGuard: 0 }, ...more.settings } });
}

/** A call whose agent may not be interrupted. */
export function strict(): TestCall {
  return live({ settings: { interruption: { enabled: false } } });
}

/** The same, with a text that covers a wait. */
export function strictFiller(): TestCall {
  return live({ texts: ["filler"], settings: { interruption: { enabled: false } } });
}

export function withTexts(): TestCall {
  return live({ texts: ["apology"] });
}

/** Nobody can tell yet whether the agent hears itself. */
function guardedCall(): TestCall {
  return live({ settings: { interruption: { echoGuard: 60_000 } } });
}

/** Turn n hears the caller and has words of theirs. */
export function listening(call = live()): TestCall {
  call.started();
  call.now += 400;
  call.said = { from: call.now - 464, to: call.now };
  call.heard("stt.interim", { ref: `u${call.n}`, ...call.said });
  return call;
}

/** Turn n waits for the end of turn; its words are settled, its speculation runs. */
export function waiting(call = live()): TestCall {
  call.utterance();
  return call;
}

export function thinking(call = live()): TestCall {
  waiting(call).fire("endOfTurn");
  call.now += 300;
  return call;
}

/** It was answered for its interim words; the final ones may yet come. */
export function thinkingEarly(call = live()): TestCall {
  call.utterance("stt.interim");
  call.fire("endOfTurn");
  call.fire("lateFinal");
  return call;
}

const CALL = {
  call: "c1",
  name: "find",
  write: false,
  idempotent: false,
  cancels: true,
  sayWhile: "",
  joins: "",
};

/** The wait for the answer is covered by the agent's filler, and it is heard. */
export function covered(call = live({ texts: ["filler"] })): TestCall {
  return covers(thinking(call));
}

/** The same, and the final words of n may yet come. */
export function coveredEarly(): TestCall {
  return covers(thinkingEarly(live({ texts: ["filler"] })));
}

function covers(call: TestCall): TestCall {
  call.fire("fillerAfter");
  call.covers();
  return call;
}

/** The reply of n has ended, the tool `c1` runs, and words of its own cover the wait. */
export function coveredWork(call = live()): TestCall {
  const toolCalls = [{ ...CALL, sayWhile: "tool.find" }];
  thinking(call).replyEnds("done", { result: { toolCalls } });
  call.fire("sayWhileAfter");
  call.covers();
  return call;
}

/** The same write was asked for by n, while that of the turn before is pending. */
export function joining(call = live()): TestCall {
  afterTool(call);
  const toolCalls = [{ ...CALL, call: "c2", write: true, cancels: false, joins: "c1" }];
  thinking(call).replyEnds("done", { result: { toolCalls } });
  return call;
}

/** Speech pauses an answer only after a while. */
export function patient(): TestCall {
  return live({ settings: { interruption: { pauseAfter: 300, echoGuard: 0 } } });
}

/** The reply of n has ended and the tool `c1` runs. */
export function working(call = live(), write = false): TestCall {
  const toolCalls = [{ ...CALL, write, cancels: !write }];
  thinking(call).replyEnds("done", { result: { toolCalls } });
  return call;
}

/** The turn that asked for `c1` is over and its write goes on. */
export function toolOfDone(call = live()): TestCall {
  working(call, true).command({ name: "interrupt", force: false });
  return call;
}

/** The same, and n is a turn after it. */
export function afterTool(call = live()): TestCall {
  toolOfDone(call).now += 1_000;
  call.n = 2;
  return call;
}

/** One of the four seconds of its sentence was heard. */
export function says(call: TestCall, question = false): TestCall {
  call.segment(question);
  call.sound();
  call.now += 1_000;
  call.position(1_000);
  return call;
}

export function speaking(call = live(), question = false): TestCall {
  return says(thinking(call), question);
}

/** Speech over the answer opened n+1, and nothing is decided. */
export function paused(call = speaking()): TestCall {
  call.started();
  call.now += 200;
  return call;
}

/** The same, and the caller is silent again. */
export function hushedOver(call = speaking()): TestCall {
  paused(call).now += 500;
  call.hushed();
  return call;
}

/** The floor came back although the caller is still heard. */
export function returned(call = speaking()): TestCall {
  paused(call).fire("pauseMax");
  return call;
}

export function interrupted(call = speaking()): TestCall {
  call.command({ name: "interrupt", force: false });
  return call;
}

/** Real words took the floor. */
export function overtaken(call = speaking()): TestCall {
  paused(call).heard("stt.interim", { ref: "w2" });
  return call;
}

export function fixed(): TestCall {
  return paused(speaking(strict()));
}

export function guarded(): TestCall {
  return paused(speaking(guardedCall()));
}

export function done(call = speaking()): TestCall {
  call.replyEnds("done", { position: 4_000 });
  return call;
}

export const PAIRS: Readonly<Record<Pair, () => TestCall>> = {
  "done / none": () => done(),
  "listening / none": () => listening(),
  "thinking / none": () => thinking(),
  "speaking / none": () => speaking(),
  "paused / listening": () => paused(),
  "interrupted / none": () => interrupted(),
  "interrupted / listening": () => overtaken(),
  "not pausable / listening": () => fixed(),
};

interface Room {
  readonly queue: readonly unknown[];
  readonly muted: boolean;
}

interface Turn {
  readonly late: readonly string[];
  readonly words: readonly unknown[];
}

export interface Marks {
  readonly records: number;
  readonly queue: number;
  readonly muted: boolean;
  readonly late: number;
  readonly words: string;
}

/** Where a call stands before an input, to tell afterwards what it did. */
export function mark(call: TestCall): Marks {
  const room = call.fold.snapshotOf("room")?.context as Room;
  const turn = call.fold.snapshotOf(`turn.${call.n}`)?.context as Turn | undefined;
  return {
    records: call.records.length,
    queue: room.queue.length,
    muted: room.muted,
    late: turn?.late.length ?? 0,
    words: JSON.stringify(turn?.words ?? []),
  };
}

/** Both turns, then all that was asked of effects and told since the mark, in order. */
export function outcomeSince(call: TestCall, before: Marks): string {
  const records = call.records.slice(before.records);
  const ignored = records.length === 1 ? records[0]!.outcome.ignored : undefined;
  if (ignored !== undefined) return `ignored: ${ignored}`;
  const after = mark(call);
  const did = records.flatMap(({ outcome }) => [
    ...outcome.effects.flatMap((change) => effectWords(call, change)),
    ...outcome.emitted.flatMap((fact) => factWords(call, fact)),
  ]);
  if (after.queue > before.queue) did.push("queued");
  if (after.muted && !before.muted) did.push("muted");
  if (after.late > before.late) did.push("late");
  const here = call.fold.snapshotOf(`turn.${call.n}`) !== undefined;
  if (here && after.words !== before.words) did.push("words of n");
  const where = `${call.stateOf(call.n)} / ${call.stateOf(call.n + 1)}`;
  return did.length > 0 ? `${where}: ${did.join(", ")}` : where;
}

function nameOf(call: TestCall, n: number): string {
  return n === call.n ? "n" : n === call.n + 1 ? "n+1" : `turn ${n}`;
}

function effectWords(call: TestCall, change: readonly (string | number)[]): readonly string[] {
  const [what, id = "", src] = change as readonly string[];
  const actor = call.actors.get(id) ?? "";
  const child = id.split(".").slice(2).join(".");
  const turn = actor.startsWith("turn.") ? nameOf(call, Number(actor.slice(5))) : "";
  const whose = turn === "" || child === "filler" ? child : turn;
  if (what === "start") return [src === "reply" ? `ask ${whose}` : `run ${child}`];
  if (what === "stop") return [`stop ${whose}`];
  return what === "tell" ? [`${src} ${whose}`] : [];
}

function factWords(
  call: TestCall,
  fact: { readonly type: string; readonly [key: string]: unknown },
): readonly string[] {
  if (fact.type === "words.late") return [`late words of ${nameOf(call, fact["n"] as number)}`];
  if (fact.type === "words.echo") return ["echo"];
  if (fact.type === "tool.finished") return [`tool ${String(fact["how"])}`];
  if (fact.type !== "turn.ended") return [];
  const aside = (fact["asides"] as readonly string[]).length > 0 ? ["aside"] : [];
  const heir = fact["mergedInto"] as number | null;
  return heir === null ? aside : [...aside, `merged into ${nameOf(call, heir)}`];
}
