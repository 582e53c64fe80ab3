import { newTurn, type TurnInput } from "./turn-context.ts";
import { tellAnswering, tellOver, tellPaused, tellTools, toRoom, turnSetup } from "./turn.setup.ts";

/**
 * A conversation turn: one exchange, the user's words and the answer. It decides when the user has
 * finished, what to ask for, and what was really heard.
 *
 * I1 forward only: what has left `listening` never goes back; words that belong with it open the
 * next turn (MERGE). I2 one judge: over a contested floor only the newer turn decides, by the first
 * real words, through the room. I3 hold before cut: the first sign of speech pauses, words cut. I4
 * every state has an exit in bounded time. I5 one `reply` at most speaks for a turn: a speculative
 * one is let out by `commit`, any other is asked for on entry to `answering`. I6 a filler covers a
 * wait and is no answer: one at most runs, beside the reply, while the turn answers.
 */
export const TURN_VERSION = "1";

export const turnMachine = turnSetup.createMachine({
  id: "turn",
  context: ({ input }) => newTurn(input ?? ({} as TurnInput)),
  initial: "opening",
  on: {
    "words.late": { actions: "takeLate" },
    "stt.state": { actions: "noteStt" },
    "settings.changed": { actions: "newSettings" },
    "measure.changed": { actions: "noteMeasure" },
    "reply.context": {},
    "reply.requested": {},
    "reply.switched": {},
    "reply.retried": {},
  },
  states: {
    opening: {
      always: [
        { guard: "isAgentTurn", target: "answering" },
        { guard: "isContested", target: "listening.contested" },
        { target: "listening.hearing" },
      ],
    },
    listening: {
      initial: "hearing",
      always: {
        guard: "cutsByEcho",
        actions: [
          "giveWay",
          { type: "send", params: ({ context }) => toRoom("turn.took", context) },
        ],
      },
      after: {
        listeningMax: [
          { guard: "mayAnswer", target: "answering" },
          { guard: "mustWaitForPrevious", target: ".ready", reenter: true },
          {
            target: "abandoned",
            actions: { type: "because", params: { reason: "listened too long" } },
          },
        ],
      },
      on: {
        "turn.stop": { target: "abandoned", actions: "becauseStopped" },
        "user.judged": { actions: "noteJudged" },
        "reply.ended": { guard: "isCurrent", actions: "forgetSpeculation" },
        "previous.paused": { actions: "noteAnswerable" },
        "agent.changed": [
          {
            guard: "isSpeculating",
            actions: ["stopReply", "forgetSpeculation", "newAgent"],
          },
          { actions: "newAgent" },
        ],
      },
      states: {
        contested: {
          initial: "opening",
          after: {
            pauseMax: {
              target: "#turn.abandoned",
              actions: [
                { type: "because", params: { reason: "no words in time" } },
                { type: "send", params: ({ context }) => toRoom("turn.yielded", context) },
              ],
            },
          },
          on: {
            "user.words": [
              {
                guard: "wordsAreReal",
                target: "hearing",
                actions: [
                  "take",
                  "giveWay",
                  { type: "send", params: ({ context }) => toRoom("turn.took", context) },
                ],
              },
              { actions: "take" },
            ],
            "previous.ended": { target: "hearing", actions: "merge" },
            "turn.stop": {
              target: "#turn.abandoned",
              actions: [
                "becauseStopped",
                { type: "send", params: ({ context }) => toRoom("turn.yielded", context) },
              ],
            },
          },
          states: {
            opening: {
              always: [{ guard: "holdsLate", target: "brief" }, { target: "speaking" }],
            },
            brief: {
              always: { guard: "allQuiet", target: "silent" },
              after: {
                pauseAfter: {
                  target: "speaking",
                  actions: { type: "send", params: ({ context }) => toRoom("turn.holds", context) },
                },
              },
              on: {
                "user.started": { actions: "hear" },
                "user.ended": { actions: "hush" },
              },
            },
            speaking: {
              always: { guard: "allQuiet", target: "silent" },
              after: {
                confirmDuration: {
                  guard: "sttIsDown",
                  target: "#turn.listening.hearing",
                  actions: [
                    "giveWay",
                    { type: "send", params: ({ context }) => toRoom("turn.took", context) },
                  ],
                },
              },
              on: {
                "user.started": { actions: "hear" },
                "user.ended": { actions: "hush" },
                "stt.state": { target: "speaking", reenter: true, actions: "noteStt" },
              },
            },
            silent: {
              always: {
                guard: "onlyBackchannel",
                target: "#turn.abandoned",
                actions: [
                  { type: "because", params: { reason: "back-channel" } },
                  { type: "send", params: ({ context }) => toRoom("turn.yielded", context) },
                ],
              },
              after: {
                resumeAfter: {
                  target: "#turn.abandoned",
                  actions: [
                    "becauseNoWords",
                    { type: "send", params: ({ context }) => toRoom("turn.yielded", context) },
                  ],
                },
              },
              on: { "user.started": { target: "opening", actions: "hear" } },
            },
          },
        },
        hearing: {
          always: { guard: "allQuiet", target: "waiting" },
          on: {
            "user.started": { actions: "hear" },
            "user.ended": { actions: "hush" },
            "user.words": [
              { guard: "makesStale", actions: ["stopReply", "forgetSpeculation", "take"] },
              { actions: "take" },
            ],
            "previous.ended": { actions: "merge" },
          },
        },
        waiting: {
          always: { guard: "maySpeculate", actions: ["beginSpeculation", "startReply"] },
          after: {
            endOfTurn: [
              { guard: "mayAnswerSettled", target: "#turn.answering" },
              { guard: "onlyPreviousMissing", target: "ready" },
              { target: "held" },
            ],
          },
          on: {
            "user.started": { target: "hearing", actions: "hear" },
            "user.ended": { target: "waiting", reenter: true, actions: "hush" },
            "user.words": [
              {
                guard: "makesStale",
                target: "waiting",
                reenter: true,
                actions: ["stopReply", "forgetSpeculation", "take"],
              },
              { target: "waiting", reenter: true, actions: "take" },
            ],
            "user.judged": { target: "waiting", reenter: true, actions: "noteJudged" },
            "previous.ended": { target: "waiting", reenter: true, actions: "merge" },
          },
        },
        held: {
          after: {
            lateFinal: [
              { guard: "mayAnswer", target: "#turn.answering" },
              { guard: "mustWaitForPrevious", target: "ready" },
              { target: "#turn.abandoned", actions: "becauseNoWords" },
            ],
          },
          on: {
            "user.started": { target: "hearing", actions: "hear" },
            "user.ended": { target: "waiting", actions: "hush" },
            "user.words": [
              {
                guard: "makesStale",
                target: "waiting",
                actions: ["stopReply", "forgetSpeculation", "take"],
              },
              { target: "waiting", actions: "take" },
            ],
            "user.judged": { target: "waiting", actions: "noteJudged" },
            "previous.ended": { target: "waiting", actions: "merge" },
            "stt.state": { target: "held", reenter: true, actions: "noteStt" },
          },
        },
        ready: {
          on: {
            "user.started": { target: "hearing", actions: "hear" },
            "user.words": { target: "waiting", actions: "take" },
            "user.judged": { target: "waiting", actions: "noteJudged" },
            "previous.ended": { target: "#turn.answering", actions: "merge" },
          },
        },
      },
    },
    answering: {
      initial: "beginning",
      entry: ["beginWait", { type: "send", params: ({ context }) => tellAnswering(context) }],
      exit: ["stopReply", "stopFiller"],
      on: {
        "floor.taken": [
          { guard: "nothingRunsAndHeard", target: "cutOff", actions: "becauseCut" },
          { guard: "nothingRuns", target: "abandoned", actions: "becauseCut" },
          { target: "interrupted", actions: "becauseCut" },
        ],
        "turn.stop": [
          { guard: "nothingRunsAndHeard", target: "cutOff", actions: "becauseStopped" },
          { guard: "nothingRuns", target: "abandoned", actions: "becauseStopped" },
          { target: "interrupted", actions: "becauseStopped" },
        ],
        "speech.segment": { actions: "measureSegment" },
        "filler.segment": { actions: "addSegment" },
        "filler.position": [
          {
            guard: "fillerIsSilent",
            actions: [
              "notePosition",
              { type: "send", params: ({ context }) => toRoom("turn.speaking", context) },
            ],
          },
          { actions: "notePosition" },
        ],
        "filler.ended": { actions: "noteEnd" },
        "tool.result": { actions: "noteResult" },
      },
      states: {
        beginning: {
          always: [
            {
              guard: "isSpeculating",
              target: "thinking",
              actions: ["adopt", { type: "tell", params: { child: "reply", command: "commit" } }],
            },
            { target: "thinking", actions: ["countAsk", "startReply"] },
          ],
        },
        thinking: {
          after: {
            answerTotal: {
              target: "#turn.failed",
              actions: { type: "because", params: { reason: "no answer in time" } },
            },
            fillerAfter: { guard: "mayFill", actions: ["startFiller", "countFiller"] },
          },
          on: {
            "speech.over": { guard: "isPausable", target: "paused" },
            "reply.segment": [
              {
                guard: "fillerIsSilent",
                target: "speaking",
                actions: [
                  "stopFiller",
                  "addSegment",
                  { type: "send", params: ({ context }) => toRoom("turn.speaking", context) },
                ],
              },
              {
                target: "speaking",
                actions: [
                  "addSegment",
                  { type: "send", params: ({ context }) => toRoom("turn.speaking", context) },
                ],
              },
            ],
            "reply.ended": [
              { guard: "isStale" },
              { guard: "wantsTools", target: "working", actions: ["noteEnd", "wantTools"] },
              { guard: "isDoneAfterTools", target: "#turn.completed", actions: "noteEnd" },
              {
                guard: "isEmptyAgain",
                target: "#turn.failed",
                actions: { type: "because", params: { reason: "empty answer" } },
              },
              {
                guard: "isDone",
                target: "thinking",
                reenter: true,
                actions: ["noteEnd", "countEmpty", "countAsk", "startReply"],
              },
              { guard: "hasFailed", target: "#turn.failed", actions: ["noteEnd", "becauseFailed"] },
              { target: "thinking", reenter: true, actions: ["replaceRun", "startReply"] },
            ],
          },
        },
        working: {
          entry: [{ type: "send", params: ({ context }) => tellTools(context) }, "markAsked"],
          always: {
            guard: "toolsDone",
            target: "thinking",
            actions: ["clearTools", "countAsk", "startReply"],
          },
          after: {
            sayWhileAfter: { guard: "mayFill", actions: ["startFiller", "countFiller"] },
            toolsMax: { target: "thinking", actions: ["clearTools", "countAsk", "startReply"] },
          },
          on: {
            "speech.over": { guard: "isPausable", target: "paused" },
            "tool.result": [
              {
                guard: "lastToolIn",
                target: "thinking",
                actions: ["noteResult", "clearTools", "countAsk", "startReply"],
              },
              { actions: "noteResult" },
            ],
          },
        },
        speaking: {
          after: {
            stall: [
              {
                guard: "fillerRuns",
                target: "speaking",
                reenter: true,
                actions: ["stopFiller", "giveUpFiller"],
              },
              {
                target: "#turn.failed",
                actions: { type: "because", params: { reason: "the voice stalled" } },
              },
            ],
          },
          on: {
            "speech.over": { guard: "isPausable", target: "paused" },
            "reply.switched": { target: "speaking", reenter: true },
            "reply.retried": { target: "speaking", reenter: true },
            "reply.segment": { target: "speaking", reenter: true, actions: "addSegment" },
            "reply.position": { target: "speaking", reenter: true, actions: "notePosition" },
            "filler.position": { target: "speaking", reenter: true, actions: "notePosition" },
            "reply.ended": [
              { guard: "isStale" },
              { guard: "wantsTools", target: "working", actions: ["noteEnd", "wantTools"] },
              { guard: "isDone", target: "#turn.completed", actions: "noteEnd" },
              { guard: "hasFailed", target: "#turn.failed", actions: ["noteEnd", "becauseFailed"] },
              { guard: "wasLostAfterAll", target: "#turn.completed", actions: "noteEnd" },
              { target: "thinking", actions: ["noteEnd", "takeRest", "startReply"] },
            ],
          },
        },
        paused: {
          entry: [
            { type: "send", params: ({ context }) => tellPaused(context) },
            { type: "tell", params: { child: "reply", command: "pause" } },
            { type: "tell", params: { child: "filler", command: "pause" } },
          ],
          after: {
            heldMax: {
              target: "#turn.interrupted",
              actions: { type: "because", params: { reason: "paused too long" } },
            },
          },
          on: {
            "floor.returned": [
              {
                guard: "hasTools",
                target: "working",
                actions: { type: "tell", params: { child: "filler", command: "resume" } },
              },
              { guard: "onlyEndIsLost", target: "#turn.completed" },
              {
                guard: "replyIsOver",
                target: "thinking",
                actions: [
                  { type: "tell", params: { child: "filler", command: "resume" } },
                  "goOn",
                  "startReply",
                ],
              },
              {
                guard: "hasSegments",
                target: "speaking",
                actions: [
                  { type: "tell", params: { child: "filler", command: "resume" } },
                  { type: "tell", params: { child: "reply", command: "resume" } },
                  { type: "send", params: ({ context }) => toRoom("turn.speaking", context) },
                ],
              },
              {
                target: "thinking",
                actions: [
                  { type: "tell", params: { child: "filler", command: "resume" } },
                  { type: "tell", params: { child: "reply", command: "resume" } },
                ],
              },
            ],
            "reply.segment": { actions: "addSegment" },
            "reply.position": { actions: "notePosition" },
            "reply.ended": [
              { guard: "isStale" },
              { guard: "wantsTools", actions: ["noteEnd", "wantTools"] },
              {
                guard: "isEmptyAgain",
                target: "#turn.failed",
                actions: { type: "because", params: { reason: "empty answer" } },
              },
              { guard: "isEmpty", actions: ["noteEnd", "countEmpty"] },
              { guard: "isDone", target: "#turn.completed", actions: "noteEnd" },
              { guard: "hasFailed", target: "#turn.failed", actions: ["noteEnd", "becauseFailed"] },
              { actions: "noteEnd" },
            ],
          },
        },
      },
    },
    interrupted: {
      entry: { type: "send", params: ({ context }) => toRoom("turn.interrupted", context) },
      after: {
        interruptedMax: [{ guard: "heardSome", target: "cutOff" }, { target: "abandoned" }],
      },
      on: {
        "reply.ended": [
          { guard: "isStale" },
          { guard: "stillRuns", actions: "noteEnd" },
          { guard: "wasHeardOut", target: "completed", actions: "noteEnd" },
          { guard: "willHaveHeard", target: "cutOff", actions: "noteEnd" },
          { target: "abandoned", actions: "noteEnd" },
        ],
        "reply.position": { actions: "notePosition" },
        "filler.ended": [
          { guard: "stillRuns", actions: "noteEnd" },
          { guard: "willHaveHeard", target: "cutOff", actions: "noteEnd" },
          { target: "abandoned", actions: "noteEnd" },
        ],
        "filler.position": { actions: "notePosition" },
        "speech.segment": { actions: "measureSegment" },
      },
    },
    completed: {
      type: "final",
      entry: [
        { type: "leaveFact", params: { status: "completed" } },
        { type: "send", params: ({ context }) => tellOver(context, "completed") },
      ],
    },
    cutOff: {
      type: "final",
      entry: [
        { type: "leaveFact", params: { status: "cutOff" } },
        { type: "send", params: ({ context }) => tellOver(context, "cutOff") },
      ],
    },
    abandoned: {
      type: "final",
      entry: [
        { type: "leaveFact", params: { status: "abandoned" } },
        { type: "send", params: ({ context }) => tellOver(context, "abandoned") },
      ],
    },
    failed: {
      type: "final",
      entry: [
        { type: "leaveFact", params: { status: "failed" } },
        { type: "send", params: ({ context }) => tellOver(context, "failed") },
      ],
    },
  },
});
