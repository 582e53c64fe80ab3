import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { EndEvent } from "../../src/events/effect.events.ts";
import type { RoomEvent } from "../../src/events/room.events.ts";
import * as room from "../../src/machines/room.rules.ts";
import * as tools from "../../src/machines/room-tools.rules.ts";
import type { Run, TurnContext } from "../../src/machines/turn-context.ts";
import { saysYes } from "../../src/machines/choice.ts";
import { turnChoices } from "../../src/machines/turn.choices.ts";
import * as spoken from "../../src/machines/turn-runs.rules.ts";
import * as rules from "../../src/machines/turn.rules.ts";
import { SETTINGS, filler, run, turn, words } from "./fixtures.ts";
import { NOW } from "./table.ts";

/** What the rules say where a table shows only that the chart asks them. */
const asked = { write: false, idempotent: true, cancels: true, sayWhile: "", joins: "" };
const tool = { call: "c1", name: "find", ...asked, asked: true, done: false };
const slow = { ...tool, call: "c2", sayWhile: "tool.book" };
const NO_EVENT = { type: "turn.stop", reason: "", at: NOW } as const;
const silent = run({ started: false, segments: [], positionMs: 0 });

test("a wait is covered by the words of a slow tool, else once by the filler", () => {
  const says = (more: Partial<TurnContext>) =>
    spoken.fillerFor(turn({ filler: "filler", runs: [silent], ...more }));
  assert.equal(says({}), "filler");
  assert.equal(says({ filler: "" }), "");
  assert.equal(says({ runs: [run({ over: true }), silent] }), "", "something was said");
  assert.equal(says({ runs: [silent, filler({ over: true })] }), "", "it was covered before");
  assert.equal(says({ saying: ["greeting"] }), "", "a text needs no model");
  assert.equal(says({ tools: [tool, slow], runs: [run({ over: true })] }), "tool.book");
  assert.equal(says({ tools: [tool, { ...slow, done: true }] }), "filler");
});

test("words told again make an early request stale where they are others, or nobody's", () => {
  const context = turn({ words: [words()] });
  const stale = (more: object) => rules.changesRequest(context, words(more));
  assert.equal(stale({ changed: false }), false);
  assert.equal(stale({ changed: true }), true);
  assert.equal(stale({ changed: false, words: 3 }), true);
  assert.equal(stale({ changed: false, ref: "w2" }), true);
  assert.equal(stale({ changed: false, echo: true }), true, "the agent's own");
});

test("one filler speaks at a time", () => {
  const may = (...runs: readonly Run[]) =>
    saysYes(turnChoices.mayFill({ context: turn({ filler: "filler", runs }), event: NO_EVENT }));
  const unsaid = filler({ started: false, segments: [], positionMs: 0 });
  assert.equal(may(silent), true);
  assert.equal(may(silent, unsaid), false, "it runs");
  assert.equal(may(silent, { ...unsaid, over: true }), true, "it ended without a word");
});

test("who listens to the voice knows better than the words, but for digits", () => {
  const ends = (end: "complete" | "hanging" | "digits", judged: TurnContext["judged"]) =>
    rules.endClass(turn({ words: [words({ class: end })], judged }));
  assert.equal(ends("complete", null), "complete");
  assert.equal(ends("hanging", "ended"), "ended");
  assert.equal(ends("complete", "hanging"), "hanging");
  assert.equal(ends("digits", "ended"), "digits");
  const unsettled = { words: [words({ final: false })], judged: "ended" } as const;
  assert.equal(rules.endClass(turn(unsettled)), "unclear");
  const echo = words({ ref: "w2", from: 2_100, to: 2_400, class: "digits", echo: true });
  assert.equal(rules.endClass(turn({ words: [words(), echo], judged: "ended" })), "ended");
  assert.equal(rules.endDelay(turn({ words: [words()], judged: "ended" })), 0);
});

test("a judgement on speech that somebody has gone on from says nothing", () => {
  const ranges = [
    { sid: "a", from: 1_000, to: 2_000 },
    { sid: "a", from: 2_500, to: null },
  ];
  const on = (sid: string, to: number) =>
    rules.hasGoneOn(turn({ ranges }), {
      type: "user.judged",
      sid,
      to,
      class: "ended",
      at: NOW,
    });
  assert.equal(on("a", 2_000), true);
  assert.equal(on("a", 2_900), false, "it ends what goes on");
  assert.equal(on("b", 2_000), false, "another voice");
});

test("finals in any order, told again or told twice, give the same words (T21, T23)", () => {
  const said = [
    words({ ref: "w1", from: 1_000, to: 2_000 }),
    words({ ref: "w2", from: 2_200, to: 3_000 }),
    words({ ref: "w3", from: 3_100, to: 3_900 }),
  ];
  // As after a resend: the same speech under a new reference replaces what it repeats.
  const again = words({ ref: "w2b", from: 2_210, to: 3_000 });
  const interim = words({ ref: "w3", from: 3_100, to: 3_600, final: false });
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
    [0, 2, 1],
    [2, 0, 1],
  ];
  for (const order of orders) {
    const finals = order.map((i) => said[i]!);
    const taken = [...finals, interim, ...finals].reduce(rules.takeWords, []);
    assert.deepEqual(taken, said, order.join());
    const resent = rules.takeWords(taken, again);
    assert.deepEqual(
      resent.map(({ ref }) => ref),
      ["w1", "w2b", "w3"],
    );
  }
});

test("a turn waits for every run that speaks, and a filler is no answer", () => {
  assert.equal(spoken.liveRuns(turn({ runs: [run(), filler()] })), 2);
  assert.equal(spoken.liveRuns(turn({ runs: [run({ over: true }), filler()] })), 1);
  const covered = turn({ runs: [silent, filler({ over: true, complete: true })] });
  assert.equal(spoken.anyHeard(covered), true);
  assert.equal(spoken.hasAnswered(covered), false);
  assert.equal(spoken.fillerIsSilent(turn({ runs: [silent, filler({ started: false })] })), true);
  assert.equal(spoken.fillerIsSilent(covered), false);
});

const cook = TurnSettings.parse({ endpointing: { minDelay: 700 } });
const host = { name: "host", hash: "h1" };
const HEADER = {
  agent: host,
  settings: SETTINGS,
  agents: { cook },
  texts: ["filler", "cook/filler", "greeting"],
  hooks: ["afterTurn"],
};
function inRoom(more: Partial<room.RoomContext> = {}): room.RoomContext {
  return { ...room.newRoom(HEADER), ...more };
}
function ended(result: object, how: EndEvent["how"] = "done"): RoomEvent {
  return { type: "tool.ended", child: "tool.c1", how, current: true, at: NOW, result };
}

test("a tool's result hands the call over, to those it knows, and back", () => {
  const to = (context: room.RoomContext, handoff: string) =>
    tools.afterTool(context, ended({ handoff }));
  assert.deepEqual(to(inRoom(), "cook"), { agent: "cook", settings: cook });
  assert.deepEqual(to(inRoom(), "nobody"), {});
  assert.deepEqual(to(inRoom({ agent: "cook" }), "host"), { agent: "", settings: SETTINGS });
  assert.deepEqual(tools.afterTool(inRoom(), ended({ handoff: "cook" }, "failed")), {});
  assert.deepEqual(tools.afterTool(inRoom(), ended({ output: 1 })), {});
});

test("a tool's result hangs up with the turn that answers, and gives one reason", () => {
  const older = { n: 3, phase: "thinking", pausable: true } as const;
  const hangUp = ended({ hangUp: true });
  const reason = "the agent hung up";
  assert.deepEqual(tools.afterTool(inRoom({ older }), hangUp), { lastTurn: 3, reason });
  assert.deepEqual(tools.afterTool(inRoom(), hangUp), { lastTurn: null, reason });
  assert.deepEqual(tools.afterTool(inRoom({ older, reason: "bye" }), hangUp), {});
});

test("an agent's own text comes before the first agent's", () => {
  assert.equal(room.textOf(inRoom(), "filler"), "filler");
  assert.equal(room.textOf(inRoom({ agent: "cook" }), "filler"), "cook/filler");
  assert.equal(room.textOf(inRoom({ agent: "cook" }), "greeting"), "greeting");
  assert.equal(room.textOf(inRoom({ agent: "cook" }), "farewell"), "");
});

test("an edited agent goes on where the old one was, if it is still there", () => {
  const edit = (agents: Record<string, TurnSettings>) => {
    const event = { type: "command.agent", ...HEADER, agents, at: NOW } as const;
    return tools.editAgent(inRoom({ agent: "cook", settings: cook }), event);
  };
  const slower = TurnSettings.parse({ endpointing: { minDelay: 900 } });
  assert.deepEqual(edit({ cook: slower }).settings, slower);
  assert.equal(edit({ cook: slower }).agent, undefined);
  assert.deepEqual([edit({}).agent, edit({}).settings], ["", SETTINGS]);
});

test("a joined call waits while the write it joins is pending", () => {
  const write = { ...tool, write: true, n: 1, agent: "", state: "running" } as const;
  const joined = { ...write, call: "c2", n: 2, joins: "c1", state: "joined" } as const;
  assert.equal(tools.joinedTool(inRoom({ tools: [write, joined] })), undefined);
  assert.equal(tools.joinedTool(inRoom({ tools: [joined] })), joined);
  const calls = [{ ...tool, write: true, call: "c2", joins: "c1" }];
  const event = { type: "tools.requested", n: 2, agent: "", calls, at: NOW } as const;
  assert.equal(tools.newTools(inRoom(), event)[0]?.state, "joined");
});

test("a hook that was lost runs again, any other end is its last", () => {
  const afterTurns = [
    { n: 1, running: true },
    { n: 2, running: false },
  ];
  const end = (how: EndEvent["how"]): RoomEvent => ({
    type: "hook.ended",
    child: "afterTurn.1",
    how,
    current: true,
    at: NOW,
  });
  const after = (how: EndEvent["how"]) => tools.endHook(inRoom({ afterTurns }), end(how));
  assert.deepEqual(after("failed"), [{ n: 2, running: false }]);
  assert.deepEqual(after("lost"), [
    { n: 1, running: false },
    { n: 2, running: false },
  ]);
  assert.deepEqual(tools.startHook(inRoom({ afterTurns })), [
    { n: 1, running: true },
    { n: 2, running: true },
  ]);
});
