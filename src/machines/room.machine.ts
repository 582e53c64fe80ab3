import type { CallHeader } from "../events/call.events.ts";
import * as rules from "./room.rules.ts";
import * as budget from "./room-budget.rules.ts";
import * as tracks from "./room-tracks.rules.ts";
import * as tools from "./room-tools.rules.ts";
import { roomSetup } from "./room.setup.ts";

/**
 * The room: who is heard, who has the floor, what is to be said without a model, which tools run,
 * and when to leave. It opens tracks and turns and carries words between them.
 *
 * I1: at most two turns live, one answering or interrupted and one listening. I2: turn numbers have
 * no gaps and never repeat. I3: tools live here, so they outlive their turn; a write that runs is
 * never stopped and never run twice. I4: agent turns open only where no turn is live. I5: the floor
 * passes only by `turn.took` and `turn.yielded` of the newer turn. I6: the connection is stopped
 * before the room closes, and every way of leaving is bounded. I7: a call that joins a pending
 * write never runs; it has that write's result. I8: a farewell measure is never taken back.
 */
export const ROOM_VERSION = "1";

export const roomMachine = roomSetup.createMachine({
  id: "room",
  context: ({ input }) => rules.newRoom(input ?? ({} as CallHeader)),
  initial: "present",
  on: {
    "turn.answering": [
      {
        guard: "isMuted",
        actions: [
          "noteAnswering",
          { type: "send", params: ({ event }) => rules.stop(event.n, "muted") },
        ],
      },
      { actions: "noteAnswering" },
    ],
    "turn.speaking": { actions: "noteSpeaking" },
    "turn.interrupted": { actions: "noteInterrupted" },
    "turn.over": [
      { guard: "isLastTurn", target: ".leaving", actions: "noteTurnOver" },
      {
        guard: "hasListenerBehind",
        actions: [
          { type: "send", params: ({ context, event }) => rules.hand(context, event) },
          "noteTurnOver",
        ],
      },
      {
        guard: "needsApology",
        actions: ["noteTurnOver", { type: "queueText", params: { ref: "apology", after: "stay" } }],
      },
      {
        guard: "wasUnheard",
        actions: [
          "noteTurnOver",
          "noteUnheard",
          { type: "queueText", params: { ref: "unheard", after: "stay" } },
        ],
      },
      { actions: "noteTurnOver" },
    ],
    "turn.took": {
      actions: { type: "send", params: ({ context }) => rules.toOlder(context, "floor.taken") },
    },
    "turn.yielded": {
      actions: { type: "send", params: ({ context }) => rules.toOlder(context, "floor.returned") },
    },
    "turn.paused": {
      actions: { type: "send", params: ({ context, event }) => rules.passOn(context, event) },
    },
    "track.closed": { actions: "dropTrack" },
    "track.stt": {
      actions: ["noteStt", { type: "send", params: ({ context }) => tracks.sttState(context) }],
    },
    "tool.ended": [
      { guard: "toolMayRepeat", actions: "repeatTool" },
      {
        guard: "handsOverInTurn",
        actions: [
          "toolFact",
          "applyResult",
          { type: "send", params: ({ context }) => tools.tellAgent(context) },
          { type: "send", params: ({ context, event }) => tools.toolResult(context, event) },
          "dropTool",
        ],
      },
      {
        guard: "handsOver",
        actions: [
          "toolFact",
          "applyResult",
          { type: "send", params: ({ context }) => tools.tellAgent(context) },
          "dropTool",
        ],
      },
      {
        guard: "isToolOfLiveTurn",
        actions: [
          "toolFact",
          "applyResult",
          { type: "send", params: ({ context, event }) => tools.toolResult(context, event) },
          "dropTool",
        ],
      },
      {
        guard: "hangsUpLate",
        target: ".leaving",
        actions: ["toolFact", "applyResult", "dropTool"],
      },
      { actions: ["toolFact", "applyResult", "dropTool"] },
    ],
    "hook.ended": { actions: "endHook" },
    "command.set": {
      actions: [
        "newSettings",
        { type: "send", params: ({ context }) => tools.changeSettings(context, context.newer) },
        {
          type: "send",
          params: ({ context }) => tools.changeSettings(context, context.older?.n ?? null),
        },
      ],
    },
    "command.agent": {
      actions: ["editAgent", { type: "send", params: ({ context }) => tools.tellAgent(context) }],
    },
    "command.unmute": { actions: "unmute" },
    "command.instruct": {},
  },
  states: {
    present: {
      invoke: {
        id: "connection",
        src: "connection",
        input: ({ context }) => ({ rejoins: context.rejoins }),
      },
      initial: "joining",
      always: [
        { guard: "toolWanted", actions: ["startTool", "markStarted"] },
        { guard: "toolToStop", actions: ["stopTool", "markStopping"] },
        {
          guard: "joinedDone",
          actions: [
            { type: "send", params: ({ context }) => tools.joinedResult(context) },
            "dropJoined",
          ],
        },
        { guard: "hookWanted", actions: ["startHook", "markHook"] },
      ],
      on: {
        "connection.ended": [
          { guard: "isLostWhileDraining", target: ".draining", reenter: true },
          { guard: "isLost", target: "present", reenter: true },
          {
            guard: "wasClosed",
            target: "leaving.quiet",
            actions: { type: "because", params: { reason: "disconnected" } },
          },
          { guard: "mayRejoin", target: "present", reenter: true, actions: "countRejoin" },
          { guard: "isCurrent", target: "leaving.quiet", actions: "becauseConnectionLost" },
        ],
        "participant.joined": [
          {
            guard: "mayGreet",
            actions: [
              "addParticipant",
              "greet",
              { type: "queueText", params: { ref: "greeting", after: "stay" } },
            ],
          },
          { actions: "addParticipant" },
        ],
        "participant.left": [
          {
            guard: "leavesNobody",
            actions: [
              "dropParticipant",
              "emptyRoom",
              { type: "send", params: ({ context }) => rules.stopOlder(context, "left") },
              { type: "send", params: ({ context }) => rules.stop(context.newer, "left") },
            ],
          },
          { actions: "dropParticipant" },
        ],
        "track.published": {
          guard: "isNewTrack",
          actions: [
            "addTrack",
            {
              type: "open",
              params: ({ context, event }) => tracks.openTrack(context, event),
            },
          ],
        },
        "track.unpublished": {
          guard: "isKnownTrack",
          actions: { type: "send", params: ({ event }) => rules.closeTrack(event.sid) },
        },
        "user.started": [
          {
            guard: "hasListener",
            actions: [
              "noteRange",
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
            ],
          },
          {
            guard: "holdsAtOnce",
            actions: [
              "newListener",
              { type: "open", params: ({ context, event }) => rules.openUser(context, event) },
              "noteRange",
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
              { type: "send", params: ({ context }) => rules.toOlder(context, "speech.over") },
            ],
          },
          {
            actions: [
              "newListener",
              { type: "open", params: ({ context, event }) => rules.openUser(context, event) },
              "noteRange",
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
            ],
          },
        ],
        "user.ended": [
          {
            guard: "endsForListener",
            actions: [
              "endRange",
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
            ],
          },
          { actions: "endRange" },
        ],
        "user.judged": {
          guard: "hasListener",
          actions: {
            type: "send",
            params: ({ context, event }) => rules.pass(context.newer, event),
          },
        },
        "turn.holds": {
          actions: { type: "send", params: ({ context }) => rules.toOlder(context, "speech.over") },
        },
        "user.words": [
          { guard: "isRepeated", actions: { type: "noteWords", params: { of: "owner" } } },
          {
            guard: "isLateForDone",
            actions: ["lateFact", { type: "noteWords", params: { of: "owner" } }],
          },
          {
            guard: "isLateForOlder",
            actions: [
              { type: "send", params: ({ context, event }) => rules.late(context, event) },
              { type: "noteWords", params: { of: "older" } },
            ],
          },
          {
            guard: "hasListener",
            actions: [
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
              { type: "noteWords", params: { of: "newer" } },
            ],
          },
          {
            guard: "isEcho",
            actions: ["echoFact", { type: "noteWords", params: { of: "nobody" } }],
          },
          {
            actions: [
              "newListener",
              { type: "open", params: ({ context, event }) => rules.openUser(context, event) },
              { type: "send", params: ({ context, event }) => rules.pass(context.newer, event) },
              { type: "noteWords", params: { of: "newer" } },
            ],
          },
        ],
        "text.received": [
          {
            guard: "hasListener",
            actions: { type: "send", params: ({ context, event }) => rules.typed(context, event) },
          },
          {
            actions: [
              "newListener",
              { type: "open", params: ({ context, event }) => rules.openUser(context, event) },
              { type: "send", params: ({ context, event }) => rules.typed(context, event) },
            ],
          },
        ],
        "tools.requested": { actions: "addTools" },
        "command.say": [
          {
            guard: "maySayNow",
            actions: [
              "queueCommand",
              { type: "send", params: ({ context }) => rules.stopOlder(context, "say") },
            ],
          },
          { actions: "queueCommand" },
        ],
        "command.interrupt": {
          guard: "mayInterrupt",
          actions: { type: "send", params: ({ context }) => rules.stopOlder(context, "interrupt") },
        },
        "command.mute": {
          actions: [
            "mute",
            { type: "send", params: ({ context }) => rules.stopOlder(context, "muted") },
          ],
        },
        "command.end": [
          {
            guard: "hasFarewell",
            target: ".draining",
            actions: [
              "becauseCommand",
              { type: "queueText", params: { ref: "farewell", after: "leave" } },
            ],
          },
          { target: ".draining", actions: "becauseCommand" },
        ],
        "host.failed": [
          {
            guard: "hasFarewell",
            target: ".draining",
            actions: [
              "becauseFailures",
              { type: "queueText", params: { ref: "farewell", after: "leave" } },
              { type: "send", params: ({ context }) => rules.stopOlder(context, "failed") },
            ],
          },
          { target: "leaving", actions: "becauseFailures" },
        ],
        "budget.changed": [
          {
            guard: "mustLeave",
            target: ".draining",
            actions: [
              "noteMeasure",
              "measureFact",
              "becauseBudget",
              "queueGoodbye",
              { type: "send", params: ({ context }) => budget.tellOlder(context) },
            ],
          },
          {
            guard: "changesMeasure",
            actions: [
              "noteMeasure",
              "measureFact",
              { type: "send", params: ({ context }) => budget.tellNewer(context) },
              { type: "send", params: ({ context }) => budget.tellOlder(context) },
            ],
          },
        ],
      },
      states: {
        joining: {
          after: {
            joinMax: {
              target: "#room.leaving",
              actions: { type: "because", params: { reason: "could not join" } },
            },
          },
          on: { "room.joined": { target: "live", actions: ["resetRejoins", "forgetPresent"] } },
        },
        live: {
          initial: "empty",
          on: { "room.reconnecting": "recovering" },
          states: {
            empty: {
              always: { guard: "isSomeonePresent", target: "idle" },
              after: {
                grace: {
                  target: "#room.leaving",
                  actions: { type: "because", params: { reason: "nobody there" } },
                },
              },
            },
            idle: {
              always: [
                { guard: "isNobodyPresent", target: "empty" },
                { guard: "somethingLive", target: "engaged" },
                { guard: "isOccupied", target: "occupied" },
                {
                  guard: "maySay",
                  target: "engaged",
                  actions: [
                    "newSaying",
                    { type: "open", params: ({ context }) => rules.openSaying(context) },
                    "shiftQueue",
                  ],
                },
              ],
              after: {
                away: [
                  {
                    guard: "mayPrompt",
                    actions: [
                      "countPrompt",
                      { type: "queueText", params: { ref: "away", after: "stay" } },
                    ],
                  },
                  { guard: "mayWait", target: "idle", reenter: true, actions: "countPrompt" },
                  {
                    guard: "hasFarewell",
                    actions: [
                      "becauseNobodySpoke",
                      { type: "queueText", params: { ref: "farewell", after: "leave" } },
                    ],
                  },
                  { target: "#room.leaving", actions: "becauseNobodySpoke" },
                ],
              },
            },
            occupied: {
              always: [
                { guard: "isNobodyPresent", target: "empty" },
                { guard: "somethingLive", target: "engaged" },
                { guard: "isFree", target: "idle" },
                {
                  guard: "maySay",
                  target: "engaged",
                  actions: [
                    "newSaying",
                    { type: "open", params: ({ context }) => rules.openSaying(context) },
                    "shiftQueue",
                  ],
                },
              ],
            },
            engaged: { always: { guard: "nothingLive", target: "idle" } },
          },
        },
        recovering: {
          after: {
            recoverMax: { target: "#room.leaving", actions: "becauseConnectionLost" },
          },
          on: { "room.reconnected": "live", "room.joined": "live" },
        },
        draining: {
          entry: {
            type: "send",
            params: ({ context }) => rules.stop(context.newer, "leaving"),
          },
          always: [
            {
              guard: "maySay",
              actions: [
                "newSaying",
                { type: "open", params: ({ context }) => rules.openSaying(context) },
                "shiftQueue",
              ],
            },
            { guard: "mayDrain", target: "#room.leaving" },
          ],
          after: { drainMax: "#room.leaving" },
          on: {
            "participant.joined": { actions: "addParticipant" },
            "user.started": {},
            "user.words": {},
            "text.received": {},
            "command.say": {},
            "command.end": {},
            "host.failed": {},
            "budget.changed": { guard: "changesMeasure", actions: ["noteMeasure", "measureFact"] },
          },
        },
      },
    },
    leaving: {
      initial: "disconnecting",
      entry: [
        "clearQueue",
        "stopAllTools",
        { type: "send", params: ({ context }) => rules.stopOlder(context, "leaving") },
        { type: "send", params: ({ context }) => rules.stop(context.newer, "leaving") },
      ],
      always: [
        { guard: "toolToStop", actions: ["stopTool", "markStopping"] },
        { guard: "hookWanted", actions: ["startHook", "markHook"] },
        {
          guard: "trackToClose",
          actions: [
            { type: "send", params: ({ context }) => rules.closeFirstTrack(context) },
            "markClosing",
          ],
        },
      ],
      after: { leaveMax: "closed" },
      states: {
        disconnecting: {
          on: { "connection.ended": { guard: "isCurrent", target: "quiet" } },
        },
        quiet: { always: { guard: "allQuiet", target: "#room.closed" } },
      },
    },
    closed: { type: "final" },
  },
});
