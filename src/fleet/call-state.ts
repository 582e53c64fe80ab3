import type { CallHost } from "../actors/call-host.ts";
import type { CallState } from "../events/fleet.events.ts";
import type { RoomContext } from "../machines/room.rules.ts";
import type { TurnContext } from "../machines/turn-context.ts";

/** A running call as its owner sees it: for a person or a program that asks from outside. */
export function callStateOf(host: CallHost, worker: string): CallState {
  const { fold, transcript } = host;
  const room = roomOf(host);
  return {
    room: fold.header.room,
    worker,
    epoch: fold.epoch,
    since: transcript.openedAt,
    agent: room.agentName || fold.header.agent.name,
    present: room.participants
      .filter(({ present }) => present)
      .map(({ identity, name }) => ({ identity, name })),
    turn: liveTurn(room),
    lastWords: { user: userWords(host, room), agent: agentWords(host) },
    muted: room.muted,
    queued: room.queue.length,
    tools: room.tools.filter(({ state }) => state === "running").map(({ name }) => name),
    actors: fold.addresses().map((actor) => {
      const { value } = fold.snapshotOf(actor)!;
      return { actor, state: value as CallState["actors"][number]["state"] };
    }),
  };
}

/** What the room's chart knows. */
export function roomOf({ fold }: CallHost): RoomContext {
  return fold.snapshotOf("room")!.context as RoomContext;
}

function liveTurn({ older, newer }: RoomContext): CallState["turn"] {
  if (older)
    return { n: older.n, phase: older.phase === "interrupted" ? "cut" : older.phase } as const;
  return newer === null ? null : { n: newer, phase: "listening" };
}

/** Of the newest turn that has any: a turn that lives knows its own, one that is over told them. */
function userWords({ fold, transcript }: CallHost, { n }: RoomContext): string {
  for (let at = n; at > 0; at--) {
    const live = fold.snapshotOf(`turn.${at}`)?.context as TurnContext | undefined;
    const refs = live ? live.words.map(({ ref }) => ref) : transcript.refsOf(transcript.turn(at));
    const text = joined(refs.map((ref) => transcript.textOf(ref)));
    if (text !== "") return text;
  }
  return "";
}

/** What was heard of the newest answer that has sounded. */
function agentWords({ transcript }: CallHost): string {
  const turns = [...transcript.turns.values()].toSorted((a, b) => b.n - a.n);
  for (const { runs } of turns) {
    const text = joined(runs.map((run) => transcript.heard(run).heard));
    if (text !== "") return text;
  }
  return "";
}

function joined(parts: readonly string[]): string {
  return parts.filter(Boolean).join(" ");
}
