import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AudioFrame } from "../../src/base/audio.ts";
import { frameMs } from "../../src/base/audio.ts";
import type { SimulatedClock } from "../../src/base/clock.ts";
import type { RoomConnection, RoomEvent, RoomMedia } from "../../src/media/room.port.ts";
import { watch } from "../actors/support/effect-bench.ts";

/** A room with a person to put in it, on virtual time. */
export interface RoomBench {
  readonly clock: SimulatedClock;
  readonly media: RoomMedia;
  readonly rateHz: number;
  enter(identity: string): void;
  leave(identity: string): void;
  type(identity: string, text: string): void;
  /** Says this, beginning now; frames leave as time goes on. */
  say(identity: string, samples: Int16Array): void;
  /** What has come out at the person's side, sample by sample. */
  readonly heard: readonly number[];
}

export interface RoomAdapter {
  readonly name: string;
  readonly open: () => RoomBench;
  /** From a frame's writing to its sounding: what an adapter waits for at the start. */
  readonly delayMs: number;
  readonly aheadMs: number;
}

interface Joined {
  readonly bench: RoomBench;
  readonly connection: RoomConnection;
  readonly events: RoomEvent[];
}

const FRAME_MS = 20;

async function join(bench: RoomBench): Promise<Joined> {
  const events: RoomEvent[] = [];
  const connection = await bench.media.join({
    tenant: "acme",
    room: "desk",
    identity: "agent",
    on: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  return { bench, connection, events };
}

/** Samples that count on from `from`, so that each is known again; never 0. */
function counted(from: number, count: number): Int16Array {
  return Int16Array.from({ length: count }, (_, i) => ((from + i) % 30_000) + 1);
}

function typesOf(events: readonly RoomEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

function sidOf(events: readonly RoomEvent[]): string {
  const published = events.findLast((event) => event.type === "track.published");
  assert.ok(published);
  return published.sid;
}

/** Writes `ms` of counted sound as the playout does: the next frame when there is room. */
async function speak({ bench, connection }: Joined, fromMs: number, ms: number): Promise<void> {
  const { rateHz } = bench;
  const count = (FRAME_MS * rateHz) / 1000;
  for (let at = fromMs; at < fromMs + ms; at += FRAME_MS)
    await connection.speaker.write({ samples: counted((at * rateHz) / 1000, count), rateHz });
}

export function roomMediaContract({ name, open, delayMs, aheadMs }: RoomAdapter): void {
  suite(`${name}: who is there`, () => {
    test(`${name} | who is present is told first, who comes later as they come`, async () => {
      const before = open();
      before.enter("ann");
      const early = await join(before);
      await before.clock.advance(0);
      const expected = ["participant.joined", "track.published"];
      assert.deepEqual(typesOf(early.events), expected);
      const late = await join(open());
      assert.deepEqual(late.events, []);
      late.bench.enter("ann");
      assert.deepEqual(typesOf(late.events), expected);
    });

    test(`${name} | who leaves takes the track along, and may come back`, async () => {
      const { bench, events } = await join(open());
      bench.enter("ann");
      const first = sidOf(events);
      bench.leave("ann");
      assert.deepEqual(events.slice(2), [
        { type: "track.unpublished", sid: first },
        { type: "participant.left", identity: "ann" },
      ]);
      bench.enter("ann");
      assert.deepEqual(typesOf(events.slice(4)), ["participant.joined", "track.published"]);
    });

    test(`${name} | typed words come whole, with who typed them`, async () => {
      const { bench, events } = await join(open());
      bench.enter("ann");
      bench.type("ann", "Grüße, 你好");
      assert.deepEqual(events.at(-1), {
        type: "text.received",
        identity: "ann",
        text: "Grüße, 你好",
      });
    });

    test(`${name} | an agent that has left is told nothing more`, async () => {
      const { bench, connection, events } = await join(open());
      bench.enter("ann");
      await connection.leave();
      const told = events.length;
      bench.leave("ann");
      assert.equal(events.length, told);
    });
  });

  suite(`${name}: sound of a participant`, () => {
    test(`${name} | comes in order and without gaps, silence where nobody speaks`, async () => {
      const { bench, connection, events } = await join(open());
      bench.enter("ann");
      const frames: AudioFrame[] = [];
      const listening = connection.listen(sidOf(events), (frame) => frames.push(frame));
      await bench.clock.advance(2_000);
      const said = counted(0, bench.rateHz);
      bench.say("ann", said);
      await bench.clock.advance(4_000);
      const ms = frames.reduce((sum, frame) => sum + frameMs(frame), 0);
      assert.ok(Math.abs(ms - 6_000) <= 1_000, `${ms} ms of 6000`);
      const samples = frames.flatMap((frame) => [...frame.samples]);
      assert.ok(frames.every(({ rateHz }) => rateHz === bench.rateHz));
      assert.deepEqual(
        samples.filter((sample) => sample !== 0),
        [...said],
      );
      listening.close();
      const before = frames.length;
      await bench.clock.advance(2_000);
      assert.equal(frames.length, before);
    });
  });

  suite(`${name}: the speaker`, () => {
    test(`${name} | plays in order at the pace of real time`, async () => {
      const joined = await join(open());
      const { bench, connection } = joined;
      bench.enter("ann");
      const spoken = watch(speak(joined, 0, 1_000));
      await bench.clock.advance(1_000 + delayMs - aheadMs - 2 * FRAME_MS);
      assert.equal(spoken.done, false, "writers wait");
      await bench.clock.advance(aheadMs + 3 * FRAME_MS);
      assert.ok(spoken.done);
      await bench.clock.advance(500);
      assert.deepEqual(bench.heard, [...counted(0, bench.rateHz)]);
      assert.deepEqual([connection.speaker.playedMs, connection.speaker.queuedMs], [1_000, 0]);
    });

    test(`${name} | its position is what was heard; it grows only while sound leaves`, async () => {
      const joined = await join(open());
      const { bench, connection } = joined;
      bench.enter("ann");
      watch(speak(joined, 0, 600));
      for (let i = 0; i < 12; i++) {
        await bench.clock.advance(45);
        const heardMs = (bench.heard.length * 1000) / bench.rateHz;
        const off = Math.abs(connection.speaker.playedMs - heardMs);
        assert.ok(off <= 2 * FRAME_MS, `${off} ms off`);
      }
      await bench.clock.advance(5_000);
      assert.equal(connection.speaker.playedMs, 600);
    });

    test(`${name} | clear silences at once, keeps the position and frees the writer`, async () => {
      const joined = await join(open());
      const { bench, connection } = joined;
      bench.enter("ann");
      const spoken = watch(speak(joined, 0, 400));
      await bench.clock.advance(227);
      connection.speaker.clear();
      const { playedMs } = connection.speaker;
      const heard = bench.heard.length;
      assert.ok(Math.abs((heard * 1000) / bench.rateHz - playedMs) <= 2 * FRAME_MS);
      assert.equal(connection.speaker.queuedMs, 0);
      await bench.clock.advance(0);
      // The writer goes on with what it still has, which is another reply's first sound.
      await bench.clock.advance(2_000);
      assert.ok(spoken.done);
      const after = bench.heard.slice(heard);
      assert.ok(after[0]! > heard, "what was queued is never heard");
      assert.ok(connection.speaker.playedMs > playedMs);
    });

    test(`${name} | drained ends with the last sample, or with a clear`, async () => {
      const joined = await join(open());
      const { bench, connection } = joined;
      bench.enter("ann");
      await speak(joined, 0, 40);
      const drained = watch(connection.speaker.drained());
      await bench.clock.advance(delayMs + 39);
      assert.equal(drained.done, false);
      await bench.clock.advance(2 * FRAME_MS);
      assert.ok(drained.done);
      await speak(joined, 40, 40);
      const cleared = watch(connection.speaker.drained());
      connection.speaker.clear();
      await bench.clock.advance(0);
      assert.ok(cleared.done);
    });
  });
}
