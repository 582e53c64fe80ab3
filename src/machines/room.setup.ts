import { assign, emit, setup, spawnChild, stopChild } from "xstate";
import type { DueMeasure } from "../events/budget.events.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { RoomEvent, Saying } from "../events/room.events.ts";
import { delaysOf, guardsOf } from "./choice.ts";
import { effect, open, send } from "./host-actions.ts";
import { roomChoices, roomWaits } from "./room.choices.ts";
import * as budget from "./room-budget.rules.ts";
import * as rules from "./room.rules.ts";
import * as tools from "./room-tools.rules.ts";
import type { RoomContext } from "./room.rules.ts";

/** What the room's chart knows by name: its guards, delays and actions. */
type Words = Extract<RoomEvent, { type: "user.words" }>;

export const roomSetup = setup({
  types: {} as {
    context: RoomContext;
    input: CallHeader;
    events: RoomEvent;
    emitted:
      | { type: "words.late"; n: number; ref: string }
      | { type: "words.echo"; ref: string }
      | { type: "measure.taken"; measure: DueMeasure; node: string }
      | { type: "tool.finished"; call: string; how: string };
  },
  actors: { connection: effect, tool: effect, hook: effect },
  delays: delaysOf(roomWaits),
  guards: guardsOf(roomChoices),
  actions: {
    send,
    open,
    addParticipant: assign(({ context, event }) => {
      if (event.type !== "participant.joined") return {};
      const others = context.participants.filter((p) => p.identity !== event.identity);
      return {
        quietSince: context.quietSince || event.at,
        participants: [...others, { identity: event.identity, name: event.name, present: true }],
      };
    }),
    emptyRoom: assign({ quietSince: 0 }),
    dropParticipant: assign(({ context, event }) => ({
      participants: context.participants.map((p) =>
        event.type === "participant.left" && p.identity === event.identity
          ? { ...p, present: false }
          : p,
      ),
    })),
    // Who left while nobody was there to see it: the connection tells who is here.
    forgetPresent: assign(({ context }) => ({
      participants: context.participants.map((p) => ({ ...p, present: false })),
    })),
    addTrack: assign(({ context, event }) =>
      event.type === "track.published"
        ? {
            tracks: [
              ...context.tracks,
              { sid: event.sid, identity: event.identity, closing: false, sttDown: false },
            ],
          }
        : {},
    ),
    noteUnheard: assign({ saidUnheard: true }),
    // Down once more, it is told once more.
    noteStt: assign(({ context, event }) => ({
      saidUnheard: context.saidUnheard && event.type === "track.stt" && event.down,
      tracks: context.tracks.map((t) =>
        event.type === "track.stt" && t.sid === event.sid ? { ...t, sttDown: event.down } : t,
      ),
    })),
    markClosing: assign(({ context }) => {
      const first = context.tracks.find((track) => !track.closing);
      return {
        tracks: context.tracks.map((t) => (t === first ? { ...t, closing: true } : t)),
      };
    }),
    dropTrack: assign(({ context, event }) => ({
      tracks: context.tracks.filter((track) => !("sid" in event) || track.sid !== event.sid),
    })),
    newListener: assign(({ context }) => ({ n: context.n + 1, newer: context.n + 1 })),
    noteRange: assign(({ context, event }) => ({
      ranges: rules.withRange(context, context.newer ?? context.n, event),
    })),
    endRange: assign(({ context, event }) => ({ ranges: rules.endRange(context, event) })),
    noteWords: assign(({ context, event }, params: { of: rules.Holder }) => ({
      heard: rules.withHeard(context, event as Words, params.of),
    })),
    newSaying: assign(({ context }) => ({
      n: context.n + 1,
      older: {
        n: context.n + 1,
        phase: "thinking" as const,
        pausable: context.queue[0]?.pausable ?? true,
      },
      lastTurn: context.queue[0]?.after === "leave" ? context.n + 1 : context.lastTurn,
    })),
    shiftQueue: assign(({ context }) => ({ queue: context.queue.slice(1) })),
    queueText: assign(({ context }, params: { ref: string; after: Saying["after"] }) => ({
      queue: [
        ...context.queue,
        {
          ref: rules.textOf(context, params.ref),
          after: params.after,
          pausable: params.after === "stay",
        },
      ],
    })),
    queueCommand: assign(({ context, event }) =>
      event.type === "command.say"
        ? {
            queue: [
              ...context.queue,
              { ref: event.ref, pausable: event.interruptible ?? true, after: "stay" as const },
            ],
          }
        : {},
    ),
    clearQueue: assign({ queue: [] }),
    greet: assign({ greeted: true }),
    countPrompt: assign(({ context, event }) => ({
      prompts: context.prompts + 1,
      quietSince: event.at,
    })),
    noteAnswering: assign(({ context, event }) =>
      event.type === "turn.answering"
        ? {
            older: { n: event.n, phase: "thinking" as const, pausable: event.pausable },
            newer: context.newer === event.n ? null : context.newer,
          }
        : {},
    ),
    noteSpeaking: assign(({ context, event }) =>
      event.type === "turn.speaking" && context.older?.n === event.n
        ? { older: { ...context.older, phase: "speaking" as const } }
        : {},
    ),
    noteInterrupted: assign(({ context, event }) =>
      event.type === "turn.interrupted" && context.older?.n === event.n
        ? { older: { ...context.older, phase: "interrupted" as const } }
        : {},
    ),
    noteTurnOver: assign(({ context, event }) => rules.afterTurn(context, event)),
    mute: assign({ muted: true }),
    unmute: assign(({ event }) => ({ muted: false, quietSince: event.at })),
    because: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    becauseNobodySpoke: assign({ reason: "nobody spoke" }),
    becauseConnectionLost: assign({ reason: "connection lost" }),
    // Who was about to leave for another reason leaves for that.
    becauseBudget: assign(({ context }) => ({ reason: context.reason || "budget" })),
    // Nothing is queued where there are no words for it.
    queueGoodbye: assign(({ context }) => ({ queue: budget.withGoodbye(context) })),
    noteMeasure: assign(({ context, event }) => ({ measure: budget.measureAfter(context, event) })),
    becauseFailures: assign({ reason: "too many failures" }),
    becauseCommand: assign(({ event }) =>
      event.type === "command.end" ? { reason: event.reason || "command" } : {},
    ),
    countRejoin: assign(({ context }) => ({ rejoins: context.rejoins + 1 })),
    resetRejoins: assign({ rejoins: 0 }),
    // Tools
    addTools: assign(({ context, event }) => ({ tools: tools.newTools(context, event) })),
    dropJoined: assign(({ context }) => ({
      tools: context.tools.filter((tool) => tool !== tools.joinedTool(context)),
    })),
    applyResult: assign(({ context, event }) => tools.afterTool(context, event)),
    newSettings: assign(({ context, event }) =>
      event.type === "command.set"
        ? {
            settings: event.settings,
            agents: { ...context.agents, [context.agent]: event.settings },
          }
        : {},
    ),
    editAgent: assign(({ context, event }) => tools.editAgent(context, event)),
    startHook: spawnChild("hook", { id: hookChild, input: hookInput }),
    markHook: assign(({ context }) => ({ afterTurns: tools.startHook(context) })),
    endHook: assign(({ context, event }) => ({ afterTurns: tools.endHook(context, event) })),
    startTool: spawnChild("tool", { id: wantedChild, input: wantedInput }),
    markStarted: assign(({ context }) => ({ tools: tools.moveTool(context, "wanted", "running") })),
    stopTool: stopChild(stoppingChild),
    markStopping: assign(({ context }) => ({ tools: tools.moveTool(context, "stop", "stopping") })),
    stopAllTools: assign(({ context }) => ({
      tools: context.tools.map((tool) =>
        tool.state === "running" && !tool.write ? { ...tool, state: "stop" as const } : tool,
      ),
    })),
    repeatTool: assign(({ context, event }) => ({
      tools: context.tools.map((tool) =>
        `tool.${tool.call}` === tools.childOf(event) ? { ...tool, state: "wanted" as const } : tool,
      ),
    })),
    dropTool: assign(({ context, event }) => ({
      tools: context.tools.filter((tool) => `tool.${tool.call}` !== tools.childOf(event)),
      quietSince: event.at,
    })),
    lateFact: emit(({ context, event }) => ({
      type: "words.late" as const,
      n: rules.ownerOf(context, event as Words) ?? 0,
      ref: (event as Words).ref,
    })),
    measureFact: emit(({ context, event }) => ({
      type: "measure.taken" as const,
      measure: context.measure,
      node: event.type === "budget.changed" ? event.node : "",
    })),
    echoFact: emit(({ event }) => ({ type: "words.echo" as const, ref: (event as Words).ref })),
    toolFact: emit(({ event }) => ({
      type: "tool.finished" as const,
      call: tools.childOf(event).replace("tool.", ""),
      how: tools.howOf(event),
    })),
  },
});

function wantedTool(context: RoomContext) {
  return context.tools.find((tool) => tool.state === "wanted");
}
function wantedChild({ context }: { context: RoomContext }): string {
  return `tool.${wantedTool(context)?.call}`;
}
function wantedInput({ context }: { context: RoomContext }) {
  const { call, name, n, agent, write, idempotent } = wantedTool(context)!;
  return { call, name, turn: n, agent, write, idempotent, key: `tool.${n}.${call}` };
}
function wantedHook({ afterTurns }: RoomContext): number {
  return afterTurns.find(({ running }) => !running)?.n ?? 0;
}
function hookChild({ context }: { context: RoomContext }): string {
  return `afterTurn.${wantedHook(context)}`;
}
function hookInput({ context }: { context: RoomContext }) {
  const turn = wantedHook(context);
  return { hook: "afterTurn", turn, agent: context.agent, key: `afterTurn.${turn}` };
}
function stoppingChild({ context }: { context: RoomContext }): string {
  return `tool.${context.tools.find((tool) => tool.state === "stop")?.call}`;
}
