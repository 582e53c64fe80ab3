import assert from "node:assert/strict";
import { test } from "node:test";
import { TestCall } from "../machines/call.ts";
import { Dice } from "./support/dice.ts";

/**
 * T23: whatever the order in which finals come, told again or sent again, within the time they may
 * take, a turn has the same words in the order of the sound and gets one answer.
 */
const RUNS = 150;
const TURNS = 3;

interface Event {
  readonly at: number;
  readonly run: (call: TestCall) => void;
}

interface Said {
  readonly ref: string;
  readonly from: number;
  readonly to: number;
}

/** Speech of one turn: one to three stretches; breaths are heard, and shorter than any delay. */
function speech(dice: Dice, n: number, start: number): readonly Said[] {
  const said: Said[] = [];
  let from = start;
  for (let i = 0; i <= dice.int(3); i++) {
    const to = from + dice.between(400, 1_500);
    said.push({ ref: `u${n}.${i}`, from, to });
    from = to + dice.between(320, 420);
  }
  return said;
}

/** Each stretch is heard and has an interim; its final comes up to `wait` later, maybe again. */
function eventsOf(dice: Dice, said: readonly Said[], wait: number): readonly Event[] {
  return said.flatMap(({ ref, from, to }) => {
    const final = { ref, from, to };
    const first = to + dice.between(20, wait);
    const tell = (more: object) => (call: TestCall) =>
      void call.heard("stt.final", { ...final, ...more });
    const events: Event[] = [
      { at: from + 64, run: (call) => void call.started() },
      { at: from + 350, run: (call) => void call.heard("stt.interim", { ref, from, stable: 0 }) },
      { at: to + 250, run: (call) => hush(call, from, to) },
      { at: first, run: tell({}) },
    ];
    if (dice.chance(0.3)) events.push({ at: first + dice.int(80), run: tell({}) });
    // A stream that was opened again tells the same sound under a name of its own.
    if (dice.chance(0.2))
      events.push({ at: first + dice.int(80), run: tell({ ref: `${ref}.again`, changed: false }) });
    return events;
  });
}

function hush(call: TestCall, from: number, to: number): void {
  call.progress("track.a", "detector", { type: "vad.ended", from, to, silenceMs: 250 });
}

function play(call: TestCall, events: readonly Event[]): void {
  for (const { at, run } of events.toSorted((a, b) => a.at - b.at)) {
    call.wait(Math.max(0, at - call.now));
    run(call);
  }
}

/** Waits for the answer, lets it be said and heard, and gives the words that it was asked for. */
function answered(call: TestCall, n: number): readonly string[] {
  call.n = n;
  call.wait(1_500);
  assert.equal(call.stateOf(n), "thinking", "the turn is answered");
  const { refs } = call.effect(`turn.${n}`, "reply")!.input as { refs: readonly string[] };
  call.segment();
  call.sound();
  call.replyEnds("done", { position: 4_000 });
  call.wait(2_000);
  assert.equal(call.stateOf(n), "completed");
  return refs;
}

function replies(call: TestCall): number {
  return [...call.ended.values()].reduce((sum, { runs }) => sum + runs.length, 0);
}

for (const speculates of [true, false])
  test(`finals in any order and again give each turn its words and one answer, ${
    speculates ? "asked ahead" : "not asked ahead"
  }`, () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const dice = new Dice(seed);
      const settings = { speculation: { enabled: speculates }, transcript: { wait: 900 } };
      const call = TestCall.live({ settings });
      for (let n = 1; n <= TURNS; n++) {
        const said = speech(dice, n, call.now + 500);
        play(call, eventsOf(dice, said, 700));
        const asked = answered(call, n).map((ref) => ref.replace(".again", ""));
        const wanted = said.map(({ ref }) => ref);
        assert.deepEqual(asked, wanted, `SEED=${seed}: turn ${n} is asked for other words`);
      }
      assert.equal(call.ended.size, TURNS, `SEED=${seed}: a turn too many`);
      assert.equal(replies(call), TURNS, `SEED=${seed}: an answer too many`);
    }
  });
