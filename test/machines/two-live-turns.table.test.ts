import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestCall } from "./call.ts";
import {
  PAIRS,
  fixed,
  guarded,
  interrupted,
  listening,
  live,
  mark,
  outcomeSince,
  overtaken,
  paused,
  speaking,
  thinking,
  toolOfDone,
  waiting,
  working,
  type Pair,
} from "./two-live-turns.ts";

/**
 * Both turns at once, for everything that can happen: turn 1 is n, turn 2 is n+1. Each cell is an
 * outside input to the fold of a whole call. An outcome is both states, then what was asked of the
 * effects and what was told, in order. `docs/spec/two-live-turns.md` explains the differences by
 * their ids.
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
  | "reply.segment"
  | "reply.ended done"
  | "reply.ended failed"
  | "reply.ended otherwise"
  | "reply.position"
  | "tool ends"
  | "say"
  | "interrupt"
  | "mute"
  | "participant.left"
  | "stt.down"
  | "answer timers"
  | "listening.max";

type Reason = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I7" | "I8";

interface Case {
  readonly given?: string;
  /** Another way to the pair than the usual one. */
  readonly from?: () => TestCall;
  /** Another input than the row's usual one; may be several. */
  readonly by?: (call: TestCall) => unknown;
  readonly to: string;
  /** Timers of both turns that run afterwards. */
  readonly armed?: string;
  /** Why it cannot occur; what is done if it does stands in `to`. */
  readonly impossible?: Reason;
  /** A difference from the table that was planned. */
  readonly differs?: string;
}

const final =
  (more: Record<string, never> | object = {}) =>
  (call: TestCall) =>
    call.heard("stt.final", more as never);
const interim =
  (more: object = {}) =>
  (call: TestCall) =>
    call.heard("stt.interim", more as never);
const say = (now: boolean) => (call: TestCall) =>
  call.command({ name: "say", ref: "x1", chars: 20, now });
const stop = (force: boolean) => (call: TestCall) => call.command({ name: "interrupt", force });
const fire = (name: string) => (call: TestCall) => call.fire(name);
const end =
  (how: string, more: object = {}) =>
  (call: TestCall) =>
    call.replyEnds(1, how, more as never);
/** The words of the speech of turn 1, once more and final. */
const lateWords =
  (more: object = {}) =>
  (call: TestCall) => {
    const range = (
      call.fold.snapshotOf("room")?.context as { ranges: { from: number; to: number }[] }
    ).ranges[0]!;
    return call.heard("stt.final", { ref: "w1", from: range.from, to: range.to, ...more } as never);
  };
const WANTS = {
  result: { toolCalls: [{ call: "c1", name: "find", write: false, idempotent: true }] },
};

const EVENTS: Readonly<Record<Event, (call: TestCall) => unknown>> = {
  "user.started": (call) => call.started(),
  "words, interim and real": interim(),
  "words, final and real": final(),
  "words, back-channel": final({ words: 1, stable: 1, backchannel: true }),
  "late final of n": lateWords(),
  "user.ended": (call) => call.hushed(),
  "end-of-turn timer": fire("endOfTurn"),
  "resume and pause timers": fire("resumeAfter"),
  "reply.segment": (call) => call.segment(1),
  "reply.ended done": end("done", { position: 4_000 }),
  "reply.ended failed": end("failed", { position: 1_200, error: "provider.failed" }),
  "reply.ended otherwise": end("lost", { position: 1_200 }),
  "reply.position": (call) => call.position(1, 1_250),
  "tool ends": (call) => call.end("room", "tool.c1", { how: "done" }),
  say: say(false),
  interrupt: stop(false),
  mute: (call) => call.command({ name: "mute" }),
  "participant.left": (call) => call.connection({ type: "participant.left", identity: "ann" }),
  "stt.down": (call) => call.progress("track.a", "stt", { type: "stt.down", resendFrom: 0 }),
  "answer timers": fire("stall"),
  "listening.max": fire("listeningMax"),
};

const stale = (impossible: Reason): readonly Case[] => [{ impossible, to: "ignored: stale timer" }];
const noEffect = (impossible: Reason): Case => ({ impossible, to: "ignored: unknown effect" });

const CELLS: Readonly<Record<Pair, Readonly<Record<Event, readonly Case[]>>>> = {
  "done / none": {
    "user.started": [{ to: "completed / hearing" }],
    "words, interim and real": [{ given: "no detector saw it", to: "completed / waiting" }],
    "words, final and real": [{ given: "no detector saw it", to: "completed / waiting: ask 2" }],
    "words, back-channel": [{ given: "as real words", to: "completed / waiting: ask 2" }],
    "late final of n": [
      { given: "n was answered", to: "completed / none: late words of 1" },
      {
        given: "n had no words",
        from: () => {
          const call = live();
          call.started();
          call.now += 1_000;
          call.hushed();
          call.fire("endOfTurn");
          call.fire("lateFinal");
          return call;
        },
        to: "abandoned / waiting: ask 2",
      },
    ],
    "user.ended": [{ to: "completed / none" }],
    "end-of-turn timer": stale("I1"),
    "resume and pause timers": [...stale("I2"), { ...stale("I2")[0]!, by: fire("pauseMax") }],
    "reply.segment": [noEffect("I5")],
    "reply.ended done": [{ to: "ignored: unknown effect" }],
    "reply.ended failed": [{ to: "ignored: unknown effect" }],
    "reply.ended otherwise": [{ to: "ignored: unknown effect" }],
    "reply.position": [{ to: "ignored: unknown effect" }],
    "tool ends": [{ from: toolOfDone, to: "abandoned / none: tool done" }],
    say: [{ to: "completed / thinking: ask 2" }],
    interrupt: [{ to: "ignored: no transition" }],
    mute: [{ to: "completed / none: muted" }],
    "participant.left": [{ to: "completed / none" }],
    "stt.down": [{ to: "completed / none" }],
    "answer timers": stale("I1"),
    "listening.max": stale("I1"),
  },
  "listening / none": {
    "user.started": [
      { given: "it hears", to: "hearing / none" },
      { given: "it waits", from: waiting, to: "hearing / none", armed: "listeningMax" },
    ],
    "words, interim and real": [
      { given: "it hears", to: "hearing / none" },
      { given: "it waits and speculates", from: waiting, to: "waiting / none: stop reply of 1" },
    ],
    "words, final and real": [
      { given: "it hears", to: "hearing / none" },
      {
        given: "it waits and speculates",
        from: waiting,
        to: "waiting / none: stop reply of 1, ask 1",
      },
    ],
    "words, back-channel": [{ given: "as real words", to: "hearing / none" }],
    "late final of n": [{ given: "its own", to: "hearing / none" }],
    "user.ended": [{ to: "waiting / none", armed: "endOfTurn listeningMax" }],
    "end-of-turn timer": [
      { given: "settled, speculating", from: waiting, to: "thinking / none: commit reply of 1" },
      {
        given: "settled",
        from: () => waiting(live({ settings: { speculation: { enabled: false } } })),
        to: "thinking / none: ask 1",
      },
      {
        given: "unsettled",
        by: (call) => {
          call.hushed();
          call.fire("endOfTurn");
        },
        to: "held / none",
      },
      {
        given: "no words at the end of the wait",
        from: () => {
          const call = live();
          call.started();
          call.now += 1_000;
          call.hushed();
          call.fire("endOfTurn");
          return call;
        },
        by: fire("lateFinal"),
        to: "abandoned / none",
      },
    ],
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ impossible: "I3", from: waiting, to: "ignored: no transition" }],
    "reply.ended done": [{ impossible: "I3", from: waiting, to: "waiting / none: ask 1" }],
    "reply.ended failed": [{ given: "a speculation", from: waiting, to: "waiting / none" }],
    "reply.ended otherwise": [
      { given: "a speculation", from: waiting, to: "waiting / none: ask 1" },
    ],
    "reply.position": [{ impossible: "I3", from: waiting, to: "ignored: no transition" }],
    "tool ends": [
      {
        given: "a tool of an earlier turn",
        from: () => {
          const call = toolOfDone();
          call.started();
          return call;
        },
        to: "abandoned / hearing: tool done",
      },
    ],
    say: [{ to: "hearing / none: queued" }],
    interrupt: [{ to: "ignored: no transition" }],
    mute: [
      { to: "hearing / none: muted" },
      {
        given: "until its end of turn",
        from: waiting,
        by: (call) => {
          call.command({ name: "mute" });
          call.fire("endOfTurn");
        },
        to: "TODO",
      },
    ],
    "participant.left": [
      { to: "abandoned / none" },
      { given: "it speculates", from: waiting, to: "abandoned / none: stop reply of 1" },
    ],
    "stt.down": [{ to: "hearing / none" }],
    "answer timers": stale("I1"),
    "listening.max": [{ given: "words", to: "thinking / none: ask 1" }],
  },
  "thinking / none": {
    "user.started": [{ to: "paused / contested.speaking: pause reply of 1", armed: "TODO" }],
    "words, interim and real": [
      { given: "no detector saw it", to: "interrupted / waiting: stop reply of 1" },
      {
        given: "and the answer's last word",
        by: (call) => {
          call.heard("stt.interim");
          call.replyEnds(1, "stopped", { position: 0 });
        },
        to: "abandoned / waiting: stop reply of 1, merged into 2",
      },
    ],
    "words, final and real": [
      { given: "no detector saw it", to: "interrupted / waiting: stop reply of 1" },
    ],
    "words, back-channel": [{ to: "thinking / abandoned: aside" }],
    "late final of n": [
      { given: "other words", to: "interrupted / waiting: stop reply of 1" },
      {
        given: "the same words",
        by: lateWords({ changed: false }),
        to: "thinking / none: late words kept",
      },
    ],
    "user.ended": [{ to: "thinking / none" }],
    "end-of-turn timer": stale("I1"),
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ to: "speaking / none" }],
    "reply.ended done": [
      { given: "tools wanted", by: end("done", WANTS), to: "working / none: run tool.c1" },
      { given: "empty", to: "thinking / none: ask 1" },
      {
        given: "empty twice",
        by: (call) => {
          call.replyEnds(1, "done");
          call.replyEnds(1, "done");
        },
        to: "failed / none: ask 1",
      },
    ],
    "reply.ended failed": [{ to: "failed / none" }],
    "reply.ended otherwise": [{ given: "lost", to: "thinking / none: ask 1" }],
    "reply.position": [{ to: "ignored: no transition", differs: "D1" }],
    "tool ends": [{ from: working, to: "thinking / none: ask 1, tool done" }],
    say: [
      { to: "thinking / none: queued" },
      { given: "now", by: say(true), to: "interrupted / none: stop reply of 1, queued" },
    ],
    interrupt: [
      { to: "interrupted / none: stop reply of 1" },
      {
        given: "and the answer's last word",
        by: (call) => {
          stop(false)(call);
          call.replyEnds(1, "stopped", { position: 0 });
        },
        to: "abandoned / none: stop reply of 1",
      },
    ],
    mute: [{ to: "interrupted / none: stop reply of 1, muted" }],
    "participant.left": [{ to: "interrupted / none: stop reply of 1" }],
    "stt.down": [{ to: "thinking / none" }],
    "answer timers": [
      { given: "total", by: fire("answerTotal"), to: "failed / none: stop reply of 1" },
      ...stale("I1"),
    ],
    "listening.max": stale("I1"),
  },
  "speaking / none": {
    "user.started": [{ to: "paused / contested.speaking: pause reply of 1", armed: "TODO" }],
    "words, interim and real": [
      { given: "no detector saw it", to: "interrupted / waiting: stop reply of 1" },
    ],
    "words, final and real": [
      { given: "no detector saw it", to: "interrupted / waiting: stop reply of 1" },
    ],
    "words, back-channel": [
      { to: "speaking / abandoned: aside" },
      {
        given: "the sentence asks",
        from: () => speaking(live(), true),
        to: "interrupted / waiting: stop reply of 1",
      },
    ],
    "late final of n": [{ to: "speaking / none: late words kept" }],
    "user.ended": [{ to: "speaking / none" }],
    "end-of-turn timer": stale("I1"),
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ to: "speaking / none" }],
    "reply.ended done": [{ to: "completed / none" }],
    "reply.ended failed": [{ to: "failed / none" }],
    "reply.ended otherwise": [{ given: "lost", to: "cutOff / thinking: ask 2" }],
    "reply.position": [{ to: "speaking / none", armed: "stall" }],
    "tool ends": [{ given: "a tool of an earlier turn", from: toolBehindSpeech, to: "TODO" }],
    say: [
      { to: "speaking / none: queued" },
      { given: "now", by: say(true), to: "interrupted / none: stop reply of 1, queued" },
    ],
    interrupt: [
      { to: "interrupted / none: stop reply of 1" },
      {
        given: "and the answer's last word",
        by: (call) => {
          stop(false)(call);
          call.replyEnds(1, "stopped", { position: 1_100 });
        },
        to: "cutOff / none: stop reply of 1",
      },
    ],
    mute: [{ to: "interrupted / none: stop reply of 1, muted" }],
    "participant.left": [{ to: "interrupted / none: stop reply of 1" }],
    "stt.down": [{ to: "speaking / none" }],
    "answer timers": [
      { given: "stall", to: "failed / none: stop reply of 1" },
      { ...stale("I1")[0]!, by: fire("answerTotal") },
    ],
    "listening.max": stale("I1"),
  },
  "paused / listening": {
    "user.started": [
      {
        given: "VAD silent before",
        from: () => hushedOver(),
        to: "paused / contested.speaking",
        armed: "confirmDuration heldMax listeningMax pauseMax",
      },
    ],
    "words, interim and real": [
      { to: "interrupted / hearing: stop reply of 1" },
      {
        given: "nothing heard of n",
        from: () => {
          const call = thinking();
          call.started();
          return call;
        },
        by: (call) => {
          call.heard("stt.interim");
          call.replyEnds(1, "stopped", { position: 0 });
        },
        to: "abandoned / hearing: stop reply of 1, merged into 2",
      },
    ],
    "words, final and real": [{ to: "interrupted / hearing: stop reply of 1" }],
    "words, back-channel": [
      { given: "VAD on", to: "paused / contested.speaking" },
      {
        given: "VAD silent",
        from: () => hushedOver(),
        to: "speaking / abandoned: resume reply of 1, aside",
      },
      {
        given: "the sentence asks",
        from: () => {
          const call = speaking(live(), true);
          call.started();
          return call;
        },
        to: "interrupted / hearing: stop reply of 1",
      },
    ],
    "late final of n": [{ to: "paused / contested.speaking: late words kept" }],
    "user.ended": [
      { given: "no words", to: "paused / contested.silent", armed: "TODO" },
      {
        given: "only a back-channel",
        by: (call) => {
          EVENTS["words, back-channel"](call);
          call.hushed();
        },
        to: "speaking / abandoned: resume reply of 1, aside",
      },
    ],
    "end-of-turn timer": stale("I6"),
    "resume and pause timers": [
      { given: "resume", from: () => hushedOver(), to: "speaking / abandoned: resume reply of 1" },
      { given: "pauseMax", by: fire("pauseMax"), to: "speaking / abandoned: resume reply of 1" },
      {
        given: "nothing said of n yet",
        from: () => {
          const call = thinking();
          call.started();
          return call;
        },
        by: fire("pauseMax"),
        to: "thinking / abandoned: resume reply of 1",
      },
    ],
    "reply.segment": [{ to: "paused / contested.speaking" }],
    "reply.ended done": [
      { given: "played out before the pause held", to: "completed / hearing" },
      {
        given: "tools wanted",
        by: end("done", WANTS),
        to: "paused / contested.speaking",
      },
      {
        given: "tools wanted, then the floor comes back",
        by: (call) => {
          end("done", WANTS)(call);
          call.fire("pauseMax");
        },
        to: "working / abandoned: run tool.c1",
      },
    ],
    "reply.ended failed": [{ to: "failed / hearing" }],
    "reply.ended otherwise": [{ given: "lost", to: "cutOff / hearing" }],
    "reply.position": [{ to: "paused / contested.speaking" }],
    "tool ends": [
      {
        given: "a tool of n",
        from: () => {
          const call = working();
          call.started();
          return call;
        },
        to: "paused / contested.speaking: tool done",
      },
      {
        given: "a tool of n, then the floor comes back",
        from: () => {
          const call = working();
          call.started();
          return call;
        },
        by: (call) => {
          call.end("room", "tool.c1", { how: "done" });
          call.fire("pauseMax");
        },
        to: "thinking / abandoned: tool done, ask 1",
      },
    ],
    say: [
      { to: "paused / contested.speaking: queued" },
      {
        given: "now",
        by: say(true),
        to: "interrupted / contested.speaking: stop reply of 1, queued",
      },
    ],
    interrupt: [
      { to: "interrupted / contested.speaking: stop reply of 1" },
      {
        given: "and the answer's last word",
        by: (call) => {
          stop(false)(call);
          call.replyEnds(1, "stopped", { position: 1_100 });
        },
        to: "cutOff / hearing: stop reply of 1",
      },
    ],
    mute: [{ to: "interrupted / contested.speaking: stop reply of 1, muted" }],
    "participant.left": [{ to: "interrupted / abandoned: stop reply of 1" }],
    "stt.down": [
      { given: "speech is short", to: "paused / contested.speaking" },
      {
        given: "speech goes on",
        by: (call) => {
          EVENTS["stt.down"](call);
          call.wait(1_000);
        },
        to: "interrupted / hearing: stop reply of 1",
      },
      {
        given: "speech has gone on",
        by: (call) => {
          call.wait(1_000);
          EVENTS["stt.down"](call);
        },
        to: "interrupted / hearing: stop reply of 1",
      },
    ],
    "answer timers": stale("I1"),
    "listening.max": [{ impossible: "I8", to: "ready" }],
  },
  "interrupted / none": {
    "user.started": [{ to: "interrupted / hearing" }],
    "words, interim and real": [{ given: "no detector saw it", to: "interrupted / waiting" }],
    "words, final and real": [{ given: "no detector saw it", to: "interrupted / waiting" }],
    "words, back-channel": [{ given: "as real words", to: "interrupted / waiting" }],
    "late final of n": [{ to: "interrupted / none: late words kept" }],
    "user.ended": [{ to: "interrupted / none" }],
    "end-of-turn timer": stale("I1"),
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ to: "ignored: progress of a stopped effect" }],
    "reply.ended done": [
      { given: "all heard", to: "completed / none" },
      { given: "some heard", by: end("done", { ...WANTS, position: 1_200 }), to: "cutOff / none" },
    ],
    "reply.ended failed": [{ to: "cutOff / none" }],
    "reply.ended otherwise": [
      { given: "stopped", by: end("stopped", { position: 1_200 }), to: "cutOff / none" },
      { given: "lost", to: "cutOff / none" },
      {
        given: "stopped, nothing heard",
        from: () => {
          const call = thinking();
          stop(false)(call);
          return call;
        },
        by: end("stopped"),
        to: "abandoned / none",
      },
    ],
    "reply.position": [{ to: "interrupted / none" }],
    "tool ends": [
      {
        from: () => toolBehind(interruptedAgain),
        to: "TODO",
      },
    ],
    say: [{ to: "interrupted / none: queued" }],
    interrupt: [{ to: "interrupted / none" }],
    mute: [{ to: "interrupted / none: muted" }],
    "participant.left": [{ to: "interrupted / none" }],
    "stt.down": [{ to: "interrupted / none" }],
    "answer timers": [
      ...stale("I1"),
      { given: "interrupted.max", by: fire("interruptedMax"), to: "cutOff / none" },
    ],
    "listening.max": stale("I1"),
  },
  "interrupted / listening": {
    "user.started": [
      { given: "it hears", to: "interrupted / hearing" },
      {
        given: "it waits",
        by: (call) => {
          call.hushed();
          call.started();
        },
        to: "interrupted / hearing",
        armed: "TODO",
      },
    ],
    "words, interim and real": [{ to: "interrupted / hearing" }],
    "words, final and real": [{ to: "interrupted / hearing" }],
    "words, back-channel": [{ to: "interrupted / hearing" }],
    "late final of n": [{ to: "interrupted / hearing: late words kept" }],
    "user.ended": [{ to: "interrupted / waiting", armed: "TODO" }],
    "end-of-turn timer": [
      {
        given: "settled, n not done",
        by: (call) => {
          finalOfTwo(call);
          call.hushed();
          call.fire("endOfTurn");
        },
        to: "interrupted / ready",
      },
      {
        given: "settled, then n done",
        by: (call) => {
          finalOfTwo(call);
          call.hushed();
          call.fire("endOfTurn");
          call.replyEnds(1, "stopped", { position: 1_200 });
        },
        to: "cutOff / thinking: ask 2",
      },
    ],
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ to: "ignored: progress of a stopped effect" }],
    "reply.ended done": [{ given: "all heard", to: "completed / hearing" }],
    "reply.ended failed": [{ to: "cutOff / hearing" }],
    "reply.ended otherwise": [
      { given: "stopped", by: end("stopped", { position: 1_200 }), to: "cutOff / hearing" },
      {
        given: "stopped, nothing heard",
        from: () => {
          const call = thinking();
          call.started();
          call.heard("stt.interim", { ref: "w2" });
          return call;
        },
        by: end("stopped"),
        to: "abandoned / hearing: merged into 2",
      },
    ],
    "reply.position": [{ to: "interrupted / hearing" }],
    "tool ends": [{ from: toolBehindOvertaken, to: "TODO" }],
    say: [{ to: "interrupted / hearing: queued" }],
    interrupt: [{ to: "interrupted / hearing" }],
    mute: [{ to: "interrupted / hearing: muted" }],
    "participant.left": [{ to: "interrupted / abandoned" }],
    "stt.down": [{ to: "interrupted / hearing" }],
    "answer timers": [
      ...stale("I1"),
      { given: "interrupted.max", by: fire("interruptedMax"), to: "cutOff / hearing" },
    ],
    "listening.max": [{ to: "interrupted / ready" }],
  },
  "not pausable / listening": {
    "user.started": [{ to: "speaking / hearing" }],
    "words, interim and real": [
      { to: "speaking / hearing" },
      {
        given: "echo guard, two words",
        from: guarded,
        to: "interrupted / hearing: stop reply of 1",
      },
      {
        given: "echo guard, one word",
        from: guarded,
        by: interim({ words: 1, stable: 1 }),
        to: "speaking / hearing",
      },
    ],
    "words, final and real": [{ to: "speaking / hearing" }],
    "words, back-channel": [{ to: "speaking / hearing" }],
    "late final of n": [{ to: "speaking / hearing: late words kept" }],
    "user.ended": [{ to: "speaking / waiting", armed: "TODO" }],
    "end-of-turn timer": [
      {
        given: "real words",
        by: (call) => {
          finalOfTwo(call);
          call.hushed();
          call.fire("endOfTurn");
        },
        to: "speaking / ready",
      },
      {
        given: "only a back-channel",
        by: (call) => {
          EVENTS["words, back-channel"](call);
          call.hushed();
          call.fire("endOfTurn");
        },
        to: "speaking / abandoned: aside",
      },
    ],
    "resume and pause timers": stale("I2"),
    "reply.segment": [{ to: "speaking / hearing" }],
    "reply.ended done": [
      { to: "completed / hearing" },
      {
        given: "n+1 is ready",
        by: (call) => {
          finalOfTwo(call);
          call.hushed();
          call.fire("endOfTurn");
          call.replyEnds(1, "done", { position: 4_000 });
        },
        to: "completed / thinking: ask 2",
      },
    ],
    "reply.ended failed": [{ to: "failed / hearing" }],
    "reply.ended otherwise": [{ given: "lost", to: "cutOff / hearing" }],
    "reply.position": [{ to: "speaking / hearing" }],
    "tool ends": [
      {
        given: "a tool of n",
        from: () => {
          const call = working(live({ settings: { interruption: { enabled: false } } }));
          call.started();
          return call;
        },
        to: "thinking / hearing: ask 1, tool done",
      },
    ],
    say: [
      { to: "speaking / hearing: queued" },
      { given: "now", by: say(true), to: "speaking / hearing" },
    ],
    interrupt: [
      { to: "ignored: no transition" },
      { given: "forced", by: stop(true), to: "interrupted / hearing: stop reply of 1" },
      { given: "echo guard", from: guarded, to: "interrupted / hearing: stop reply of 1" },
    ],
    mute: [{ to: "interrupted / hearing: stop reply of 1, muted" }],
    "participant.left": [{ to: "interrupted / abandoned: stop reply of 1" }],
    "stt.down": [{ to: "speaking / hearing" }],
    "answer timers": [{ given: "stall", to: "failed / hearing: stop reply of 1" }],
    "listening.max": [
      {
        given: "words",
        by: (call) => {
          finalOfTwo(call);
          call.fire("listeningMax");
        },
        to: "speaking / ready",
      },
    ],
  },
};

function hushedOver(): TestCall {
  const call = paused();
  call.now += 500;
  call.hushed();
  return call;
}
function finalOfTwo(call: TestCall): void {
  call.now += 400;
  call.heard("stt.final", { ref: "w2", from: call.now - 664, to: call.now });
  call.now += 250;
}
function toolBehindSpeech(): TestCall {
  return toolOfDone();
}
function toolBehind(_: unknown): TestCall {
  return toolOfDone();
}
const interruptedAgain = 0;
function toolBehindOvertaken(): TestCall {
  return toolOfDone();
}

for (const pair of Object.keys(CELLS) as Pair[])
  for (const event of Object.keys(CELLS[pair]) as Event[])
    test(`${pair}: ${event}`, () => {
      for (const row of CELLS[pair][event]) checkCase(pair, event, row);
    });

function checkCase(pair: Pair, event: Event, row: Case): void {
  const call = (row.from ?? PAIRS[pair])();
  const before = mark(call);
  (row.by ?? EVENTS[event])(call);
  const given = row.given === undefined ? "" : ` (${row.given})`;
  assert.equal(outcomeSince(call, before), row.to, `${pair}: ${event}${given}`);
  if (row.armed === undefined) return;
  const armed = call.fold.table.timers().map(({ id }) => id.split(/[/.]/)[2]!);
  assert.equal(armed.sort().join(" "), row.armed, `${pair}: timers after ${event}${given}`);
}
void fixed;
void interrupted;
void listening;
void overtaken;
