import type { CommandDone, CommandRequest } from "../events/fleet.events.ts";
import type { LogRecord } from "../events/record.ts";
import type { RoomContext } from "../machines/room.rules.ts";

/** What a command came to: seen by the room before and after its step, and the step's record. */
export interface CarriedOut {
  readonly request: Exclude<CommandRequest, { name: "state" }>;
  readonly record: LogRecord;
  readonly before: RoomContext;
  readonly after: RoomContext;
}

type Did = Pick<CommandDone, "changed" | "did" | "turn">;

export function didOf(done: CarriedOut): Did {
  const { request, record, before, after } = done;
  if (record.outcome.failed) return nothing(`the step failed (${record.outcome.failed.code})`);
  switch (request.name) {
    case "say":
      return saidOf(done);
    case "interrupt":
      return interruptedOf(done);
    case "mute":
      if (before.muted) return nothing("it is muted already");
      if (!after.muted) return nothing("the call is ending");
      return { ...did("muted"), ...(cutTurn(done) !== null && cut(done, "muted, cut")) };
    case "unmute":
      return before.muted ? did("unmuted") : nothing("it is not muted");
    case "instruct":
      return did("kept for the answers to come");
    case "end":
      if (before.reason !== "") return nothing(`the call is ending (${before.reason})`);
      return did(`the call ends (${after.reason})`);
    case "set": {
      const changes = changesOf(before.settings, after.settings);
      return changes.length > 0 ? did(`set ${changes.join(", ")}`) : nothing("they are so already");
    }
  }
}

function saidOf(done: CarriedOut): Did {
  const { before, after } = done;
  if (after.n > before.n) return { ...did(`says it in turn ${after.n}`), turn: after.n };
  if (after.queue.length <= before.queue.length) return nothing("the call is ending");
  if (cutTurn(done) !== null) return cut(done, "says it next, cut");
  if (after.muted) return did("kept until unmuted");
  if (after.older !== null) return did(`kept until turn ${after.older.n} is over`);
  if (after.newer !== null) return did(`kept until turn ${after.newer} is answered`);
  return did("kept until someone is there");
}

function interruptedOf(done: CarriedOut): Did {
  const { older } = done.before;
  if (older === null) return nothing("no answer is being given");
  if (cutTurn(done) !== null) return cut(done, "cut");
  if (older.pausable) return nothing(`turn ${older.n} is cut already`);
  return nothing(`turn ${older.n} is to be heard out: give force`);
}

/** The answering turn, where the step has changed it. */
function cutTurn({ record, before: { older } }: CarriedOut): number | null {
  return older !== null && `turn.${older.n}` in record.outcome.state ? older.n : null;
}

function cut(done: CarriedOut, how: string): Did {
  const turn = cutTurn(done);
  return { changed: true, did: `${how} turn ${turn}`, turn };
}

function did(what: string): Did {
  return { changed: true, did: what, turn: null };
}

function nothing(why: string): Did {
  return { changed: false, did: `nothing: ${why}`, turn: null };
}

/** `endpointing.minDelay=500` for each setting that is another now. */
function changesOf(before: RoomContext["settings"], after: RoomContext["settings"]): string[] {
  const flat = (settings: object): ReadonlyMap<string, unknown> =>
    new Map(
      Object.entries(settings).flatMap(([group, values]) =>
        typeof values === "object"
          ? Object.entries(values as object).map(([key, value]) => [`${group}.${key}`, value])
          : [[group, values]],
      ) as [string, unknown][],
    );
  const old = flat(before);
  return [...flat(after)]
    .filter(([key, value]) => old.get(key) !== value)
    .map(([key, value]) => `${key}=${String(value)}`);
}
