import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { TestCall } from "./call.ts";
import {
  PAIRS,
  afterTool,
  covered,
  coveredEarly,
  coveredWork,
  done,
  fixed,
  guarded,
  hushedOver,
  interrupted,
  joining,
  listening,
  live,
  mark,
  outcomeSince,
  overtaken,
  patient,
  paused,
  returned,
  says,
  speaking,
  strict,
  strictFiller,
  thinking,
  thinkingEarly,
  toolOfDone,
  waiting,
  withTexts,
  working,
  type Pair,
} from "./two-live-turns.ts";

/**
 * Both live turns at once, for everything that can happen. Each cell is an outside input to the
 * fold of a whole call. An outcome is the states of n and n+1, then what was asked of effects and
 * told, in order. What a cell has in `differs` is explained under that id in
 * `docs/spec/two-live-turns.md`; the reasons of the impossible stand there too.
 */
type Event =
  | "user.started"
  | "words, interim and real"
  | "words, final and real"
  | "words, back-channel"
  | "late final of n"
  | "user.ended"
  | "end-of-turn timer"
  | "resume and pause timers"
  | "speech.judged"
  | "reply.segment"
  | "reply.ended done"
  | "reply.ended failed"
  | "reply.ended otherwise"
  | "reply.position"
  | "reply.switched"
  | "reply.retried"
  | "filler"
  | "filler.ended"
  | "tool ends"
  | "hook ends"
  | "set"
  | "agent"
  | "say"
  | "interrupt"
  | "mute"
  | "participant.left"
  | "stt.down"
  | "answer timers"
  | "listening.max";

interface Case {
  readonly given?: string;
  /** Another way to the pair than the usual one. */
  readonly from?: () => TestCall;
  /** Another input than the row's usual one; may be several. */
  readonly by?: Input;
  readonly to: string;
  /** Timers of both turns and the room that run afterwards. */
  readonly armed?: string;
  /** Why it cannot occur; what is done if it does stands in `to`. */
  readonly impossible?: "I1" | "I2" | "I3" | "I5" | "I6" | "I8";
  /** A difference from the table that was planned. */
  readonly differs?: string;
}
type Input = (call: TestCall) => unknown;

const heard =
  (type: "stt.interim" | "stt.final", more: object = {}): Input =>
  (call) =>
    call.heard(type, more as never);
const say =
  (now: boolean): Input =>
  (call) =>
    call.command({ name: "say", ref: "x1", chars: 20, now });
const stop =
  (force: boolean): Input =>
  (call) =>
    call.command({ name: "interrupt", force });
const fire =
  (name: string): Input =>
  (call) =>
    call.fire(name);
const end =
  (how: string, more: object = {}): Input =>
  (call) =>
    call.replyEnds(how, more as never);
/** One input after the other. */
const all =
  (...inputs: readonly Input[]): Input =>
  (call) =>
    inputs.forEach((input) => input(call));

const MORE = { cancels: true, sayWhile: "", joins: "" };
const CALLS = [{ call: "c1", name: "find", write: false, idempotent: true, ...MORE }];
const WANTS = { result: { toolCalls: CALLS }, position: 1_200 };
const BACKCHANNEL = heard("stt.final", { words: 1, stable: 1, backchannel: true });
const BOB: Input = (call) => call.started("b");
const HUSH: Input = (call) => call.hushed();
const STT_DOWN: Input = (call) =>
  call.progress("track.a", "stt", { type: "stt.down", resendFrom: 0 });
/** The end of the speech of n+1 with its final words, up to its end of turn. */
const FINISH = all((call) => call.finishes("w2"), fire("endOfTurn"));
const LATE =
  (changed: boolean): Input =>
  (call) =>
    call.late(changed);
const STOPPED = (position: number): Input => end("stopped", { position });

const NEW_SETTINGS: Input = (call) =>
  call.command({ name: "set", settings: TurnSettings.parse({ interruption: { echoWords: 1 } }) });
/** No delay at all: what waits now would be over. */
const FASTER: Input = (call) =>
  call.command({
    name: "set",
    settings: TurnSettings.parse({ endpointing: { minDelay: 1, unclearDelay: 1 } }),
  });
const EDITED: Input = (call) =>
  call.command({
    name: "agent",
    agent: { name: "table", hash: "h2" },
    settings: TurnSettings.parse({}),
    agents: {},
    texts: ["filler"],
    hooks: [],
  });
const SWITCHED: Input = (call) =>
  call.progress(`turn.${call.n}`, "reply", {
    type: "reply.switched",
    what: "voice",
    from: "a",
    to: "b",
    why: "late",
  });
const RETRIED: Input = (call) =>
  call.progress(`turn.${call.n}`, "reply", {
    type: "reply.retried",
    what: "voice",
    of: "a",
    attempt: 2,
    why: "provider.failed",
    waitMs: 120,
  });
const JUDGED: Input = (call) => call.judged();
/** A judgement on the speech before the one that goes on now. */
const LATE_JUDGED: Input = (call) => {
  const event = { type: "speech.judged", to: call.said.to, p: 1, class: "ended" };
  call.progress("track.a", "stt", event);
};
const ends =
  (result: object): Input =>
  (call) =>
    call.end("room", "tool.c1", { how: "done", result: result as never });
const COVERS: Input = (call) => call.covers();
const COVERED: Input = (call) => call.fillerEnds("done");

const EVENTS: Readonly<Record<Event, Input>> = {
  "user.started": (call) => call.started(),
  "words, interim and real": heard("stt.interim"),
  "words, final and real": heard("stt.final"),
  "words, back-channel": BACKCHANNEL,
  "late final of n": LATE(true),
  "user.ended": HUSH,
  "end-of-turn timer": fire("endOfTurn"),
  "resume and pause timers": fire("resumeAfter"),
  "speech.judged": (call) => call.judged(),
  "reply.segment": (call) => call.segment(),
  "reply.ended done": end("done", { position: 4_000 }),
  "reply.ended failed": end("failed", { position: 1_200, error: "provider.failed" }),
  "reply.ended otherwise": end("lost", { position: 1_200 }),
  "reply.position": (call) => call.position(1_250),
  "reply.switched": SWITCHED,
  "reply.retried": RETRIED,
  filler: COVERS,
  "filler.ended": COVERED,
  "hook ends": (call) => call.end("room", "afterTurn.1", { how: "done" }),
  set: NEW_SETTINGS,
  agent: EDITED,
  "tool ends": (call) => call.end("room", "tool.c1", { how: "done" }),
  say: say(false),
  interrupt: stop(false),
  mute: (call) => call.command({ name: "mute" }),
  "participant.left": (call) => call.connection({ type: "participant.left", identity: "ann" }),
  "stt.down": STT_DOWN,
  "answer timers": fire("stall"),
  "listening.max": fire("listeningMax"),
};

const NO_TIMER = "ignored: stale timer";
const NO_EFFECT = "ignored: unknown effect";
const STOPPING = "ignored: progress of a stopped effect";
const I1: readonly Case[] = [{ impossible: "I1", to: NO_TIMER }];
const I2: readonly Case[] = [
  { given: "resume", impossible: "I2", to: NO_TIMER },
  { given: "pauseMax", by: fire("pauseMax"), impossible: "I2", to: NO_TIMER },
];
/** All four timers of an answer. */
const NO_ANSWER: readonly Case[] = [
  { given: "stall", impossible: "I1", to: NO_TIMER },
  { given: "total", by: fire("answerTotal"), impossible: "I1", to: NO_TIMER },
];
const SOFT = "no detector saw it";

/** A turn that heard speech and never got words for it. */
function wordless(): TestCall {
  const call = live();
  call.started();
  call.now += 1_000;
  call.said = { from: call.now - 1_064, to: call.now };
  call.hushed();
  call.fire("endOfTurn");
  return call;
}

const CELLS: Readonly<Record<Pair, Readonly<Record<Event, readonly Case[]>>>> = {
  "done / none": {
    "speech.judged": [{ given: "of no turn that listens", to: "completed / none" }],
    "reply.switched": [{ to: NO_EFFECT }],
    "reply.retried": [{ to: NO_EFFECT }],
    filler: [{ impossible: "I5", to: "completed / none" }],
    "filler.ended": [
      {
        given: "it was stopped with its turn",
        from: () => done(says(covered())),
        by: (call) => call.fillerEnds("stopped"),
        to: "ignored: no such actor",
      },
    ],
    "hook ends": [
      { given: "nobody asked for one", to: NO_EFFECT },
      {
        given: "of n",
        from: () => done(speaking(live({ hooks: ["afterTurn"] }))),
        to: "completed / none",
      },
      {
        given: "lost with its owner",
        from: () => done(speaking(live({ hooks: ["afterTurn"] }))),
        by: (call) => call.end("room", "afterTurn.1", { how: "lost" }),
        to: "completed / none: run afterTurn.1",
      },
    ],
    set: [{ to: "completed / none" }],
    agent: [{ to: "completed / none" }],
    "user.started": [{ to: "completed / hearing", armed: "listeningMax" }],
    "words, interim and real": [{ given: SOFT, to: "completed / waiting" }],
    "words, final and real": [{ given: SOFT, to: "completed / waiting: ask n+1" }],
    "words, back-channel": [{ given: "as real words", to: "completed / waiting: ask n+1" }],
    "late final of n": [
      {
        given: "n was answered",
        from: () => done(says(thinkingEarly())),
        to: "completed / none: late words of n",
      },
      {
        given: "n had no words",
        from: () => {
          const call = wordless();
          call.fire("lateFinal");
          return call;
        },
        to: "abandoned / waiting: ask n+1",
      },
    ],
    "user.ended": [
      { from: () => done(returned()), to: "completed / abandoned" },
      { given: "nobody was heard", to: "ignored: no transition" },
    ],
    "end-of-turn timer": I1,
    "resume and pause timers": I2,
    "reply.segment": [{ impossible: "I5", to: NO_EFFECT }],
    "reply.ended done": [{ to: NO_EFFECT }],
    "reply.ended failed": [{ to: NO_EFFECT }],
    "reply.ended otherwise": [{ to: NO_EFFECT }],
    "reply.position": [{ to: NO_EFFECT }],
    "tool ends": [
      { from: toolOfDone, to: "abandoned / none: tool done", differs: "D9" },
      {
        given: "it hangs up",
        from: toolOfDone,
        by: ends({ hangUp: true }),
        to: "abandoned / none: stop connection, stop stt, stop detector, tool done",
      },
    ],
    say: [{ to: "completed / thinking: ask n+1" }],
    interrupt: [{ to: "ignored: no transition" }],
    mute: [{ to: "completed / none: muted" }],
    "participant.left": [{ to: "completed / none", armed: "grace" }],
    "stt.down": [{ to: "completed / none" }],
    "answer timers": NO_ANSWER,
    "listening.max": I1,
  },
  "listening / none": {
    "speech.judged": [
      { given: "it hears", to: "hearing / none" },
      {
        given: "over, by all that is heard",
        from: waiting,
        by: all(JUDGED, (call) => call.wait(0)),
        to: "thinking / none: commit n",
      },
      {
        given: "over, but the words are not settled",
        by: all(HUSH, JUDGED, (call) => call.wait(0)),
        to: "waiting / none",
      },
      {
        given: "of speech that has gone on since",
        from: waiting,
        by: all(
          (call) => call.started(),
          LATE_JUDGED,
          HUSH,
          (call) => call.wait(0),
        ),
        to: "waiting / none",
      },
    ],
    "reply.switched": [{ given: "its speculation", from: waiting, to: "waiting / none" }],
    "reply.retried": [{ given: "its speculation", from: waiting, to: "waiting / none" }],
    filler: [{ impossible: "I3", to: "hearing / none" }],
    "filler.ended": [{ impossible: "I3", to: NO_EFFECT }],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [
      { to: "hearing / none" },
      {
        given: "it waits: the delay stays as it was armed (T24)",
        from: waiting,
        by: all(FASTER, (call) => call.wait(0)),
        to: "waiting / none",
        armed: "endOfTurn listeningMax",
      },
    ],
    agent: [{ to: "hearing / none" }],
    "user.started": [
      { given: "another voice", from: () => listening().joins(), by: BOB, to: "hearing / none" },
      {
        given: "it waits",
        from: waiting,
        to: "hearing / none",
        armed: "listeningMax",
      },
    ],
    "words, interim and real": [
      { given: "it hears", to: "hearing / none: words of n" },
      {
        given: "it waits and speculates",
        from: waiting,
        to: "waiting / none: stop n, words of n",
      },
    ],
    "words, final and real": [
      { given: "it hears", to: "hearing / none: words of n" },
      {
        given: "it waits and speculates",
        from: waiting,
        to: "waiting / none: stop n, ask n, words of n",
      },
    ],
    "words, back-channel": [{ given: "as real words", to: "hearing / none: words of n" }],
    "late final of n": [{ given: "its own", to: "hearing / none: words of n" }],
    "user.ended": [{ to: "waiting / none", armed: "endOfTurn listeningMax" }],
    "end-of-turn timer": [
      { given: "settled, speculating", from: waiting, to: "thinking / none: commit n" },
      {
        given: "settled",
        from: () => waiting(live({ settings: { speculation: { enabled: false } } })),
        to: "thinking / none: ask n",
      },
      { given: "unsettled", by: all(HUSH, fire("endOfTurn")), to: "held / none" },
      {
        given: "no words at the end of the wait",
        from: wordless,
        by: fire("lateFinal"),
        to: "abandoned / none",
      },
    ],
    "resume and pause timers": I2,
    "reply.segment": [{ from: waiting, impossible: "I3", to: "ignored: no transition" }],
    "reply.ended done": [{ from: waiting, impossible: "I3", to: "waiting / none: ask n" }],
    "reply.ended failed": [{ given: "a speculation", from: waiting, to: "waiting / none" }],
    "reply.ended otherwise": [
      { given: "a lost speculation", from: waiting, to: "waiting / none: ask n", differs: "D2" },
    ],
    "reply.position": [{ from: waiting, impossible: "I3", to: "ignored: no transition" }],
    "tool ends": [
      {
        given: "a tool of an earlier turn",
        from: () => {
          const call = afterTool();
          call.started();
          return call;
        },
        to: "hearing / none: tool done",
      },
    ],
    say: [{ to: "hearing / none: queued" }],
    interrupt: [
      { to: "ignored: no transition" },
      { given: "it speculates", from: waiting, to: "ignored: no transition", differs: "D3" },
    ],
    mute: [
      { to: "hearing / none: muted" },
      {
        given: "then its end of turn",
        from: waiting,
        by: all((call) => call.command({ name: "mute" }), fire("endOfTurn")),
        to: "interrupted / none: stop n, muted",
        differs: "D4",
      },
      {
        given: "then its end of turn and the last word of its speculation",
        from: waiting,
        by: all((call) => call.command({ name: "mute" }), fire("endOfTurn"), STOPPED(0)),
        to: "abandoned / none: stop n, muted",
        differs: "D4",
      },
    ],
    "participant.left": [
      { to: "abandoned / none", armed: "grace", differs: "D5" },
      { given: "it speculates", from: waiting, to: "abandoned / none: stop n", armed: "grace" },
      {
        given: "another stays",
        from: () => {
          const call = live().joins();
          call.started();
          return call;
        },
        to: "hearing / none",
        differs: "D5",
      },
    ],
    "stt.down": [
      { to: "hearing / none" },
      {
        given: "then its end of turn",
        by: all(STT_DOWN, HUSH, fire("endOfTurn"), (call) => call.wait(2_900)),
        to: "held / none",
      },
      {
        given: "before it opened",
        from: () => {
          const call = live();
          STT_DOWN(call);
          call.started();
          call.now += 1_000;
          call.hushed();
          return call;
        },
        by: all(fire("endOfTurn"), (call) => call.wait(2_900)),
        to: "held / none",
      },
    ],
    "answer timers": NO_ANSWER,
    "listening.max": [
      { given: "words", to: "thinking / none: ask n" },
      { given: "none", from: wordless, to: "abandoned / none" },
    ],
  },
  "thinking / none": {
    "speech.judged": [{ to: "thinking / none" }],
    "reply.switched": [{ to: "thinking / none" }],
    "reply.retried": [{ to: "thinking / none" }],
    filler: [
      { given: "none is wanted", by: fire("fillerAfter"), to: "ignored: no transition" },
      {
        given: "its time has come",
        from: () => thinking(live({ texts: ["filler"] })),
        by: fire("fillerAfter"),
        to: "thinking / none: run filler",
      },
      { given: "it speaks", from: covered, to: "thinking / none" },
      {
        given: "then the answer: said after it",
        from: covered,
        by: (call) => call.segment(),
        to: "speaking / none",
      },
      {
        given: "silent yet, then the answer",
        from: () => thinking(live({ texts: ["filler"] })),
        by: all(fire("fillerAfter"), (call) => call.segment()),
        to: "speaking / none: run filler, stop filler",
      },
      { given: "it covers a tool", from: coveredWork, to: "working / none" },
    ],
    "filler.ended": [
      { given: "said", from: covered, to: "thinking / none" },
      {
        given: "said, then no answer in time",
        from: covered,
        by: all(COVERED, fire("answerTotal")),
        to: "failed / none: stop n",
      },
      {
        given: "said, then the caller cuts in: nothing is merged",
        from: covered,
        by: all(COVERED, (call) => call.started(), heard("stt.interim"), STOPPED(0)),
        to: "cutOff / hearing: pause n, stop n",
      },
      {
        given: "failed",
        from: covered,
        by: (call) => call.fillerEnds("failed"),
        to: "thinking / none",
      },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [{ to: "thinking / none" }],
    agent: [{ to: "thinking / none" }],
    "user.started": [
      {
        to: "paused / contested.speaking: pause n",
        armed: "confirmDuration heldMax listeningMax pauseMax",
      },
      {
        given: "speech pauses late, but what is silent at once",
        from: () => thinking(patient()),
        to: "paused / contested.brief: pause n",
      },
    ],
    "words, interim and real": [
      { given: SOFT, to: "interrupted / waiting: stop n" },
      {
        given: "then the last word of n",
        by: all(heard("stt.interim"), STOPPED(0)),
        to: "abandoned / waiting: stop n, merged into n+1",
      },
    ],
    "words, final and real": [{ given: SOFT, to: "interrupted / waiting: stop n" }],
    "words, back-channel": [{ to: "thinking / abandoned: aside" }],
    "late final of n": [
      { given: "new words", from: thinkingEarly, to: "interrupted / waiting: stop n" },
      {
        given: "new words, a filler was heard",
        from: coveredEarly,
        to: "thinking / none: words of n",
        differs: "D16",
      },
      {
        given: "the same words",
        from: thinkingEarly,
        by: LATE(false),
        to: "thinking / none: words of n",
      },
    ],
    "user.ended": [{ from: () => returned(thinking()), to: "thinking / abandoned" }],
    "end-of-turn timer": I1,
    "resume and pause timers": I2,
    "reply.segment": [{ to: "speaking / none" }],
    "reply.ended done": [
      { given: "tools wanted", by: end("done", WANTS), to: "working / none: run tool.c1" },
      { given: "empty", to: "thinking / none: ask n" },
      {
        given: "empty twice",
        from: () => thinking(withTexts()),
        by: all(end("done"), end("done")),
        to: "failed / thinking: ask n, ask n+1",
      },
    ],
    "reply.ended failed": [
      { given: "no text to say", to: "failed / none" },
      {
        given: "an apology",
        from: () => thinking(withTexts()),
        to: "failed / thinking: ask n+1",
      },
    ],
    "reply.ended otherwise": [{ given: "lost", to: "thinking / none: ask n" }],
    "reply.position": [{ to: "ignored: no transition", differs: "D1" }],
    "tool ends": [
      { from: working, to: "thinking / none: ask n, tool done" },
      {
        given: "while a filler covers it",
        from: coveredWork,
        to: "thinking / none: ask n, tool done",
      },
      {
        given: "it hands over",
        from: working,
        by: ends({ handoff: "cook" }),
        to: "thinking / none: ask n, tool done",
      },
      {
        given: "it hangs up, and the answer is said",
        from: working,
        by: all(ends({ hangUp: true }), (call) => says(call), end("done", { position: 4_000 })),
        to: "completed / none: ask n, tool done, stop connection, stop stt, stop detector",
      },
      {
        given: "the pending write that n joined",
        from: joining,
        to: "thinking / none: ask n, tool done",
      },
    ],
    say: [
      { to: "thinking / none: queued" },
      { given: "now", by: say(true), to: "interrupted / none: stop n, queued" },
      {
        given: "now, then the last word of n",
        by: all(say(true), STOPPED(0)),
        to: "abandoned / thinking: stop n, ask n+1",
      },
    ],
    interrupt: [
      { to: "interrupted / none: stop n" },
      {
        given: "then the last word of n",
        by: all(stop(false), STOPPED(0)),
        to: "abandoned / none: stop n",
      },
    ],
    mute: [{ to: "interrupted / none: stop n, muted" }],
    "participant.left": [
      { to: "interrupted / none: stop n" },
      {
        given: "then the last word of n",
        by: (call) => {
          call.connection({ type: "participant.left", identity: "ann" });
          call.replyEnds("stopped", { position: 0 });
        },
        to: "abandoned / none: stop n",
        armed: "grace",
      },
    ],
    "stt.down": [{ to: "thinking / none" }],
    "answer timers": [
      { given: "total", by: fire("answerTotal"), to: "failed / none: stop n" },
      {
        given: "total, an apology",
        from: () => thinking(withTexts()),
        by: fire("answerTotal"),
        to: "failed / thinking: stop n, ask n+1",
      },
      { given: "stall", impossible: "I1", to: NO_TIMER },
    ],
    "listening.max": I1,
  },
  "speaking / none": {
    "speech.judged": [{ to: "speaking / none" }],
    "reply.switched": [{ to: "speaking / none" }],
    "reply.retried": [{ to: "speaking / none" }],
    filler: [
      {
        given: "it goes on before the answer",
        from: () => {
          const call = covered();
          call.segment();
          return call;
        },
        to: "speaking / none",
        armed: "stall",
      },
    ],
    "filler.ended": [
      {
        given: "before the answer",
        from: () => {
          const call = covered();
          call.segment();
          return call;
        },
        to: "speaking / none",
      },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [{ to: "speaking / none" }],
    agent: [{ to: "speaking / none" }],
    "user.started": [
      {
        to: "paused / contested.speaking: pause n",
        armed: "confirmDuration heldMax listeningMax pauseMax",
      },
      {
        given: "speech pauses late",
        from: () => speaking(patient()),
        to: "speaking / contested.brief",
        armed: "listeningMax pauseAfter pauseMax stall",
      },
      {
        given: "speech pauses late, and goes on",
        from: () => speaking(patient()),
        by: all((call) => call.started(), fire("pauseAfter")),
        to: "paused / contested.speaking: pause n",
      },
      {
        given: "speech pauses late, and was short",
        from: () => speaking(patient()),
        by: all((call) => call.started(), HUSH, fire("resumeAfter")),
        to: "speaking / abandoned",
      },
      {
        given: "speech pauses late, but words cut at once",
        from: () => speaking(patient()),
        by: all((call) => call.started(), heard("stt.interim")),
        to: "interrupted / hearing: stop n",
      },
    ],
    "words, interim and real": [{ given: SOFT, to: "interrupted / waiting: stop n" }],
    "words, final and real": [{ given: SOFT, to: "interrupted / waiting: stop n" }],
    "words, back-channel": [
      { to: "speaking / abandoned: aside" },
      {
        given: "the sentence asks, no detector saw it",
        from: () => speaking(live(), true),
        to: "speaking / abandoned: aside",
        differs: "D6",
      },
    ],
    "late final of n": [
      {
        given: "of its words",
        from: () => says(thinkingEarly()),
        to: "speaking / none: words of n",
      },
    ],
    "user.ended": [{ from: () => returned(), to: "speaking / abandoned" }],
    "end-of-turn timer": I1,
    "resume and pause timers": I2,
    "reply.segment": [{ to: "speaking / none" }],
    "reply.ended done": [
      { to: "completed / none", armed: "away" },
      { given: "tools wanted", by: end("done", WANTS), to: "working / none: run tool.c1" },
    ],
    "reply.ended failed": [
      {
        given: "an apology",
        from: () => speaking(withTexts()),
        to: "failed / thinking: ask n+1",
      },
    ],
    "reply.ended otherwise": [{ given: "lost", to: "thinking / none: ask n", differs: "D7" }],
    "reply.position": [{ to: "speaking / none", armed: "stall" }],
    "tool ends": [
      {
        given: "a tool of an earlier turn",
        from: () => speaking(afterTool()),
        to: "speaking / none: tool done",
      },
    ],
    say: [
      { to: "speaking / none: queued" },
      { given: "now", by: say(true), to: "interrupted / none: stop n, queued" },
    ],
    interrupt: [
      { to: "interrupted / none: stop n" },
      {
        given: "then the last word of n",
        by: all(stop(false), STOPPED(1_100)),
        to: "cutOff / none: stop n",
      },
    ],
    mute: [{ to: "interrupted / none: stop n, muted" }],
    "participant.left": [{ to: "interrupted / none: stop n" }],
    "stt.down": [{ to: "speaking / none" }],
    "answer timers": [
      { given: "stall", to: "failed / none: stop n" },
      {
        given: "stall, an apology",
        from: () => speaking(withTexts()),
        to: "failed / thinking: stop n, ask n+1",
      },
      { given: "total", by: fire("answerTotal"), impossible: "I1", to: NO_TIMER },
    ],
    "listening.max": I1,
  },
  "paused / listening": {
    "speech.judged": [
      { to: "paused / contested.speaking" },
      {
        given: "over, then the words",
        from: hushedOver,
        by: all(JUDGED, heard("stt.final"), (call) => call.wait(0)),
        to: "interrupted / ready: stop n",
      },
    ],
    "reply.switched": [{ to: "paused / contested.speaking" }],
    "reply.retried": [{ to: "paused / contested.speaking" }],
    filler: [
      {
        given: "the last of it before the pause held",
        from: () => paused(covered()),
        to: "paused / contested.speaking",
      },
    ],
    "filler.ended": [
      {
        given: "before the pause held",
        from: () => paused(covered()),
        to: "paused / contested.speaking",
      },
      {
        given: "the floor comes back before it",
        from: () => paused(covered()),
        by: fire("pauseMax"),
        to: "thinking / abandoned: resume filler, resume n",
      },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [{ to: "paused / contested.speaking" }],
    agent: [{ to: "paused / contested.speaking" }],
    "user.started": [
      {
        given: "silent before",
        from: hushedOver,
        to: "paused / contested.speaking",
        armed: "confirmDuration heldMax listeningMax pauseMax",
      },
    ],
    "words, interim and real": [
      { to: "interrupted / hearing: stop n" },
      {
        given: "nothing of n heard, then its last word",
        from: () => paused(thinking()),
        by: all(heard("stt.interim"), STOPPED(0)),
        to: "abandoned / hearing: stop n, merged into n+1",
      },
    ],
    "words, final and real": [{ to: "interrupted / hearing: stop n" }],
    "words, back-channel": [
      { given: "still heard", to: "paused / contested.speaking" },
      {
        given: "silent again",
        from: hushedOver,
        to: "speaking / abandoned: resume n, aside",
      },
      {
        given: "the sentence asks",
        from: () => paused(speaking(live(), true)),
        to: "interrupted / hearing: stop n",
      },
    ],
    "late final of n": [
      {
        from: () => paused(says(thinkingEarly())),
        to: "paused / contested.speaking: words of n",
      },
    ],
    "user.ended": [
      {
        given: "no words",
        to: "paused / contested.silent",
        armed: "heldMax listeningMax pauseMax resumeAfter",
      },
      {
        given: "only a back-channel",
        by: all(BACKCHANNEL, HUSH),
        to: "speaking / abandoned: resume n, aside",
      },
    ],
    "end-of-turn timer": [{ impossible: "I6", to: NO_TIMER }],
    "resume and pause timers": [
      { given: "resume", from: hushedOver, to: "speaking / abandoned: resume n" },
      { given: "pauseMax", by: fire("pauseMax"), to: "speaking / abandoned: resume n" },
      {
        given: "pauseMax, nothing said yet",
        from: () => paused(thinking()),
        by: fire("pauseMax"),
        to: "thinking / abandoned: resume n",
      },
    ],
    "reply.segment": [{ to: "paused / contested.speaking" }],
    "reply.ended done": [
      { given: "played out before the pause held", to: "completed / hearing" },
      {
        given: "empty, nothing said: asked for anew when the floor comes back",
        from: () => paused(thinking()),
        by: all(end("done"), fire("pauseMax")),
        to: "thinking / abandoned: ask n",
      },
      { given: "tools wanted", by: end("done", WANTS), to: "paused / contested.speaking" },
      {
        given: "tools wanted, then the floor comes back",
        by: all(end("done", WANTS), fire("pauseMax")),
        to: "working / abandoned: run tool.c1",
      },
      {
        given: "tools wanted, then real words",
        by: all(end("done", WANTS), heard("stt.interim")),
        to: "cutOff / hearing",
      },
    ],
    "reply.ended failed": [{ to: "failed / hearing" }],
    "reply.ended otherwise": [
      { given: "lost", to: "paused / contested.speaking", differs: "D17" },
      {
        given: "lost, nothing heard",
        from: () => paused(thinking()),
        by: end("lost"),
        to: "paused / contested.speaking",
        differs: "D17",
      },
    ],
    "reply.position": [{ to: "paused / contested.speaking" }],
    "tool ends": [
      {
        given: "a tool of n",
        from: () => paused(working()),
        to: "paused / contested.speaking: tool done",
      },
      {
        given: "a tool of n, then the floor comes back",
        from: () => paused(working()),
        by: all((call) => call.end("room", "tool.c1", { how: "done" }), fire("pauseMax")),
        to: "thinking / abandoned: tool done, ask n",
      },
    ],
    say: [
      { to: "paused / contested.speaking: queued" },
      {
        given: "now",
        by: say(true),
        to: "interrupted / contested.speaking: stop n, queued",
        differs: "D8",
      },
    ],
    interrupt: [
      { to: "interrupted / contested.speaking: stop n", differs: "D8" },
      {
        given: "then the last word of n",
        by: all(stop(false), STOPPED(1_100)),
        to: "cutOff / hearing: stop n",
      },
    ],
    mute: [{ to: "interrupted / contested.speaking: stop n, muted", differs: "D8" }],
    "participant.left": [{ to: "interrupted / abandoned: stop n" }],
    "stt.down": [
      { given: "speech is short", to: "paused / contested.speaking" },
      {
        given: "speech goes on",
        by: all(STT_DOWN, fire("confirmDuration")),
        to: "interrupted / hearing: stop n",
      },
      {
        given: "speech has gone on",
        by: all((call) => call.wait(1_000), STT_DOWN),
        to: "paused / contested.speaking",
        differs: "D10",
      },
      {
        given: "it was down before",
        from: () => {
          const call = speaking();
          STT_DOWN(call);
          return paused(call);
        },
        by: fire("confirmDuration"),
        to: "interrupted / hearing: stop n",
      },
    ],
    "answer timers": NO_ANSWER,
    "listening.max": [{ impossible: "I8", to: "paused / abandoned", differs: "D11" }],
  },
  "interrupted / none": {
    "speech.judged": [{ to: "interrupted / none" }],
    "reply.switched": [{ to: STOPPING }],
    "reply.retried": [{ to: STOPPING }],
    filler: [{ from: () => interrupted(covered()), to: "interrupted / none" }],
    "filler.ended": [
      {
        given: "the reply's last word is awaited",
        from: () => interrupted(covered()),
        to: "interrupted / none",
      },
      {
        given: "both last words",
        from: () => interrupted(covered()),
        by: all(STOPPED(0), (call) => call.fillerEnds("stopped", 1_000)),
        to: "cutOff / none",
      },
      {
        given: "it ran alone",
        from: () => interrupted(coveredWork()),
        by: (call) => call.fillerEnds("stopped", 1_000),
        to: "cutOff / none: stop tool.c1",
      },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [{ to: "interrupted / none" }],
    agent: [{ to: "interrupted / none" }],
    "user.started": [{ to: "interrupted / hearing" }],
    "words, interim and real": [{ given: SOFT, to: "interrupted / waiting" }],
    "words, final and real": [{ given: SOFT, to: "interrupted / waiting" }],
    "words, back-channel": [{ given: "as real words", to: "interrupted / waiting" }],
    "late final of n": [
      {
        from: () => interrupted(says(thinkingEarly())),
        to: "interrupted / none: words of n",
      },
    ],
    "user.ended": [{ from: () => interrupted(returned()), to: "interrupted / abandoned" }],
    "end-of-turn timer": I1,
    "resume and pause timers": I2,
    "reply.segment": [{ to: STOPPING }],
    "reply.ended done": [
      { given: "all was heard", to: "completed / none" },
      { given: "tools wanted", by: end("done", WANTS), to: "cutOff / none" },
    ],
    "reply.ended failed": [{ to: "cutOff / none" }],
    "reply.ended otherwise": [
      { given: "stopped", by: STOPPED(1_200), to: "cutOff / none" },
      { given: "lost", to: "cutOff / none" },
      {
        given: "stopped, nothing heard",
        from: () => interrupted(thinking()),
        by: STOPPED(0),
        to: "abandoned / none",
      },
      {
        given: "never started",
        from: () => interrupted(thinking()),
        by: end("never-started"),
        to: "abandoned / none",
      },
    ],
    "reply.position": [{ to: STOPPING, differs: "D12" }],
    "tool ends": [
      {
        given: "a tool of an earlier turn",
        from: () => interrupted(speaking(afterTool())),
        to: "interrupted / none: tool done",
      },
    ],
    say: [{ to: "interrupted / none: queued" }],
    interrupt: [{ to: "interrupted / none" }],
    mute: [{ to: "interrupted / none: muted" }],
    "participant.left": [{ to: "interrupted / none" }],
    "stt.down": [{ to: "interrupted / none" }],
    "answer timers": [
      ...NO_ANSWER,
      { given: "interrupted.max", by: fire("interruptedMax"), to: "cutOff / none" },
    ],
    "listening.max": I1,
  },
  "interrupted / listening": {
    "speech.judged": [
      { to: "interrupted / hearing" },
      {
        given: "over, by all that is heard",
        by: all(
          (call) => call.finishes("w2"),
          JUDGED,
          (call) => call.wait(0),
        ),
        to: "cutOff / thinking: ask n+1, commit n+1",
      },
    ],
    "reply.switched": [{ to: STOPPING }],
    "reply.retried": [{ to: STOPPING }],
    filler: [{ from: () => overtaken(covered()), to: "interrupted / hearing" }],
    "filler.ended": [
      {
        given: "the reply's last word is awaited",
        from: () => overtaken(covered()),
        to: "interrupted / hearing",
      },
      {
        given: "both last words, nothing of it heard",
        from: () => overtaken(thinking(live({ texts: ["filler"] }))),
        by: STOPPED(0),
        to: "abandoned / hearing: merged into n+1",
      },
      {
        given: "the last of both",
        from: () => overtaken(covered()),
        by: all(STOPPED(0), (call) => call.fillerEnds("stopped", 1_000)),
        to: "cutOff / hearing",
      },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [{ to: "interrupted / hearing" }],
    agent: [{ to: "interrupted / hearing" }],
    "user.started": [
      {
        given: "another voice",
        from: () => overtaken().joins(),
        by: BOB,
        to: "interrupted / hearing",
      },
      {
        given: "it waits",
        by: all(HUSH, (call) => call.started()),
        to: "interrupted / hearing",
        armed: "interruptedMax listeningMax",
      },
    ],
    "words, interim and real": [{ to: "interrupted / hearing" }],
    "words, final and real": [{ to: "interrupted / hearing" }],
    "words, back-channel": [{ to: "interrupted / hearing" }],
    "late final of n": [
      {
        from: () => overtaken(says(thinkingEarly())),
        to: "interrupted / hearing: words of n",
      },
    ],
    "user.ended": [{ to: "interrupted / waiting", armed: "endOfTurn interruptedMax listeningMax" }],
    "end-of-turn timer": [
      { given: "settled, n not done", by: FINISH, to: "interrupted / ready" },
      {
        given: "settled, then n is done",
        by: all(FINISH, STOPPED(1_200)),
        to: "cutOff / thinking: ask n+1",
      },
    ],
    "resume and pause timers": I2,
    "reply.segment": [{ to: STOPPING }],
    "reply.ended done": [{ given: "all was heard", to: "completed / hearing" }],
    "reply.ended failed": [{ to: "cutOff / hearing" }],
    "reply.ended otherwise": [
      { given: "stopped", by: STOPPED(1_200), to: "cutOff / hearing" },
      {
        given: "stopped, nothing heard",
        from: () => overtaken(thinking()),
        by: STOPPED(0),
        to: "abandoned / hearing: merged into n+1",
      },
    ],
    "reply.position": [{ to: STOPPING, differs: "D12" }],
    "tool ends": [
      {
        given: "a tool of an earlier turn",
        from: () => overtaken(speaking(afterTool())),
        to: "interrupted / hearing: tool done",
      },
    ],
    say: [{ to: "interrupted / hearing: queued" }],
    interrupt: [{ to: "interrupted / hearing" }],
    mute: [{ to: "interrupted / hearing: muted" }],
    "participant.left": [{ to: "interrupted / abandoned" }],
    "stt.down": [{ to: "interrupted / hearing" }],
    "answer timers": [
      ...NO_ANSWER,
      { given: "interrupted.max", by: fire("interruptedMax"), to: "cutOff / hearing" },
      {
        given: "interrupted.max, n+1 is ready",
        by: all(FINISH, fire("interruptedMax")),
        to: "cutOff / thinking: ask n+1",
      },
    ],
    "listening.max": [{ to: "interrupted / ready" }],
  },
  "not pausable / listening": {
    "speech.judged": [
      { to: "speaking / hearing" },
      {
        given: "over, by all that is heard",
        by: all(
          (call) => call.finishes("w2"),
          JUDGED,
          (call) => call.wait(0),
        ),
        to: "speaking / ready",
      },
    ],
    "reply.switched": [{ to: "speaking / hearing" }],
    "reply.retried": [{ to: "speaking / hearing" }],
    filler: [
      { given: "it thinks", from: () => paused(covered(strictFiller())), to: "thinking / hearing" },
    ],
    "filler.ended": [
      { given: "it thinks", from: () => paused(covered(strictFiller())), to: "thinking / hearing" },
    ],
    "hook ends": [{ given: "nobody asked for one", to: "ignored: unknown effect" }],
    set: [
      { to: "speaking / hearing" },
      {
        given: "one word cuts from now on, not the one already said (T24)",
        from: () => {
          const call = guarded();
          call.heard("stt.interim", { words: 1, stable: 1 });
          return call;
        },
        to: "speaking / hearing",
      },
    ],
    agent: [{ to: "speaking / hearing" }],
    "user.started": [
      { given: "another voice", from: () => fixed().joins(), by: BOB, to: "speaking / hearing" },
    ],
    "words, interim and real": [
      { to: "speaking / hearing" },
      { given: "echo guard, two words", from: guarded, to: "interrupted / hearing: stop n" },
      {
        given: "echo guard, one word",
        from: guarded,
        by: heard("stt.interim", { words: 1, stable: 1 }),
        to: "speaking / hearing",
      },
    ],
    "words, final and real": [
      { to: "speaking / hearing" },
      { given: "echo guard", from: guarded, to: "interrupted / hearing: stop n" },
    ],
    "words, back-channel": [{ to: "speaking / hearing", differs: "D13" }],
    "late final of n": [
      {
        from: () => paused(says(thinkingEarly(strict()))),
        to: "speaking / hearing: words of n",
      },
    ],
    "user.ended": [{ to: "speaking / waiting", armed: "endOfTurn listeningMax stall" }],
    "end-of-turn timer": [
      { given: "real words", by: FINISH, to: "speaking / ready" },
      {
        given: "only a back-channel",
        by: all(BACKCHANNEL, HUSH, fire("endOfTurn")),
        to: "speaking / ready",
        differs: "D13",
      },
    ],
    "resume and pause timers": I2,
    "reply.segment": [
      { given: "it speaks", to: "speaking / hearing" },
      {
        given: "it thinks",
        from: () => paused(thinking(strict())),
        to: "speaking / hearing",
      },
    ],
    "reply.ended done": [
      { to: "completed / hearing" },
      {
        given: "n+1 is ready",
        by: all(FINISH, end("done", { position: 4_000 })),
        to: "completed / thinking: ask n+1",
      },
    ],
    "reply.ended failed": [
      { to: "failed / hearing" },
      {
        given: "n+1 is ready",
        by: all(FINISH, end("failed", { position: 1_200 })),
        to: "failed / thinking: ask n+1",
      },
    ],
    "reply.ended otherwise": [{ given: "lost", to: "thinking / hearing: ask n", differs: "D7" }],
    "reply.position": [{ to: "speaking / hearing" }],
    "tool ends": [
      {
        given: "a tool of n",
        from: () => paused(working(strict())),
        to: "thinking / hearing: ask n, tool done",
      },
    ],
    say: [
      { to: "speaking / hearing: queued" },
      { given: "now", by: say(true), to: "speaking / hearing: queued", differs: "D14" },
    ],
    interrupt: [
      { to: "ignored: no transition" },
      { given: "forced", by: stop(true), to: "interrupted / hearing: stop n" },
      { given: "echo guard", from: guarded, to: "interrupted / hearing: stop n" },
    ],
    mute: [{ to: "interrupted / hearing: stop n, muted" }],
    "participant.left": [{ to: "interrupted / abandoned: stop n" }],
    "stt.down": [{ to: "speaking / hearing" }],
    "answer timers": [
      { given: "stall", to: "failed / hearing: stop n" },
      {
        given: "total",
        from: () => paused(thinking(strict())),
        by: fire("answerTotal"),
        to: "failed / hearing: stop n",
      },
    ],
    "listening.max": [
      { given: "words", by: all(heard("stt.final"), fire("listeningMax")), to: "speaking / ready" },
    ],
  },
};

for (const pair of Object.keys(CELLS) as Pair[])
  for (const event of Object.keys(CELLS[pair]) as Event[])
    test(`${pair}: ${event}`, () => {
      assert.ok(CELLS[pair][event].length > 0);
      for (const row of CELLS[pair][event]) checkCase(pair, event, row);
    });

function checkCase(pair: Pair, event: Event, row: Case): void {
  const call = (row.from ?? PAIRS[pair])();
  const before = mark(call);
  (row.by ?? EVENTS[event])(call);
  const given = row.given === undefined ? "" : ` (${row.given})`;
  assert.equal(outcomeSince(call, before), row.to, `${pair}: ${event}${given}`);
  if (row.armed === undefined) return;
  const armed = call.fold.table
    .timers()
    .map(({ id }) => id.split(/[/.]/).at(id[0] === "r" ? 1 : 2)!);
  assert.equal(armed.sort().join(" "), row.armed, `${pair}: timers after ${event}${given}`);
}
