import { assign, emit, setup, spawnChild, stopChild } from "xstate";
import type { TurnEnded, TurnEvent } from "../events/turn.events.ts";
import { delaysOf, guardsOf } from "./choice.ts";
import { effect, send, tell, type Send } from "./host-actions.ts";
import * as spoken from "./turn-runs.rules.ts";
import { turnChoices, turnWaits } from "./turn.choices.ts";
import * as rules from "./turn.rules.ts";
import { NO_FILLER, NO_RUN, type Run, type TurnContext, type TurnInput } from "./turn-context.ts";

/** What the turn's chart knows by name: its guards, delays and actions. */
export const turnSetup = setup({
  types: {} as {
    context: TurnContext;
    input: TurnInput;
    events: TurnEvent;
    emitted: TurnEnded;
  },
  actors: { reply: effect, filler: effect },
  delays: delaysOf(turnWaits),
  guards: guardsOf(turnChoices),
  actions: {
    send,
    tell,
    hear: assign(({ context, event }) => {
      if (event.type !== "user.started") return {};
      return {
        voices: [...context.voices.filter((sid) => sid !== event.sid), event.sid],
        ranges: [...context.ranges, { sid: event.sid, from: event.from, to: null }],
        judged: null,
      };
    }),
    hush: assign(({ context, event }) => {
      if (event.type !== "user.ended") return {};
      const { sid, from, to } = event;
      return {
        voices: context.voices.filter((voice) => voice !== sid),
        ranges: rules.closeRange(context.ranges, { sid, from, to }),
        silentSince: event.at - event.silenceMs,
      };
    }),
    take: assign(({ context, event }) => {
      if (event.type !== "user.words") return {};
      const { type: _, at: __, ...words } = event;
      return { words: rules.takeWords(context.words, words) };
    }),
    noteJudged: assign(({ context, event }) =>
      event.type === "user.judged" && !rules.hasGoneOn(context, event)
        ? { judged: event.class }
        : {},
    ),
    newSettings: assign(({ event }) =>
      event.type === "settings.changed" ? { settings: event.settings } : {},
    ),
    noteMeasure: assign(({ event }) =>
      event.type === "measure.changed" ? { measure: event.measure } : {},
    ),
    takeLate: assign(({ context, event }) => {
      if (event.type !== "words.late") return {};
      const { type: _, at: __, ...words } = event;
      return rules.takeLate(context, words);
    }),
    merge: assign(({ context, event }) => {
      if (event.type !== "previous.ended") return {};
      const { merge } = event;
      if (!merge) return { previousDone: true, contest: "none" as const };
      return {
        previousDone: true,
        contest: "none" as const,
        words: context.words.reduce(rules.takeWords, merge.words),
        mergedFrom: [...context.mergedFrom, merge.from],
      };
    }),
    noteAnswerable: assign(({ event }) =>
      event.type === "previous.paused" ? { answerable: event.answerable } : {},
    ),
    noteStt: assign(({ event }) => (event.type === "stt.state" ? { sttDown: event.down } : {})),
    because: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    becauseFailed: assign({ reason: "answer failed" }),
    becauseNoWords: assign({ reason: "no words" }),
    becauseCut: assign({ reason: "floor taken" }),
    becauseStopped: assign(({ event }) => ({
      reason: event.type === "turn.stop" ? event.reason : "stopped",
    })),
    // One that failed would fail again: the normal request at the end of turn is the next try (3e).
    forgetSpeculation: assign(({ context, event }) => {
      if (!context.speculating) return {};
      const { maxAttempts } = context.settings.speculation;
      const failed = spoken.isEnd(event) && event.how === "failed";
      const speculations = failed ? maxAttempts : context.speculations;
      return { speculating: false, speculations, runs: context.runs.slice(0, -1) };
    }),
    startReply: spawnChild("reply", { id: "reply", input: replyInput }),
    stopReply: stopChild("reply"),
    countEmpty: assign(({ context }) => ({ emptyReplies: context.emptyReplies + 1 })),
    addSegment: assign(({ context, event }) => {
      if (event.type !== "reply.segment" && event.type !== "filler.segment") return {};
      const { ref, words, question } = event;
      const segment = { ref, words, question, ms: null, firstWordMs: 0 };
      const add = (run: Run): Run => ({ ...run, segments: [...run.segments, segment] });
      return { runs: spoken.withRun(context.runs, add, childOf(event)) };
    }),
    measureSegment: assign(({ context, event }) => {
      if (event.type !== "speech.segment") return {};
      const firstWordMs = (event.wordEndsMs[0] ?? event.ms) * context.settings.heard.minPart;
      return {
        runs: context.runs.map((run) => ({
          ...run,
          segments: run.segments.map((s) =>
            s.ref === event.ref ? { ...s, ms: event.ms, firstWordMs } : s,
          ),
        })),
      };
    }),
    notePosition: assign(({ context, event }) => {
      if (event.type !== "reply.position" && event.type !== "filler.position") return {};
      const move = (run: Run): Run => ({ ...run, started: true, positionMs: event.ms });
      return { runs: spoken.withRun(context.runs, move, childOf(event)) };
    }),
    noteEnd: assign(({ context, event }) => ({ runs: spoken.afterEnd(context, event) })),
    wantTools: assign(({ event }) => ({
      tools: spoken.toolCalls(event).map((call) => ({ ...call, asked: false, done: false })),
      waitsSince: event.at,
    })),
    noteResult: assign(({ context, event }) =>
      event.type === "tool.result"
        ? {
            agent: event.agent,
            tools: context.tools.map((t) => (t.call === event.call ? { ...t, done: true } : t)),
          }
        : {},
    ),
    beginSpeculation: assign(({ context }) => ({
      speculating: true,
      speculations: context.speculations + 1,
      asks: context.asks + 1,
      runs: [...context.runs, NO_RUN],
    })),
    adopt: assign({ speculating: false }),
    countAsk: assign(({ context }) => ({
      asks: context.asks + 1,
      runs: [...context.runs, NO_RUN],
    })),
    // The same request under the same key: the lost one's run is taken over.
    replaceRun: assign(({ context }) => ({
      runs: spoken.withRun(context.runs, () => NO_RUN),
    })),
    takeRest: assign(({ context }) => ({
      saying: spoken.unheardRefs(context),
      asks: context.asks + 1,
      runs: [...context.runs, NO_RUN],
    })),
    goOn: assign(({ context }) => spoken.afterHold(context)),
    countFiller: assign(({ context }) => ({
      fillers: context.fillers + 1,
      runs: [...context.runs, NO_FILLER],
    })),
    startFiller: spawnChild("filler", { id: "filler", input: fillerInput }),
    stopFiller: stopChild("filler"),
    markAsked: assign(({ context }) => ({
      tools: context.tools.map((tool) => ({ ...tool, asked: true })),
    })),
    clearTools: assign(({ event }) => ({ tools: [], waitsSince: event.at })),
    // A turn of the agent's own begins here; it covers no wait.
    giveUpFiller: assign(({ context }) => ({
      runs: spoken.withRun(context.runs, (run) => ({ ...run, over: true }), "filler"),
    })),
    newAgent: assign(({ event }) => {
      if (event.type !== "agent.changed") return {};
      const { agent, filler, settings } = event;
      return { agent, filler, settings };
    }),
    beginWait: assign(({ context, event }) => ({ waitsSince: event.at ?? context.waitsSince })),
    giveWay: assign({ contest: "none" }),
    leaveFact: emit(({ context }, params: { status: TurnEnded["status"] }) =>
      rules.endedFact(context, params.status),
    ),
  },
});

/** What the reply effect is told: references only; its words come from the log up to its start. */
function replyInput({ context }: { context: TurnContext }) {
  return {
    turn: context.n,
    key: `turn.${context.n}.${context.asks}`,
    saying: context.saying,
    refs: context.words.filter((w) => !w.echo).map((w) => w.ref),
    speculative: context.speculating,
    agent: context.agent,
    ...(context.measure !== "none" && { measure: context.measure }),
  };
}

/** A text that covers a wait; said beside the reply, before whatever that says. */
function fillerInput({ context }: { context: TurnContext }) {
  return {
    turn: context.n,
    key: `turn.${context.n}.filler.${context.fillers}`,
    saying: [spoken.fillerFor(context)],
    refs: [],
    speculative: false,
    agent: context.agent,
  };
}

export function toRoom(type: string, { n }: TurnContext, more: object = {}): Send {
  return { to: "room", event: { type, n, ...more } };
}

export function tellAnswering(context: TurnContext): Send {
  return toRoom("turn.answering", context, { pausable: context.pausable });
}

export function tellPaused(context: TurnContext): Send {
  return toRoom("turn.paused", context, { answerable: spoken.isAnswerable(context) });
}

export function tellTools(context: TurnContext): Send {
  const wanted = context.tools.filter((tool) => !tool.asked);
  const calls = wanted.map(({ asked: _, done: __, ...call }) => call);
  return toRoom("tools.requested", context, { calls, agent: context.agent });
}

export function tellOver(context: TurnContext, status: TurnEnded["status"]): Send {
  const { kind, reason } = context;
  const merge = status === "abandoned" ? rules.mergeOf(context) : null;
  const spokenMs = spoken.spokenMs(context);
  return toRoom("turn.over", context, { kind, status, reason, merge, spokenMs });
}

function childOf({ type }: TurnEvent): Run["child"] {
  return type.startsWith("filler.") ? "filler" : "reply";
}
