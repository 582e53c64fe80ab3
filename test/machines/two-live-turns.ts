import { TestCall, type CallOptions } from "./call.ts";

/** How a call is brought to each pair of live turns: turn 1 is n, turn 2 is n+1. */

export type Pair =
  | "done / none"
  | "listening / none"
  | "thinking / none"
  | "speaking / none"
  | "paused / listening"
  | "interrupted / none"
  | "interrupted / listening"
  | "not pausable / listening";

const NO_GUARD = { interruption: { echoGuard: 0 } };

export function live(more: CallOptions = {}): TestCall {
  const settings = { ...NO_GUARD, ...more.settings };
  return TestCall.live({ ...more, settings });
}

/** Turn 1 hears the caller and has words of theirs. */
export function listening(call = live()): TestCall {
  call.started();
  call.now += 400;
  call.heard("stt.interim", { ref: "w1", from: call.now - 464 });
  return call;
}

/** Turn 1 waits for the end of turn; its words are settled, its speculation runs. */
export function waiting(call = live()): TestCall {
  call.utterance({ ref: "w1" });
  return call;
}

export function thinking(call = live()): TestCall {
  waiting(call).fire("endOfTurn");
  return call;
}

/** Its reply has ended and the tool `c1` runs. */
export function working(call = live(), write = false): TestCall {
  const toolCalls = [{ call: "c1", name: "find", write, idempotent: false }];
  thinking(call).replyEnds(1, "done", { result: { toolCalls } });
  return call;
}

/** The turn that asked for it is over; its write goes on. */
export function toolOfDone(call = live()): TestCall {
  working(call, true).command({ name: "interrupt", force: false });
  return call;
}

/** One of four seconds of speech was heard. */
export function speaking(call = live(), question = false): TestCall {
  thinking(call).segment(1, question);
  call.sound(1);
  call.now += 1_000;
  call.position(1, 1_000);
  return call;
}

/** Turn 2 was opened by speech over the answer, and nothing is decided. */
export function paused(call = live()): TestCall {
  speaking(call).started();
  call.now += 200;
  return call;
}

export function interrupted(call = live()): TestCall {
  speaking(call).command({ name: "interrupt", force: false });
  return call;
}

export function overtaken(call = live()): TestCall {
  paused(call).heard("stt.interim", { ref: "w2" });
  return call;
}

/** Turn 1 may not be interrupted. */
export function fixed(call = live({ settings: { interruption: { enabled: false } } })): TestCall {
  speaking(call).started();
  call.now += 200;
  return call;
}

/** The agent has said too little for its echo to be told from the caller. */
export function guarded(): TestCall {
  return fixed(live({ settings: { interruption: { echoGuard: 60_000 } } }));
}

export const PAIRS: Readonly<Record<Pair, () => TestCall>> = {
  "done / none": () => {
    const call = speaking();
    call.replyEnds(1, "done", { position: 4_000 });
    return call;
  },
  "listening / none": () => listening(),
  "thinking / none": () => thinking(),
  "speaking / none": () => speaking(),
  "paused / listening": () => paused(),
  "interrupted / none": () => interrupted(),
  "interrupted / listening": () => overtaken(),
  "not pausable / listening": () => fixed(),
};

interface Marks {
  readonly records: number;
  readonly queue: number;
  readonly muted: boolean;
  readonly late: number;
  readonly effects: ReadonlyMap<string, string>;
}

interface Room {
  readonly queue: readonly unknown[];
  readonly muted: boolean;
}

export function mark(call: TestCall): Marks {
  const room = call.fold.snapshotOf("room")?.context as Room;
  return {
    records: call.records.length,
    queue: room.queue.length,
    muted: room.muted,
    late: lateOf(call),
    effects: new Map(call.fold.table.effects().map((e) => [e.id, e.actor])),
  };
}

/** Both turns, then all that happened since the mark, in words. */
export function outcomeSince(call: TestCall, before: Marks): string {
  const records = call.records.slice(before.records);
  const ignored = records.length === 1 ? records[0]!.outcome.ignored : undefined;
  if (ignored !== undefined) return `ignored: ${ignored}`;
  const after = mark(call);
  const did = records.flatMap(({ outcome }) => [
    ...outcome.effects.flatMap((change) => effectWords(call, before, change)),
    ...outcome.emitted.flatMap(factWords),
  ]);
  if (after.queue > before.queue) did.push("queued");
  if (after.muted && !before.muted) did.push("muted");
  if (after.late > before.late) did.push("late words kept");
  const where = `${call.stateOf(1)} / ${call.stateOf(2)}`;
  return did.length > 0 ? `${where}: ${did.join(", ")}` : where;
}

function lateOf(call: TestCall): number {
  const context = call.fold.snapshotOf("turn.1")?.context as { late?: readonly string[] };
  return context?.late?.length ?? 0;
}

function effectWords(
  call: TestCall,
  before: Marks,
  change: readonly (string | number)[],
): readonly string[] {
  const [what, id, src] = change as readonly string[];
  const actor = call.fold.table.effect(id!)?.actor ?? before.effects.get(id!) ?? "";
  const child = id!.split(".").slice(2).join(".");
  const whose = actor === "room" ? child : `${child} of ${actor.replace("turn.", "")}`;
  if (what === "start")
    return [src === "reply" ? `ask ${actor.replace("turn.", "")}` : `run ${child}`];
  if (what === "stop") return [`stop ${whose}`];
  return what === "tell" ? [`${src} ${whose}`] : [];
}

function factWords(fact: { type: string; [key: string]: unknown }): readonly string[] {
  if (fact.type === "words.late") return [`late words of ${String(fact["n"])}`];
  if (fact.type === "words.echo") return ["echo"];
  if (fact.type === "tool.finished") return [`tool ${String(fact["how"])}`];
  if (fact.type !== "turn.ended") return [];
  const asides = (fact["asides"] as readonly string[]).length > 0 ? ["aside"] : [];
  return fact["mergedInto"] === null
    ? asides
    : [...asides, `merged into ${String(fact["mergedInto"])}`];
}
