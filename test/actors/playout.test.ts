import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Playout, SpeakerQueue } from "../../src/actors/effects/playout.ts";
import { SentenceSplitter, splitSentences } from "../../src/actors/effects/sentences.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/id.ts";
import { PacedSpeaker } from "../../src/media/paced-speaker.ts";
import { watch } from "./support/effect-bench.ts";

const RATE_HZ = 8_000;
const AHEAD_MS = 60;

/** A speaker on virtual time; what left it, sample by sample, and when. */
class Sink {
  readonly clock = new SimulatedClock(1_000_000);
  readonly heard: number[] = [];
  readonly pieces: { at: number; ms: number }[] = [];
  readonly speaker = new PacedSpeaker({
    rateHz: RATE_HZ,
    clock: this.clock,
    aheadMs: AHEAD_MS,
    sink: ({ samples }, at) => {
      this.heard.push(...samples);
      this.pieces.push({ at: at - 1_000_000, ms: (samples.length * 1000) / RATE_HZ });
    },
  });

  get ms(): number {
    return this.clock.now() - 1_000_000;
  }
}

/** Samples that count on, so that each is known again. */
function count(from: number, ms: number): Int16Array {
  return Int16Array.from({ length: ms * 8 }, (_, i) => (from + i) % 30_000);
}

function frame(ms: number) {
  return { samples: count(0, ms), rateHz: RATE_HZ };
}

suite("a paced speaker", () => {
  test("plays at the pace of the clock and makes writers wait beyond its queue", async () => {
    const { clock, speaker, heard } = new Sink();
    const writes = [0, 20, 40, 60].map(() => watch(speaker.write(frame(20))));
    await clock.advance(0);
    assert.deepEqual(
      writes.map(({ done }) => done),
      [true, true, true, false],
    );
    assert.deepEqual([speaker.queuedMs, speaker.playedMs], [80, 0]);
    await clock.advance(20);
    assert.ok(writes[3]!.done);
    assert.deepEqual([speaker.queuedMs, speaker.playedMs, heard.length], [60, 20, 160]);
    const drained = watch(speaker.drained());
    await clock.advance(59);
    assert.equal(drained.done, false);
    await clock.advance(1);
    assert.ok(drained.done);
    assert.equal(heard.length, 4 * 160);
  });

  test("played time grows only while sound leaves", async () => {
    const { clock, speaker } = new Sink();
    await speaker.write(frame(20));
    await clock.advance(500);
    assert.equal(speaker.playedMs, 20);
    await speaker.write(frame(20));
    await clock.advance(5);
    assert.equal(speaker.playedMs, 25);
  });

  test("clear drops all that has not left, to the sample, and lets writers go", async () => {
    const { clock, speaker, heard } = new Sink();
    const writes = [0, 1, 2, 3, 4].map((i) =>
      watch(speaker.write({ samples: count(i * 160, 20), rateHz: RATE_HZ })),
    );
    await clock.advance(27);
    speaker.clear();
    assert.deepEqual(heard, [...count(0, 27)]);
    assert.deepEqual([speaker.queuedMs, speaker.playedMs], [0, 27]);
    await clock.advance(200);
    assert.ok(writes.every(({ done }) => done));
    assert.equal(heard.length, 27 * 8);
  });
});

suite("a playout", () => {
  test("plays what is written, tells of the first sample, and is done after the last", async () => {
    const sink = new Sink();
    let startedAt = -1;
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => (startedAt = sink.ms));
    const done = watch(playout.done);
    await sink.clock.advance(100);
    assert.deepEqual([startedAt, playout.positionMs, playout.isPlaying], [-1, 0, false]);
    playout.write(count(0, 130));
    await sink.clock.advance(50);
    assert.deepEqual([startedAt, playout.positionMs, playout.isPlaying], [100, 50, true]);
    playout.write(count(130 * 8, 65));
    playout.finish();
    await sink.clock.advance(144);
    assert.equal(done.done, false);
    await sink.clock.advance(1);
    assert.ok(done.done);
    assert.equal(playout.positionMs, 195);
    assert.deepEqual(sink.heard, [...count(0, 195)]);
  });

  test("stands aside for words beside the queue, and goes on at its very sample", async () => {
    const sink = new Sink();
    const queue = new SpeakerQueue();
    const playout = new Playout(sink.speaker, queue, () => undefined);
    playout.write(count(0, 200));
    await sink.clock.advance(300);
    const beside = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    beside.write(count(20_000, 100));
    queue.interject(beside.done);
    beside.finish();
    playout.write(count(200 * 8, 100));
    await sink.clock.advance(50);
    assert.deepEqual([playout.positionMs, beside.positionMs], [200, 50]);
    // What it is told meanwhile clears none of their sound.
    playout.pause();
    playout.resume();
    await sink.clock.advance(50);
    assert.deepEqual([playout.positionMs, beside.positionMs], [200, 100]);
    await sink.clock.advance(40);
    assert.equal(playout.positionMs, 240);
    playout.finish();
    await sink.clock.advance(60);
    assert.equal(playout.positionMs, 300);
    const own = count(0, 300);
    const both = [...own.slice(0, 1_600), ...count(20_000, 100), ...own.slice(1_600)];
    assert.deepEqual(sink.heard, both);
  });

  test("finish right behind a piece shorter than a frame still plays it", async () => {
    const sink = new Sink();
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    playout.write(count(0, 7));
    playout.finish();
    await sink.clock.advance(50);
    assert.ok(watch(playout.done));
    assert.equal(playout.positionMs, 7);
    assert.equal(sink.heard.length, 7 * 8);
  });

  test("pauses at the exact sample and goes on with the next", async () => {
    const sink = new Sink();
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    playout.write(count(0, 400));
    playout.finish();
    await sink.clock.advance(133);
    playout.pause();
    assert.deepEqual([playout.positionMs, sink.speaker.queuedMs], [133, 0]);
    assert.equal(playout.isPlaying, false);
    await sink.clock.advance(1_000);
    assert.equal(playout.positionMs, 133);
    playout.resume();
    await sink.clock.advance(267);
    await playout.done;
    assert.deepEqual(sink.heard, [...count(0, 400)]);
    assert.equal(sink.ms, 1_400);
  });

  test("held before it began, it starts only when let go", async () => {
    const sink = new Sink();
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    playout.pause();
    playout.write(count(0, 40));
    playout.finish();
    await sink.clock.advance(500);
    assert.deepEqual([sink.heard.length, playout.positionMs], [0, 0]);
    playout.resume();
    await sink.clock.advance(40);
    await playout.done;
    assert.equal(sink.heard.length, 320);
  });

  test("a pause taken back at once loses nothing, also while the last runs out", async () => {
    for (const at of [60, 180, 197]) {
      const sink = new Sink();
      const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
      const done = watch(playout.done);
      playout.write(count(0, 200));
      playout.finish();
      await sink.clock.advance(at);
      playout.pause();
      playout.resume();
      await sink.clock.advance(300);
      assert.ok(done.done, `paused at ${at}`);
      assert.deepEqual(sink.heard, [...count(0, 200)]);
    }
  });

  test("stop is silence at once and for good, with the position", async () => {
    const sink = new Sink();
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    playout.write(count(0, 400));
    await sink.clock.advance(77);
    assert.equal(playout.stop(), 77);
    assert.equal(sink.speaker.queuedMs, 0);
    playout.write(count(0, 100));
    playout.resume();
    await sink.clock.advance(1_000);
    await playout.done;
    assert.equal(sink.heard.length, 77 * 8);
    assert.equal(playout.positionMs, 77);
  });

  test("stopped while paused, it keeps the position of the pause", async () => {
    const sink = new Sink();
    const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
    playout.write(count(0, 400));
    await sink.clock.advance(77);
    playout.pause();
    await sink.clock.advance(500);
    assert.equal(playout.stop(), 77);
  });

  test("two behind each other on one speaker count from their own first sample", async () => {
    const sink = new Sink();
    for (let i = 0; i < 2; i++) {
      const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
      playout.write(count(0, 100));
      playout.finish();
      await sink.clock.advance(60);
      assert.equal(playout.positionMs, 60);
      await sink.clock.advance(140);
      assert.equal(playout.positionMs, 100);
    }
  });

  test("any order of pauses, writes and starved gaps plays each sample once", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const sink = new Sink();
      const playout = new Playout(sink.speaker, new SpeakerQueue(), () => undefined);
      const done = watch(playout.done);
      let [written, position] = [0, 0];
      for (let i = 0; i < 40; i++) {
        const move = random();
        if (move < 0.3) playout.pause();
        else if (move < 0.6) playout.resume();
        else if (written < 2_000) {
          const ms = 1 + Math.floor(random() * 120);
          playout.write(count(written * 8, ms));
          written += ms;
        }
        await sink.clock.advance(Math.floor(random() * 90));
        assert.ok(playout.positionMs >= position, `seed ${seed}: the position went back`);
        position = playout.positionMs;
        assert.ok(sink.speaker.queuedMs <= AHEAD_MS + 20, `seed ${seed}: too much is queued`);
      }
      playout.finish();
      playout.resume();
      await sink.clock.advance(5_000);
      assert.ok(done.done, `seed ${seed}: it never ended`);
      assert.deepEqual(sink.heard, [...count(0, written)], `seed ${seed}`);
      assert.equal(playout.positionMs, written);
    }
  });
});

suite("sentences", () => {
  test("are cut where the next begins, not before", () => {
    const splitter = new SentenceSplitter();
    assert.deepEqual(splitter.push("We open at nine."), []);
    assert.deepEqual(splitter.push(" We"), ["We open at nine."]);
    assert.deepEqual(splitter.push(" close at six! Really?"), ["We close at six!"]);
    assert.deepEqual(splitter.finish(), ["Really?"]);
    assert.deepEqual(splitter.finish(), []);
  });

  const whole: readonly (readonly [string, readonly string[]])[] = [
    ["Ask Dr. Miller or Mrs. Jones. They know.", ["Ask Dr. Miller or Mrs. Jones.", "They know."]],
    ["It costs 3.50 each. Or 1,200.75 a year.", ["It costs 3.50 each.", "Or 1,200.75 a year."]],
    ["Come at 9 a.m. or 5 p.m. tomorrow. Bye.", ["Come at 9 a.m. or 5 p.m. tomorrow.", "Bye."]],
    ["J. R. R. Tolkien, e.g. here. Yes.", ["J. R. R. Tolkien, e.g. here.", "Yes."]],
    ['He said "stop." Then he left.', ['He said "stop."', "Then he left."]],
    ["Well… Maybe.\nA line\n\nand another", ["Well…", "Maybe.", "A line", "and another"]],
    ["Why?! Because.", ["Why?!", "Because."]],
    ["  ", []],
    ["no end", ["no end"]],
  ];
  for (const [text, sentences] of whole)
    test(JSON.stringify(text), () => assert.deepEqual(splitSentences(text), sentences));

  test("any chunks of a text give the same sentences and lose no word", () => {
    for (const [text, sentences] of whole)
      for (let size = 1; size <= 7; size++) {
        const splitter = new SentenceSplitter();
        const out: string[] = [];
        for (let i = 0; i < text.length; i += size)
          out.push(...splitter.push(text.slice(i, i + size)));
        assert.deepEqual([...out, ...splitter.finish()], sentences, `chunks of ${size}`);
      }
  });
});
