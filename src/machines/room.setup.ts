import { assign, emit, setup, spawnChild, stopChild } from "xstate";
import type { CallHeader } from "../events/call.events.ts";
import type { RoomEvent, Saying } from "../events/room.events.ts";
import { effect, open, send } from "./host-actions.ts";
import * as rules from "./room.rules.ts";
import * as tools from "./room-tools.rules.ts";
import type { RoomContext } from "./room.rules.ts";

/** What the room's chart knows by name: its guards, delays and actions. */
const REJOINS_MAX = 3;

type Words = Extract<RoomEvent, { type: "user.words" }>;

export const roomSetup = setup({
  types: {} as {
    context: RoomContext;
    input: CallHeader;
    events: RoomEvent;
    emitted:
      | { type: "words.late"; n: number; ref: string }
      | { type: "words.echo"; ref: string }
      | { type: "tool.finished"; call: string; how: string };
  },
  actors: { connection: effect, tool: effect, hook: effect },
  delays: {
    joinMax: ({ context }) => context.settings.room.join,
    recoverMax: ({ context }) => context.settings.room.recover,
    drainMax: ({ context }) => context.settings.room.drain,
    leaveMax: ({ context }) => context.settings.room.leave,
    grace: ({ context }) => context.settings.participant.grace,
    away: ({ context, event }) => {
      const { awayAfter, prompts, hangUpAfter } = context.settings.silence;
      const total = context.prompts < prompts ? awayAfter : hangUpAfter;
      return Math.max(0, total - (event.at - context.quietSince));
    },
  },
  guards: {
    isNewTrack: ({ context, event }) =>
      event.type === "track.published" &&
      event.kind === "audio" &&
      !context.tracks.some((track) => track.sid === event.sid),
    isKnownTrack: ({ context, event }) =>
      "sid" in event && context.tracks.some((track) => track.sid === event.sid),
    mayGreet: ({ context }) => !context.greeted && rules.textOf(context, "greeting") !== "",
    isNobodyPresent: ({ context }) => !rules.someonePresent(context),
    trackToClose: ({ context }) => context.tracks.some((track) => !track.closing),
    isSomeonePresent: ({ context }) => rules.someonePresent(context),
    leavesNobody: ({ context, event }) =>
      event.type === "participant.left" &&
      !context.participants.some((p) => p.present && p.identity !== event.identity),
    hasListener: ({ context }) => context.newer !== null,
    hasListenerBehind: ({ context, event }) =>
      event.type === "turn.over" && context.older?.n === event.n && context.newer !== null,
    endsForListener: ({ context, event }) =>
      event.type === "user.ended" &&
      context.newer !== null &&
      context.ranges.some((r) => r.n === context.newer && r.sid === event.sid && r.to === null),
    // What is not yet audible is held without waiting (3b).
    holdsAtOnce: ({ context }) =>
      rules.contestOf(context) === "pause" &&
      (context.settings.interruption.pauseAfter === 0 || context.older?.phase === "thinking"),
    isRepeated: ({ context, event }) => rules.isRepeated(context, event as Words),
    isLateForDone: ({ context, event }) => rules.isLate(context, event as Words),
    isLateForOlder: ({ context, event }) => {
      const { older } = context;
      if (older === null || rules.ownerOf(context, event as Words) !== older.n) return false;
      const { final, changed, backchannel, echo, stable } = event as Words;
      const real = stable >= context.settings.interruption.minWords && !backchannel && !echo;
      const news = final && changed && real;
      const cuts = older.phase === "thinking" && rules.contestOf(context) !== "none";
      return !cuts || !news || context.newer !== null;
    },
    isEcho: ({ event }) => (event as Words).echo,
    isMuted: ({ context }) => context.muted,
    nothingLive: ({ context }) => rules.nothingLive(context),
    somethingLive: ({ context }) => !rules.nothingLive(context),
    maySay: ({ context }) =>
      context.queue.length > 0 && rules.nothingLive(context) && !context.muted,
    mayPrompt: ({ context }) =>
      context.prompts < context.settings.silence.prompts && rules.textOf(context, "away") !== "",
    mayWait: ({ context }) => context.prompts < context.settings.silence.prompts,
    hasFarewell: ({ context }) => rules.textOf(context, "farewell") !== "",
    needsApology: ({ context, event }) =>
      event.type === "turn.over" &&
      event.kind === "user" &&
      event.status === "failed" &&
      rules.textOf(context, "apology") !== "",
    // Whoever speaks while the agent says goodbye has something to say.
    isLastTurn: ({ context, event }) =>
      event.type === "turn.over" && event.n === context.lastTurn && event.reason !== "floor taken",
    mayDrain: ({ context }) =>
      rules.nothingLive(context) && context.queue.length === 0 && context.tools.length === 0,
    toolWanted: ({ context }) => context.tools.some((tool) => tool.state === "wanted"),
    // The caller waits for a tool, or cannot be heard: silence says nothing of them (T19).
    isOccupied: ({ context }) => tools.isOccupied(context),
    isFree: ({ context }) => !tools.isOccupied(context),
    joinedDone: ({ context }) => tools.joinedTool(context) !== undefined,
    hookWanted: ({ context }) => context.afterTurns.some(({ running }) => !running),
    handsOver: ({ event }) => tools.handsOver(event),
    handsOverInTurn: ({ context, event }) => {
      const tool = context.tools.find((t) => `tool.${t.call}` === child(event));
      return tools.handsOver(event) && tool !== undefined && context.older?.n === tool.n;
    },
    // Who speaks when the agent would leave is heard first.
    hangsUpLate: ({ context, event }) =>
      tools.hangsUp(event) && rules.nothingLive(context) && context.reason === "",
    toolToStop: ({ context }) => context.tools.some((tool) => tool.state === "stop"),
    toolMayRepeat: ({ context, event }) => {
      const tool = context.tools.find((t) => `tool.${t.call}` === child(event));
      return how(event) === "lost" && tool !== undefined && (!tool.write || tool.idempotent);
    },
    isToolOfLiveTurn: ({ context, event }) => {
      const tool = context.tools.find((t) => `tool.${t.call}` === child(event));
      return tool !== undefined && context.older?.n === tool.n;
    },
    mayInterrupt: ({ context, event }) =>
      context.older !== null &&
      (context.older.pausable || (event.type === "command.interrupt" && event.force)),
    maySayNow: ({ context, event }) =>
      event.type === "command.say" && event.now && context.older?.pausable === true,
    mayRejoin: ({ context, event }) =>
      isCurrent(event) && context.reason === "" && context.rejoins < REJOINS_MAX,
    wasClosed: ({ event }) => isCurrent(event) && how(event) === "done",
    isLost: ({ event }) => isCurrent(event) && how(event) === "lost",
    // A reason to leave stands from the moment that draining begins.
    isLostWhileDraining: ({ context, event }) =>
      isCurrent(event) && how(event) === "lost" && context.reason !== "",
    isCurrent: ({ event }) => isCurrent(event),
    allQuiet: ({ context }) =>
      rules.nothingLive(context) &&
      context.tracks.length === 0 &&
      context.tools.length === 0 &&
      context.afterTurns.length === 0,
  },
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
    noteStt: assign(({ context, event }) => ({
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
        `tool.${tool.call}` === child(event) ? { ...tool, state: "wanted" as const } : tool,
      ),
    })),
    dropTool: assign(({ context, event }) => ({
      tools: context.tools.filter((tool) => `tool.${tool.call}` !== child(event)),
      quietSince: event.at,
    })),
    lateFact: emit(({ context, event }) => ({
      type: "words.late" as const,
      n: rules.ownerOf(context, event as Words) ?? 0,
      ref: (event as Words).ref,
    })),
    echoFact: emit(({ event }) => ({ type: "words.echo" as const, ref: (event as Words).ref })),
    toolFact: emit(({ event }) => ({
      type: "tool.finished" as const,
      call: child(event).replace("tool.", ""),
      how: how(event),
    })),
  },
});

function child(event: RoomEvent): string {
  return "child" in event ? event.child : "";
}
function how(event: RoomEvent): string {
  return "how" in event ? event.how : "";
}
function isCurrent(event: RoomEvent): boolean {
  return "current" in event && event.current;
}
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
