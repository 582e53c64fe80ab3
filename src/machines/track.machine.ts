import { assign, setup } from "xstate";
import type { TurnSettings } from "../events/settings.events.ts";
import type { TrackEvent } from "../events/track.events.ts";
import { delaysOf, guardsOf, is, type Choices, type Wait, type Waits } from "./choice.ts";
import { effect, send, type Send } from "./host-actions.ts";

/**
 * A participant's audio track: its voice detector and its speech-to-text stream, side by side, as
 * either may break while the other goes on. It tells the room who speaks and what was said.
 *
 * I1: every `user.started` is followed by one `user.ended`, also when the detector dies or the
 * track closes. I2: a broken stream is opened again after a growing delay; the track never gives up
 * by itself. I3: times are those of the inputs, never of the machine.
 */
export const TRACK_VERSION = "1";

export interface TrackInput {
  readonly sid: string;
  readonly identity: string;
  readonly settings: TurnSettings;
}

export interface TrackContext extends TrackInput {
  /** Start of the speech that goes on now. */
  readonly speakingFrom: number;
  /** Streams that broke in a row. */
  readonly sttFailures: number;
  readonly detectorFailures: number;
}

interface Args {
  readonly context: TrackContext;
  readonly event: TrackEvent;
}

/** What a track's chart decides by: its delays and its guard, with all that they compare. */
export const trackWaits = {
  sttBackoff: ({ context: { sttFailures: n } }) => backoff(100, n),
  detectorBackoff: ({ context: { detectorFailures: n } }) => backoff(50, n),
  closeMax: () => ({ ms: 2_000, of: "time to close" }),
} satisfies Waits<Args>;

export const trackChoices = {
  isEnd: ({ event }) => [is("the end of the one that runs", "current" in event && event.current)],
} satisfies Choices<Args>;

function backoff(firstMs: number, failures: number): Wait {
  return { ms: Math.min(5_000, firstMs * 2 ** failures), of: `after ${failures} failures` };
}

const trackSetup = setup({
  types: {} as { context: TrackContext; input: TrackInput; events: TrackEvent },
  actors: { detector: effect, stt: effect },
  delays: delaysOf(trackWaits),
  guards: guardsOf(trackChoices),
  actions: {
    send,
    noteStart: assign(({ event }) =>
      event.type === "vad.started" ? { speakingFrom: event.from, detectorFailures: 0 } : {},
    ),
    countSttFailure: assign(({ context }) => ({ sttFailures: context.sttFailures + 1 })),
    countDetectorFailure: assign(({ context }) => ({
      detectorFailures: context.detectorFailures + 1,
    })),
    sttWorks: assign(({ context }) => (context.sttFailures > 0 ? { sttFailures: 0 } : {})),
  },
});

function toRoom(event: Send["event"]): Send {
  return { to: "room", event };
}

/** Silence is counted by audio; a detector that died has seen none. */
function userEnded(context: TrackContext, event: TrackEvent): Send {
  const { sid, identity, speakingFrom } = context;
  const { from, to, silenceMs } =
    event.type === "vad.ended" ? event : { from: speakingFrom, to: event.at, silenceMs: 0 };
  return toRoom({ type: "user.ended", sid, identity, from, to, silenceMs });
}

function userWords({ sid, identity }: TrackContext, event: TrackEvent): Send {
  const { type, at: _, ...features } = event as Extract<TrackEvent, { type: "stt.final" }>;
  const final = (type as string) === "stt.final";
  return toRoom({ type: "user.words", ...features, sid, identity, final });
}

function userJudged({ sid }: TrackContext, event: TrackEvent): Send {
  const { to, class: end } = event as Extract<TrackEvent, { type: "speech.judged" }>;
  return toRoom({ type: "user.judged", sid, to, class: end });
}

function sttState({ sid }: TrackContext, down: boolean): Send {
  return toRoom({ type: "track.stt", sid, down });
}

export const trackMachine = trackSetup.createMachine({
  id: "track",
  context: ({ input }) => ({
    ...(input ?? ({} as TrackInput)),
    speakingFrom: 0,
    sttFailures: 0,
    detectorFailures: 0,
  }),
  initial: "open",
  states: {
    open: {
      type: "parallel",
      on: {
        "track.close": "closing",
        "speech.judged": {
          actions: { type: "send", params: ({ context, event }) => userJudged(context, event) },
        },
      },
      states: {
        voice: {
          initial: "detecting",
          states: {
            detecting: {
              invoke: {
                id: "detector",
                src: "detector",
                input: ({ context }) => ({ sid: context.sid, ...context.settings.vad }),
              },
              initial: "silent",
              on: {
                "detector.ended": {
                  guard: "isEnd",
                  target: "broken",
                  actions: "countDetectorFailure",
                },
              },
              states: {
                silent: {
                  on: {
                    "vad.started": {
                      target: "speaking",
                      actions: [
                        "noteStart",
                        {
                          type: "send",
                          params: ({ context, event }) =>
                            toRoom({
                              type: "user.started",
                              sid: context.sid,
                              identity: context.identity,
                              from: event.from,
                            }),
                        },
                      ],
                    },
                  },
                },
                speaking: {
                  on: { "vad.ended": "silent" },
                  exit: {
                    type: "send",
                    params: ({ context, event }) => userEnded(context, event),
                  },
                },
              },
            },
            broken: { after: { detectorBackoff: "detecting" } },
          },
        },
        words: {
          initial: "hearing",
          on: {
            "stt.opened": {},
            "stt.retried": {},
            "stt.switched": {},
            "stt.interim": {
              actions: [
                "sttWorks",
                { type: "send", params: ({ context, event }) => userWords(context, event) },
              ],
            },
            "stt.final": {
              actions: [
                "sttWorks",
                { type: "send", params: ({ context, event }) => userWords(context, event) },
              ],
            },
          },
          states: {
            hearing: {
              invoke: {
                id: "stt",
                src: "stt",
                input: ({ context }) => ({ sid: context.sid }),
              },
              initial: "up",
              on: {
                "stt.ended": { guard: "isEnd", target: "broken", actions: "countSttFailure" },
              },
              states: {
                up: { on: { "stt.down": "down" } },
                down: {
                  entry: { type: "send", params: ({ context }) => sttState(context, true) },
                  exit: { type: "send", params: ({ context }) => sttState(context, false) },
                  on: { "stt.up": "up" },
                },
              },
            },
            broken: {
              entry: { type: "send", params: ({ context }) => sttState(context, true) },
              exit: { type: "send", params: ({ context }) => sttState(context, false) },
              after: { sttBackoff: "hearing" },
            },
          },
        },
      },
    },
    closing: {
      after: { closeMax: "closed" },
      on: { "stt.ended": { guard: "isEnd", target: "closed" } },
    },
    closed: {
      type: "final",
      entry: {
        type: "send",
        params: ({ context }) => toRoom({ type: "track.closed", sid: context.sid }),
      },
    },
  },
});
