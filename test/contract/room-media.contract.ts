import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AudioFrame } from "../../src/base/audio.ts";
import { frameMs } from "../../src/base/audio.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { RoomConnection, RoomEvent, RoomMedia } from "../../src/media/room.port.ts";
import { watch } from "../actors/support/effect-bench.ts";

/** A room with a person to put in it, on virtual or on real time. */
export interface RoomBench {
  readonly clock: Clock & { advance(ms: number): Promise<void> };
  readonly media: RoomMedia;
  readonly rateHz: number;
  enter(identity: string): Promise<void> | void;
  leave(identity: string): Promise<void> | void;
  type(identity: string, text: string): Promise<void> | void;
  /** Says this, beginning now; frames leave as time goes on. */
  say(identity: string, samples: Int16Array): void;
  /** What has come out at the person's side, sample by sample. */
  readonly heard: readonly number[];
}

/** Sound that is known again at the other end of a room, whatever the way does to it. */
export interface SoundCode {
  /** The stretch of `ms` from `fromMs` of the one sound there is. */
  sound(fromMs: number, ms: number, rateHz: number): Int16Array;
  /** How many ms of it these samples hold, and which tenths of a second in what order. */
  read(samples: readonly number[], rateHz: number): Read;
}

export interface Read {
  readonly ms: number;
  readonly tenths: readonly number[];
}

export interface RoomAdapter {
  readonly name: string;
  readonly open: () => Promise<RoomBench> | RoomBench;
  readonly code: SoundCode;
  /** From a frame's writing to its sounding: what an adapter waits for at the start. */
  readonly delayMs: number;
  readonly aheadMs: number;
  /** What sound takes to the person, and how far real time may be off; 0 on virtual time. */
  readonly wayMs: number;
  readonly jitterMs: number;
}

interface Joined {
  readonly bench: RoomBench;
  readonly connection: RoomConnection;
  readonly events: RoomEvent[];
}

const FRAME_MS = 20;
const TENTHS = Array.from({ length: 10 }, (_, i) => i);

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

function typesOf(events: readonly RoomEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

function sidOf(events: readonly RoomEvent[]): string {
  const published = events.findLast((event) => event.type === "track.published");
  assert.ok(published);
  return published.sid;
}

export function roomMediaContract(adapter: RoomAdapter): void {
  const { name, open, code, delayMs, aheadMs, wayMs, jitterMs } = adapter;
  /** Until what happened in a room is known in it. */
  const settle = ({ clock }: RoomBench): Promise<void> => clock.advance(4 * jitterMs);

  /** Writes a stretch of sound as the playout does: the next frame when there is room. */
  async function speak({ bench, connection }: Joined, fromMs: number, ms: number): Promise<void> {
    const { rateHz } = bench;
    for (let at = fromMs; at < fromMs + ms; at += FRAME_MS)
      await connection.speaker.write({ samples: code.sound(at, FRAME_MS, rateHz), rateHz });
  }

  async function joinWith(identity: string): Promise<Joined> {
    const bench = await open();
    const joined = await join(bench);
    await bench.enter(identity);
    await settle(bench);
    return joined;
  }

  function heardOf({ heard, rateHz }: RoomBench): Read {
    return code.read(heard, rateHz);
  }

  function near(actual: number, expected: number, off: number): void {
    assert.ok(Math.abs(actual - expected) <= off, `${actual} of ${expected} ms`);
  }

  suite(`${name}: who is there`, () => {
    test(`${name} | who is present is told first, who comes later as they come`, async () => {
      const before = await open();
      await before.enter("ann");
      const early = await join(before);
      await settle(before);
      const expected = ["participant.joined", "track.published"];
      assert.deepEqual(typesOf(early.events), expected);
      const late = await join(await open());
      assert.deepEqual(late.events, []);
      await late.bench.enter("ann");
      await settle(late.bench);
      assert.deepEqual(typesOf(late.events), expected);
      await Promise.all([early.connection.leave(), late.connection.leave()]);
    });

    test(`${name} | who leaves takes the track along, and may come back`, async () => {
      const { bench, connection, events } = await joinWith("ann");
      const first = sidOf(events);
      await bench.leave("ann");
      await settle(bench);
      assert.deepEqual(events.slice(2), [
        { type: "track.unpublished", sid: first },
        { type: "participant.left", identity: "ann" },
      ]);
      await bench.enter("ann");
      await settle(bench);
      assert.deepEqual(typesOf(events.slice(4)), ["participant.joined", "track.published"]);
      await connection.leave();
    });

    test(`${name} | typed words come whole, with who typed them`, async () => {
      const { bench, connection, events } = await joinWith("ann");
      await bench.type("ann", "Grüße, 你好");
      await settle(bench);
      assert.deepEqual(events.at(-1), {
        type: "text.received",
        identity: "ann",
        text: "Grüße, 你好",
      });
      await connection.leave();
    });

    test(`${name} | an agent that has left is told nothing more`, async () => {
      const { bench, connection, events } = await joinWith("ann");
      await connection.leave();
      const told = events.length;
      await bench.leave("ann");
      await settle(bench);
      assert.equal(events.length, told);
    });
  });

  suite(`${name}: sound of a participant`, () => {
    test(`${name} | comes in order and without gaps, silence where nobody speaks`, async () => {
      const { bench, connection, events } = await joinWith("ann");
      const frames: AudioFrame[] = [];
      const listening = connection.listen(sidOf(events), (frame) => frames.push(frame));
      await bench.clock.advance(2_000);
      bench.say("ann", code.sound(0, 1_000, bench.rateHz));
      await bench.clock.advance(4_000);
      const total = frames.reduce((sum, frame) => sum + frameMs(frame), 0);
      near(total, 6_000, 1_000);
      assert.ok(frames.every(({ rateHz }) => rateHz === bench.rateHz));
      const samples = frames.flatMap((frame) => [...frame.samples]);
      const { ms, tenths } = code.read(samples, bench.rateHz);
      near(ms, 1_000, jitterMs);
      assert.deepEqual(tenths, TENTHS);
      listening.close();
      const before = frames.length;
      await bench.clock.advance(2_000);
      assert.equal(frames.length, before);
      await connection.leave();
    });
  });

  suite(`${name}: the speaker`, () => {
    test(`${name} | plays in order at the pace of real time`, async () => {
      const joined = await joinWith("ann");
      const { bench, connection } = joined;
      const spoken = watch(speak(joined, 0, 1_000));
      await bench.clock.advance(1_000 + delayMs - aheadMs - 2 * FRAME_MS - jitterMs);
      assert.equal(spoken.done, false, "writers wait");
      await bench.clock.advance(aheadMs + 3 * FRAME_MS + 2 * jitterMs);
      assert.ok(spoken.done);
      await bench.clock.advance(500);
      const { ms, tenths } = heardOf(bench);
      near(ms, 1_000, jitterMs);
      assert.deepEqual(tenths, TENTHS);
      assert.deepEqual([connection.speaker.playedMs, connection.speaker.queuedMs], [1_000, 0]);
      await connection.leave();
    });

    test(`${name} | its position is what was heard; it grows only while sound leaves`, async () => {
      const joined = await joinWith("ann");
      const { bench, connection } = joined;
      watch(speak(joined, 0, 600));
      for (let i = 0; i < 12; i++) {
        await bench.clock.advance(45);
        const { ms } = heardOf(bench);
        near(connection.speaker.playedMs - wayMs / 2, ms, 2 * FRAME_MS + wayMs / 2 + jitterMs);
      }
      await bench.clock.advance(5_000);
      assert.equal(connection.speaker.playedMs, 600);
      near(heardOf(bench).ms, 600, jitterMs);
      await connection.leave();
    });

    test(`${name} | clear silences at once, keeps the position and frees the writer`, async () => {
      const joined = await joinWith("ann");
      const { bench, connection } = joined;
      const { speaker } = connection;
      const written = 400;
      const spoken = watch(speak(joined, 0, written));
      await bench.clock.advance(227);
      const { queuedMs } = speaker;
      speaker.clear();
      const { playedMs } = speaker;
      const { ms } = heardOf(bench);
      near(playedMs - wayMs / 2, ms, 2 * FRAME_MS + wayMs / 2 + jitterMs);
      assert.equal(speaker.queuedMs, 0);
      await bench.clock.advance(0);
      // The writer goes on with what it still has, which is another reply's first sound.
      await bench.clock.advance(2_000);
      assert.ok(spoken.done);
      assert.ok(speaker.playedMs > playedMs);
      // What was queued is never played.
      near(speaker.playedMs, written - queuedMs, 2 * FRAME_MS);
      near(heardOf(bench).ms, speaker.playedMs, 2 * FRAME_MS + jitterMs / 2);
      await connection.leave();
    });

    test(`${name} | drained ends with the last sample, or with a clear`, async () => {
      const joined = await joinWith("ann");
      const { bench, connection } = joined;
      await speak(joined, 0, 40);
      const drained = watch(connection.speaker.drained());
      await bench.clock.advance(Math.max(0, delayMs + 39 - jitterMs));
      assert.equal(drained.done, false);
      await bench.clock.advance(2 * FRAME_MS + 2 * jitterMs);
      assert.ok(drained.done);
      await speak(joined, 40, 40);
      const cleared = watch(connection.speaker.drained());
      connection.speaker.clear();
      await bench.clock.advance(0);
      assert.ok(cleared.done);
      await connection.leave();
    });
  });
}
