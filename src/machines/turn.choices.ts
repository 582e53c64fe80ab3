import type { EndEvent } from "../events/effect.events.ts";
import type { TurnEvent, TurnWords } from "../events/turn.events.ts";
import {
  atLeast,
  atMost,
  is,
  isNot,
  lessThan,
  moreThan,
  type Choice,
  type Choices,
  type Compared,
  type Wait,
  type Waits,
} from "./choice.ts";
import * as spoken from "./turn-runs.rules.ts";
import * as rules from "./turn.rules.ts";
import type { TurnContext } from "./turn-context.ts";

/** What a turn's chart decides by: its guards and delays, with all that they compare. */
interface Args {
  readonly context: TurnContext;
  readonly event: TurnEvent;
}

type Setting = (settings: TurnContext["settings"]) => number;

function setting(of: string, value: Setting): (args: Args) => Wait {
  return ({ context }) => ({ ms: value(context.settings), of });
}

export const turnWaits = {
  endOfTurn: ({ context, event }) => rest(endDelay(context), context, event),
  lateFinal: ({ context, event }) => {
    const { wait, sttWait } = context.settings.transcript;
    const end = endDelay(context);
    const more: Wait = context.sttDown
      ? { ms: sttWait, of: "transcript.sttWait" }
      : { ms: wait, of: "transcript.wait" };
    return rest(
      { ms: end.ms + more.ms, of: `${end.of} and ${more.of} ${more.ms}` },
      context,
      event,
    );
  },
  pauseMax: setting("interruption.pauseMax", (s) => s.interruption.pauseMax),
  resumeAfter: setting("interruption.resumeAfter", (s) => s.interruption.resumeAfter),
  confirmDuration: setting("interruption.confirmDuration", (s) => s.interruption.confirmDuration),
  listeningMax: setting("listening.max", (s) => s.listening.max),
  pauseAfter: setting("interruption.pauseAfter", (s) => s.interruption.pauseAfter),
  fillerAfter: ({ context, event }) => {
    const { fillerAfter } = context.settings.answer;
    return restOfWait({ ms: fillerAfter, of: "answer.fillerAfter" }, context, event);
  },
  sayWhileAfter: ({ context, event }) => {
    const { sayWhileAfter } = context.settings.tool;
    return restOfWait({ ms: sayWhileAfter, of: "tool.sayWhileAfter" }, context, event);
  },
  answerTotal: setting("answer.total", (s) => s.answer.total),
  stall: setting("answer.stall", (s) => s.answer.stall),
  toolsMax: setting("tool.timeout and a second", (s) => s.tool.timeout + 1_000),
  heldMax: setting("interruption.pauseMax and a second", (s) => s.interruption.pauseMax + 1_000),
  interruptedMax: setting("interrupted.max", (s) => s.interrupted.max),
} satisfies Waits<Args>;

function endDelay(context: TurnContext): Wait {
  const ms = rules.endDelay(context);
  return { ms, of: `the words sound ${rules.endClass(context)}: ${ms}` };
}

function rest({ ms, of }: Wait, context: TurnContext, { at }: TurnEvent): Wait {
  const left = rules.restOf(ms, context, at);
  return { ms: left, of: `${of}, less ${ms - left} of silence` };
}

function restOfWait({ ms, of }: Wait, context: TurnContext, { at }: TurnEvent): Wait {
  const left = rules.restOfWait(ms, context, at);
  return { ms: left, of: `${of} ${ms}, less ${ms - left} that were waited` };
}

export const turnChoices = {
  isAgentTurn: ({ context }) => [is("kind", context.kind, "agent")],
  allQuiet: ({ context }) => [is("tracks that speak", context.voices.length, 0)],
  isContested: ({ context }) => [is("contest", context.contest, "pause")],
  wordsAreReal: ({ context, event }) => rules.realness(event as unknown as TurnWords, context),
  onlyBackchannel: ({ context }) => [
    moreThan("utterances", context.words.length, 0),
    is("a yes would be an answer", context.answerable, false),
    is("real utterances", context.words.filter((w) => !w.backchannel && !w.echo).length, 0),
  ],
  mayAnswer: ({ context }) => [previousDone(context), hasWords(context)],
  mayAnswerSettled: ({ context }) => [previousDone(context), isSettled(context), hasWords(context)],
  mustWaitForPrevious: ({ context }) => [previousDone(context, false), hasWords(context)],
  onlyPreviousMissing: ({ context }) => [
    previousDone(context, false),
    isSettled(context),
    hasWords(context),
  ],
  cutsByEcho: ({ context, event }) => [
    is("event", event.type, "user.words"),
    is("contest", context.contest, "echo"),
    atLeast("real words", rules.realWords(context), context.settings.interruption.echoWords),
  ],
  maySpeculate: ({ context }) => speculation(context),
  isSpeculating: ({ context }) => [is("asked ahead", context.speculating)],
  makesStale: ({ context, event }) => [
    is("asked ahead", context.speculating),
    is("the words are new", event.type === "user.words" && rules.changesRequest(context, event)),
  ],
  isPausable: ({ context }) => [is("the answer may be interrupted", context.pausable)],
  hasSegments: ({ context }) => [is("something was said", spoken.hasSegments(context))],
  sttIsDown: ({ context }) => [is("speech-to-text is down", context.sttDown)],
  isCurrent: ({ event }) => isCurrent(event, true),
  isStale: ({ event }) => isCurrent(event, false),
  wantsTools: ({ event }) => [
    isDone(event),
    moreThan("tool calls", spoken.toolCalls(event).length, 0),
  ],
  isDone: ({ event }) => [isDone(event)],
  isEmpty: ({ context, event }) => [isDone(event), unheard(context, event)],
  fillerRuns: ({ context }) => [is("a filler is heard", spoken.fillerRuns(context))],
  onlyEndIsLost: ({ context }) => [
    is("the reply is lost", spoken.isLost(context)),
    is("something was said", spoken.hasSegments(context)),
    is("unheard sentences", spoken.unheardRefs(context).length, 0),
  ],
  replyIsOver: ({ context }) => [is("the reply is over", spoken.replyIsOver(context))],
  isDoneAfterTools: ({ context, event }) => [
    isDone(event),
    is("the answer was heard", spoken.hasAnswered(context)),
  ],
  wasHeardOut: ({ context, event }) => [
    isDone(event),
    is("tool calls", spoken.toolCalls(event).length, 0),
    is("something was said", spoken.hasSegments(context)),
  ],
  isEmptyAgain: ({ context, event }) => [
    moreThan("empty replies before", context.emptyReplies, 0),
    isDone(event),
    unheard(context, event),
  ],
  hasFailed: ({ event }) => [is("the reply's end", howOf(event), "failed")],
  wasLostAfterAll: ({ context, event }) => [
    isNot("the reply's end", howOf(event), "done"),
    is("unheard sentences", spoken.unheardRefs(context).length, 0),
  ],
  lastToolIn: ({ context, event }) => {
    const call = event.type === "tool.result" ? event.call : "";
    const open = context.tools.filter((tool) => !tool.done && tool.call !== call);
    return [is("event", event.type, "tool.result"), is("tools that work on", open.length, 0)];
  },
  hasTools: ({ context }) => [moreThan("tools", context.tools.length, 0)],
  holdsLate: ({ context }) => [
    moreThan("interruption.pauseAfter", context.settings.interruption.pauseAfter, 0),
  ],
  mayFill: ({ context }) => [
    isNot("what to say meanwhile", spoken.fillerFor(context), ""),
    is("a filler is under way", spoken.fillerIsLive(context), false),
  ],
  fillerIsSilent: ({ context }) => [is("a filler waits to begin", spoken.fillerIsSilent(context))],
  nothingRuns: ({ context }) => [nothingRuns(context)],
  stillRuns: ({ context }) => [moreThan("effects that speak", spoken.liveRuns(context), 1)],
  toolsDone: ({ context }) => [
    moreThan("tools", context.tools.length, 0),
    is("tools that work on", context.tools.filter((tool) => !tool.done).length, 0),
  ],
  nothingRunsAndHeard: ({ context }) => [nothingRuns(context), heard(context)],
  willHaveHeard: ({ context, event }) => [heard({ runs: spoken.afterEnd(context, event) })],
  heardSome: ({ context }) => [heard(context)],
} satisfies Choices<Args>;

/** 3e: while the user may still go on; not for words that clearly want more. */
function speculation(context: TurnContext): Choice {
  const { enabled, maxAttempts, maxSpeech } = context.settings.speculation;
  return [
    is("speculation.enabled", enabled),
    is("asked ahead", context.speculating, false),
    previousDone(context),
    lessThan("requests ahead", context.speculations, maxAttempts),
    atMost("ms of speech", rules.speechMs(context), maxSpeech),
    hasWords(context),
    isSettled(context),
    isNot("the words sound", rules.endClass(context), "hanging"),
  ];
}

function previousDone({ previousDone: done }: TurnContext, wanted = true): Compared {
  return is("the turn before is over", done, wanted);
}
function hasWords(context: TurnContext): Compared {
  return moreThan("words", rules.spokenWords(context), 0);
}
function isSettled(context: TurnContext): Compared {
  return is("all speech is written down", rules.isSettled(context));
}
function nothingRuns(context: TurnContext): Compared {
  return is("effects that speak", spoken.liveRuns(context), 0);
}
function heard(runs: Pick<TurnContext, "runs">): Compared {
  return is("something was heard", spoken.anyHeard(runs));
}
function unheard(context: TurnContext, event: TurnEvent): Compared {
  const runs = spoken.afterEnd(context, event);
  return is("the answer was heard", spoken.hasAnswered({ runs }), false);
}
function howOf(event: TurnEvent): EndEvent["how"] | "not yet" {
  return spoken.isEnd(event) ? event.how : "not yet";
}
function isDone(event: TurnEvent): Compared {
  return is("the reply's end", howOf(event), "done");
}
function isCurrent(event: TurnEvent, wanted: boolean): Choice {
  return [is("the end of the reply that runs", spoken.isEnd(event) && event.current, wanted)];
}
