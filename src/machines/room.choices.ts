import type { RoomEvent } from "../events/room.events.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import {
  is,
  isNot,
  lessThan,
  moreThan,
  type Choice,
  type Choices,
  type Compared,
  type Waits,
} from "./choice.ts";
import * as rules from "./room.rules.ts";
import type { RoomContext } from "./room.rules.ts";
import * as budget from "./room-budget.rules.ts";
import * as tools from "./room-tools.rules.ts";
import { savesWords } from "./turn-context.ts";

/** What a room's chart decides by: its guards and delays, with all that they compare. */
interface Args {
  readonly context: RoomContext;
  readonly event: RoomEvent;
}

type Words = Extract<RoomEvent, { type: "user.words" }>;

const REJOINS_MAX = 3;

type Setting = (settings: TurnSettings) => number;
const setting = (of: string, value: Setting) => {
  return ({ context }: Args) => ({ ms: value(context.settings), of });
};

export const roomWaits = {
  joinMax: setting("room.join", ({ room }) => room.join),
  recoverMax: setting("room.recover", ({ room }) => room.recover),
  drainMax: setting("room.drain", ({ room }) => room.drain),
  leaveMax: setting("room.leave", ({ room }) => room.leave),
  grace: setting("participant.grace", ({ participant }) => participant.grace),
  away: ({ context, event }) => {
    const { awayAfter, prompts, hangUpAfter } = context.settings.silence;
    const asks = context.prompts < prompts;
    const [total, of] = asks
      ? [awayAfter, "silence.awayAfter"]
      : [hangUpAfter, "silence.hangUpAfter"];
    const ms = Math.max(0, total - (event.at - context.quietSince));
    return { ms, of: `${of} ${total}, less ${total - ms} of silence` };
  },
} satisfies Waits<Args>;

export const roomChoices = {
  isNewTrack: ({ context, event }) => [
    is("event", event.type, "track.published"),
    is("kind", event.type === "track.published" ? event.kind : "none", "audio"),
    is("the track is known", isKnown(context, event), false),
  ],
  isKnownTrack: ({ context, event }) => [is("the track is known", isKnown(context, event))],
  mayGreet: ({ context }) => [is("greeted", context.greeted, false), hasText(context, "greeting")],
  isNobodyPresent: ({ context }) => [someonePresent(context, false)],
  trackToClose: ({ context }) => [moreThan("open tracks", openTracks(context), 0)],
  isSomeonePresent: ({ context }) => [someonePresent(context)],
  leavesNobody: ({ context, event }) => {
    const who = event.type === "participant.left" ? event.identity : "";
    const rest = context.participants.filter((p) => p.present && p.identity !== who);
    return [is("event", event.type, "participant.left"), is("others present", rest.length, 0)];
  },
  hasListener: ({ context }) => [hasListener(context)],
  hasListenerBehind: ({ context, event }) => [
    is("event", event.type, "turn.over"),
    is("turn that answered", context.older?.n ?? 0, event.type === "turn.over" ? event.n : 0),
    hasListener(context),
  ],
  endsForListener: ({ context, event }) => {
    const sid = event.type === "user.ended" ? event.sid : "";
    const open = context.ranges.some(
      (r) => r.n === context.newer && r.sid === sid && r.to === null,
    );
    return [
      is("event", event.type, "user.ended"),
      hasListener(context),
      is("its speech goes on", open),
    ];
  },
  // What is not yet audible is held without waiting (3b).
  holdsAtOnce: ({ context }) => {
    const { pauseAfter } = context.settings.interruption;
    const silent = context.older?.phase === "thinking";
    return [
      is("contest", rules.contestOf(context), "pause"),
      is("ms to hold after", silent ? 0 : pauseAfter, 0),
    ];
  },
  isRepeated: ({ context, event }) => [
    is("told before", rules.isRepeated(context, event as Words)),
  ],
  isLateForDone: ({ context, event }) => [
    is("words of a turn that is over", rules.isLate(context, event as Words)),
  ],
  isLateForOlder: ({ context, event }) => lateForOlder(context, event as Words),
  isEcho: ({ event }) => [is("echo", (event as Words).echo)],
  isMuted: ({ context }) => [is("muted", context.muted)],
  nothingLive: ({ context }) => [is("turns that are live", rules.liveTurns(context), 0)],
  somethingLive: ({ context }) => [moreThan("turns that are live", rules.liveTurns(context), 0)],
  maySay: ({ context }) => [
    moreThan("texts to say", context.queue.length, 0),
    is("turns that are live", rules.liveTurns(context), 0),
    is("muted", context.muted, false),
  ],
  mayPrompt: ({ context }) => [
    promptsLeft(context),
    is("words are saved", savesWords(context.measure), false),
    hasText(context, "away"),
  ],
  mayWait: ({ context }) => [promptsLeft(context)],
  hasFarewell: ({ context }) => [hasText(context, "farewell")],
  changesMeasure: ({ context, event }) => [
    isNot("measure", budget.measureAfter(context, event), context.measure),
  ],
  mustLeave: ({ context, event }) => [
    isNot("measure so far", context.measure, "farewell"),
    is("measure", budget.measureAfter(context, event), "farewell"),
  ],
  // An answer that could not be paid for: the farewell is what is said of it.
  needsApology: ({ context, event }) => [
    is("event", event.type, "turn.over"),
    is("kind", event.type === "turn.over" ? event.kind : "none", "user"),
    is("status", event.type === "turn.over" ? event.status : "none", "failed"),
    isNot("measure", context.measure, "farewell"),
    hasText(context, "apology"),
  ],
  // They spoke, and nobody could write it down: they may type.
  wasUnheard: ({ context, event }) => [
    is("event", event.type, "turn.over"),
    is("reason", event.type === "turn.over" ? event.reason : "none", "no words"),
    is("speech-to-text is down", rules.isSttDown(context)),
    is("they were told", context.saidUnheard, false),
    hasText(context, "unheard"),
  ],
  // Whoever speaks while the agent says goodbye has something to say.
  isLastTurn: ({ context, event }) => [
    is("event", event.type, "turn.over"),
    is("turn", event.type === "turn.over" ? event.n : 0, context.lastTurn ?? "none"),
    isNot("reason", event.type === "turn.over" ? event.reason : "", "floor taken"),
  ],
  mayDrain: ({ context }) => [
    is("turns that are live", rules.liveTurns(context), 0),
    is("texts to say", context.queue.length, 0),
    is("tools", context.tools.length, 0),
  ],
  toolWanted: ({ context }) => [moreThan("tools to start", toolsThat(context, "wanted"), 0)],
  // The caller waits for a tool, or cannot be heard: silence says nothing of them (T19).
  isOccupied: ({ context }) => [occupied(context, true)],
  isFree: ({ context }) => [occupied(context, false)],
  joinedDone: ({ context }) => [
    is("what a call has joined is done", tools.joinedTool(context) !== undefined),
  ],
  hookWanted: ({ context }) => [
    moreThan("hooks to start", context.afterTurns.filter(({ running }) => !running).length, 0),
  ],
  handsOver: ({ event }) => [is("the result names an agent", tools.handsOver(event))],
  handsOverInTurn: ({ context, event }) => [
    is("the result names an agent", tools.handsOver(event)),
    ofLiveTurn(context, event),
  ],
  // Who speaks when the agent would leave is heard first.
  hangsUpLate: ({ context, event }) => [
    is("the result hangs up", tools.hangsUp(event)),
    is("turns that are live", rules.liveTurns(context), 0),
    is("reason to leave", context.reason, ""),
  ],
  toolToStop: ({ context }) => [moreThan("tools to stop", toolsThat(context, "stop"), 0)],
  toolMayRepeat: ({ context, event }) => {
    const tool = tools.toolOf(context, event);
    return [
      is("the tool's end", tools.howOf(event), "lost"),
      is("it may run again", tool !== undefined && (!tool.write || tool.idempotent)),
    ];
  },
  isToolOfLiveTurn: ({ context, event }) => [ofLiveTurn(context, event)],
  mayInterrupt: ({ context, event }) => [
    isNot("turn that answers", context.older?.n ?? "none", "none"),
    is(
      "it may be interrupted",
      context.older?.pausable === true || (event.type === "command.interrupt" && event.force),
    ),
  ],
  maySayNow: ({ context, event }) => [
    is("now", event.type === "command.say" && event.now),
    is("the answer may be interrupted", context.older?.pausable === true),
  ],
  mayRejoin: ({ context, event }) => [
    isCurrent(event),
    is("reason to leave", context.reason, ""),
    lessThan("times joined anew", context.rejoins, REJOINS_MAX),
  ],
  wasClosed: ({ event }) => [isCurrent(event), is("the end", tools.howOf(event), "done")],
  isLost: ({ event }) => [isCurrent(event), is("the end", tools.howOf(event), "lost")],
  // A reason to leave stands from the moment that draining begins.
  isLostWhileDraining: ({ context, event }) => [
    isCurrent(event),
    is("the end", tools.howOf(event), "lost"),
    isNot("reason to leave", context.reason, ""),
  ],
  isCurrent: ({ event }) => [isCurrent(event)],
  allQuiet: ({ context }) => [
    is("turns that are live", rules.liveTurns(context), 0),
    is("tracks", context.tracks.length, 0),
    is("tools", context.tools.length, 0),
    is("hooks", context.afterTurns.length, 0),
  ],
} satisfies Choices<Args>;

/** Words of a turn that answers, which are not to cut it. */
function lateForOlder(context: RoomContext, words: Words): Choice {
  const { older, newer } = context;
  const { final, changed, backchannel, echo, stable } = words;
  const real = stable >= context.settings.interruption.minWords && !backchannel && !echo;
  const cuts = older?.phase === "thinking" && rules.contestOf(context) !== "none";
  return [
    is("whose words", rules.ownerOf(context, words) ?? "nobody's", older?.n ?? "none"),
    is("news that cut", cuts && final && changed && real && newer === null, false),
  ];
}

function isKnown({ tracks }: RoomContext, event: RoomEvent): boolean {
  return "sid" in event && tracks.some(({ sid }) => sid === event.sid);
}
function openTracks({ tracks }: RoomContext): number {
  return tracks.filter(({ closing }) => !closing).length;
}
function toolsThat(context: RoomContext, state: tools.ToolState): number {
  return context.tools.filter((tool) => tool.state === state).length;
}
function hasText(context: RoomContext, name: string): Compared {
  return isNot(`text for ${name}`, rules.textOf(context, name), "");
}
function someonePresent(context: RoomContext, wanted = true): Compared {
  return is("somebody is there", rules.someonePresent(context), wanted);
}
function hasListener({ newer }: RoomContext): Compared {
  return isNot("turn that listens", newer ?? "none", "none");
}
function promptsLeft({ prompts, settings }: RoomContext): Compared {
  return lessThan("prompts", prompts, settings.silence.prompts);
}
function occupied(context: RoomContext, wanted: boolean): Compared {
  return is("muted, or a tool works", tools.isOccupied(context), wanted);
}
function ofLiveTurn(context: RoomContext, event: RoomEvent): Compared {
  const n = tools.toolOf(context, event)?.n;
  return is("the turn that asked answers still", n !== undefined && context.older?.n === n);
}
function isCurrent(event: RoomEvent): Compared {
  return is("the end of the one that runs", "current" in event && event.current);
}
