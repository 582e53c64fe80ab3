import type { DueMeasure } from "../events/budget.events.ts";
import type { AgentNow, RoomEvent, Saying } from "../events/room.events.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import type { RequestedTool, UserWords } from "../events/turn.events.ts";
import type { Open, Send } from "./host-actions.ts";
import type { TurnInput } from "./turn-context.ts";
import { overlaps } from "./turn.rules.ts";

/** What a room knows: who is there, who has the floor, what is to be said, which tools run. */
export interface RoomContext {
  readonly settings: TurnSettings;
  readonly texts: readonly string[];
  /** The agent that goes on with the call; `""` is the one it began with. */
  readonly agent: string;
  readonly agentName: string;
  /** Settings by agent, of all that the call may be handed to. */
  readonly agents: Readonly<Record<string, TurnSettings>>;
  readonly hooks: readonly string[];
  /** Hooks after turns that are over: to be started, then until they end. */
  readonly afterTurns: readonly { readonly n: number; readonly running: boolean }[];
  readonly participants: readonly {
    readonly identity: string;
    readonly name: string;
    readonly present: boolean;
  }[];
  readonly tracks: readonly Track[];
  /** Number of the last turn opened. */
  readonly n: number;
  /** The turn that answers or was interrupted, and the one that listens: at most one of each. */
  readonly older: Answering | null;
  readonly newer: number | null;
  /** The latest speech and whose it is, so that a late final finds its turn. */
  readonly ranges: readonly OwnedRange[];
  /** The latest words and the turn that has them, so that nothing is taken twice. */
  readonly heard: readonly HeardWords[];
  readonly queue: readonly Saying[];
  /** The turn after which the room is left. */
  readonly lastTurn: number | null;
  readonly tools: readonly RunningTool[];
  /** The last turns that got an answer: their late finals open nothing. */
  readonly answered: readonly number[];
  readonly spokenMs: number;
  /** Since when nothing was said, but for noise; record ms, 0 while nobody has been there. */
  readonly quietSince: number;
  readonly greeted: boolean;
  /** The caller was told that nobody can hear them, since speech-to-text is down. */
  readonly saidUnheard: boolean;
  readonly muted: boolean;
  /** What a budget of the call asks for; the call ends by a farewell. */
  readonly measure: DueMeasure;
  readonly prompts: number;
  readonly rejoins: number;
  readonly reason: string;
}

interface Track {
  readonly sid: string;
  readonly identity: string;
  readonly closing: boolean;
  /** Its speech-to-text is gone for now: who speaks is not written down. */
  readonly sttDown: boolean;
}

interface Answering {
  readonly n: number;
  readonly phase: "thinking" | "speaking" | "interrupted";
  readonly pausable: boolean;
}

interface OwnedRange {
  readonly n: number;
  readonly sid: string;
  readonly from: number;
  readonly to: number | null;
}

interface HeardWords {
  readonly ref: string;
  readonly sid: string;
  readonly from: number;
  readonly to: number;
  readonly final: boolean;
  /** Most words of it that were sure. */
  readonly stable: number;
  readonly n: number;
  /** Beside the words of its turn, and not among them: a merge leaves it behind. */
  readonly late: boolean;
}

export interface RunningTool extends RequestedTool {
  readonly n: number;
  /** Who asked for it. */
  readonly agent: string;
  /** `joined`: waits for the result of the pending write it asks for once more. */
  readonly state: "wanted" | "joined" | "running" | "stop" | "stopping";
}

/** Speech is remembered for this many ranges: enough for any late final. */
const RANGES_MAX = 16;
const HEARD_MAX = 16;
const AUDIO_SLACK_MS = 200;

export function newRoom(header: AgentNow): RoomContext {
  return {
    ...agentNow(header),
    agent: "",
    afterTurns: [],
    participants: [],
    tracks: [],
    n: 0,
    older: null,
    newer: null,
    ranges: [],
    heard: [],
    queue: [],
    lastTurn: null,
    tools: [],
    answered: [],
    spokenMs: 0,
    quietSince: 0,
    greeted: false,
    saidUnheard: false,
    muted: false,
    measure: "none",
    prompts: 0,
    rejoins: 0,
    reason: "",
  };
}

/** An agent as the room keeps it; under `""` the settings of the one the call began with. */
export function agentNow({ agent, settings, agents, texts, hooks }: AgentNow) {
  const all: RoomContext["agents"] = { "": settings, ...agents };
  return { agentName: agent?.name ?? "", settings, agents: all, texts, hooks };
}

/** Name of a text the agent says, its own before the first one's; `""` where there is none. */
export function textOf({ agent, texts }: RoomContext, name: string): string {
  const own = `${agent}/${name}`;
  if (agent !== "" && texts.includes(own)) return own;
  return texts.includes(name) ? name : "";
}

/** Whom words belong to: who has had them, else whose speech holds most of them, or nobody. */
export function ownerOf(context: RoomContext, words: UserWords): number | null {
  const before = heardBefore(context, words);
  return before ? before.n : speakerOf(context, words);
}

function heardBefore({ heard }: RoomContext, words: UserWords): HeardWords | undefined {
  return heard.find((h) => h.ref === words.ref || (h.final && words.final && overlaps(h, words)));
}

/**
 * Words that ask nothing new (T8, T10): told again, as after a resend, when their turn listens no
 * more, or only the interim of what is over.
 */
export function isRepeated(context: RoomContext, words: UserWords): boolean {
  const before = heardBefore(context, words);
  if (before?.final && before.n !== context.newer) return true;
  return !words.final && isLate(context, words);
}

/** Who takes words; nobody has those of an echo. */
export type Holder = "owner" | "older" | "newer" | "nobody";

export function withHeard(
  context: RoomContext,
  words: UserWords,
  of: Holder,
): readonly HeardWords[] {
  const { ref, sid, from, to, final, stable } = words;
  const holders = { older: context.older?.n, newer: context.newer, nobody: null };
  const n = (of === "owner" ? ownerOf(context, words) : holders[of]) ?? 0;
  const before = context.heard.find((h) => h.ref === ref);
  const late = of !== "newer" && (before === undefined || before.n !== n || before.late);
  const rest = context.heard.filter((h) => h !== before);
  const known = final || before?.final === true;
  const sure = Math.max(stable, before?.stable ?? 0);
  return [...rest, { ref, sid, from, to, final: known, stable: sure, n, late }].slice(-HEARD_MAX);
}

function speakerOf({ ranges }: RoomContext, words: UserWords): number | null {
  let best = 0;
  let owner: number | null = null;
  for (const range of ranges) {
    if (range.sid !== words.sid) continue;
    const end = (range.to ?? Infinity) + AUDIO_SLACK_MS;
    const shared = Math.min(end, words.to) - Math.max(range.from - AUDIO_SLACK_MS, words.from);
    if (shared > best) [best, owner] = [shared, range.n];
  }
  return owner;
}

/**
 * Words of a turn that is over: of an answered one they come too late to ask anything new, and a
 * back-channel or what was known for sure from an interim opens nothing either. What nobody could
 * be sure of while its turn lasted does.
 */
export function isLate(context: RoomContext, words: UserWords): boolean {
  const owner = ownerOf(context, words);
  if (owner === null || owner === context.newer || owner === context.older?.n) return false;
  const sure = heardBefore(context, words)?.stable ?? 0;
  const known = !words.changed && sure >= context.settings.interruption.minWords;
  return context.answered.includes(owner) || words.backchannel || known;
}

export function withRange(
  context: RoomContext,
  n: number,
  event: RoomEvent,
): readonly OwnedRange[] {
  if (event.type !== "user.started") return context.ranges;
  const { sid, from } = event;
  return [...context.ranges, { n, sid, from, to: null }].slice(-RANGES_MAX);
}

export function endRange(context: RoomContext, event: RoomEvent): readonly OwnedRange[] {
  if (event.type !== "user.ended") return context.ranges;
  const { sid, to } = event;
  return context.ranges.map((r) => (r.sid === sid && r.to === null ? { ...r, to } : r));
}

/** How a new turn meets the one before it (rules b, c, i). */
export function contestOf({ older, settings, spokenMs }: RoomContext): TurnInput["contest"] {
  if (!older || older.phase === "interrupted" || !older.pausable) return "none";
  if (!settings.interruption.enabled) return "none";
  const guarded = older.phase === "speaking" && spokenMs < settings.interruption.echoGuard;
  return guarded ? "echo" : "pause";
}

function userTurn(context: RoomContext, at: number): TurnInput {
  return {
    n: context.n,
    kind: "user",
    contest: contestOf(context),
    previousDone: context.older === null,
    pausable: context.settings.interruption.enabled,
    saying: null,
    sttDown: isSttDown(context),
    agent: context.agent,
    filler: textOf(context, "filler"),
    measure: context.measure,
    settings: context.settings,
    at,
  };
}

function agentTurn(context: RoomContext): TurnInput {
  const saying = context.queue[0];
  return {
    n: context.n,
    kind: "agent",
    contest: "none",
    previousDone: true,
    pausable: saying?.pausable ?? true,
    saying: saying ? [saying.ref] : [],
    sttDown: false,
    agent: context.agent,
    filler: "",
    measure: context.measure,
    settings: context.settings,
    at: 0,
  };
}

function turnAddress(n: number): string {
  return `turn.${n}`;
}

export function someonePresent({ participants }: RoomContext): boolean {
  return participants.some((p) => p.present);
}

/** Turns that are not over: at most two. */
export function liveTurns({ older, newer }: RoomContext): number {
  return (older === null ? 0 : 1) + (newer === null ? 0 : 1);
}

export function toTurn(n: number, event: Send["event"]): Send {
  return { to: turnAddress(n), event };
}

/** An event of a track, handed on as it came. */
export function pass(n: number | null, event: RoomEvent): Send {
  const { at: _, ...plain } = event;
  return toTurn(n ?? 0, plain);
}

export function late({ older }: RoomContext, event: RoomEvent): Send {
  return pass(older?.n ?? 0, { ...(event as UserWords), type: "words.late" as "user.words" });
}

export function toOlder({ older }: RoomContext, type: string): Send {
  return toTurn(older?.n ?? 0, { type });
}

export function stopOlder({ older }: RoomContext, reason: string): Send {
  return stop(older?.n ?? null, reason);
}

/** The listening turn learns that the answer holds, and whether a "yes" would be meant for it. */
export function passOn({ newer }: RoomContext, event: RoomEvent): Send {
  const answerable = event.type === "turn.paused" && event.answerable;
  return toTurn(newer ?? 0, { type: "previous.paused", answerable });
}

export function isSttDown({ tracks }: RoomContext): boolean {
  return tracks.some((track) => track.sttDown);
}

export function closeTrack(sid: string): Send {
  return { to: `track.${sid}`, event: { type: "track.close" } };
}

export function closeFirstTrack({ tracks }: RoomContext): Send {
  return closeTrack(tracks.find((track) => !track.closing)?.sid ?? "");
}

export function openUser(context: RoomContext, { at }: RoomEvent): Open {
  const input = userTurn(context, at);
  return { address: turnAddress(input.n), machine: "turn", input };
}

export function openSaying(context: RoomContext): Open {
  const input = agentTurn(context);
  return { address: turnAddress(input.n), machine: "turn", input };
}

/** Typed words are an utterance by themselves. */
export function typed({ newer }: RoomContext, event: RoomEvent): Send {
  return toTurn(newer ?? 0, typedWords(event));
}

function typedWords(event: RoomEvent): Send["event"] {
  const {
    identity,
    ref,
    words,
    class: end,
    at,
  } = event as Extract<RoomEvent, { type: "text.received" }>;
  const flags = { final: true, changed: true, backchannel: false, echo: false };
  const span = { from: at, to: at, words, stable: Math.max(1, words) };
  return { type: "user.words", sid: "text", identity, ref, class: end, ...flags, ...span };
}

/** The end of a turn gives the floor free; what it leaves undone is stopped. */
export function afterTurn(context: RoomContext, event: RoomEvent): Partial<RoomContext> {
  if (event.type !== "turn.over") return {};
  const { n, kind, status, spokenMs, merge } = event;
  const heir = merge ? context.newer : null;
  const staysOn = n === context.lastTurn && event.reason === "floor taken";
  const cut = status === "cutOff" || status === "abandoned";
  return {
    older: context.older?.n === n ? null : context.older,
    newer: context.newer === n ? null : context.newer,
    ...(staysOn && { lastTurn: null, reason: context.measure === "farewell" ? "budget" : "" }),
    answered: status === "abandoned" ? context.answered : [...context.answered, n].slice(-4),
    heard: heir === null ? context.heard : inherit(context.heard, n, heir),
    spokenMs: context.spokenMs + spokenMs,
    quietSince: status === "abandoned" ? context.quietSince : event.at,
    prompts: kind === "user" && status !== "abandoned" ? 0 : context.prompts,
    tools: context.tools
      .filter(isNotJoinedBy(n))
      .map((tool) =>
        tool.n === n && cut && tool.cancels && tool.state === "running"
          ? { ...tool, state: "stop" as const }
          : tool,
      ),
    afterTurns:
      kind === "user" && status !== "abandoned" && context.hooks.includes("afterTurn")
        ? [...context.afterTurns, { n, running: false }]
        : context.afterTurns,
  };
}

/** Who waited for another's result with a turn that is over waits no more. */
function isNotJoinedBy(n: number): (tool: RunningTool) => boolean {
  return (tool) => tool.n !== n || tool.state !== "joined";
}

function inherit(heard: readonly HeardWords[], from: number, n: number): readonly HeardWords[] {
  return heard.map((h) => (h.n === from && !h.late ? { ...h, n } : h));
}

export function stop(n: number | null, reason: string): Send {
  return toTurn(n ?? 0, { type: "turn.stop", reason });
}

/** The floor is free: the listening turn may answer, and takes over what was not heard. */
export function hand({ newer, heard }: RoomContext, event: RoomEvent): Send {
  const over = event.type === "turn.over" ? event.merge : null;
  // What another turn has had meanwhile is not told twice (T8).
  const isOwn = ({ ref }: { readonly ref: string }): boolean =>
    (heard.find((h) => h.ref === ref)?.n ?? over?.from) === over?.from;
  const merge = over && { ...over, words: over.words.filter(isOwn) };
  return toTurn(newer ?? 0, { type: "previous.ended", merge });
}
