import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { frameMs, type AudioFrame } from "../../src/base/audio.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { BrowserRoom, LocalBrowserRooms } from "../../src/media/local/browser-room.ts";
import type { RoomConnection, RoomEvent } from "../../src/media/room.port.ts";
import { watch } from "../actors/support/effect-bench.ts";
import { TestPage } from "../support/test-page.ts";

/** What a room of one person at a page does beyond what every room must do (test/contract). */
const RATE_HZ = 16_000;

interface Stage {
  readonly clock: SimulatedClock;
  readonly room: BrowserRoom;
  readonly connection: RoomConnection;
  readonly events: RoomEvent[];
  readonly enter: (identity?: string, speaks?: boolean) => TestPage;
}

async function open(): Promise<Stage> {
  const clock = new SimulatedClock();
  const room = new BrowserRoom({ clock, rateHz: RATE_HZ });
  const events: RoomEvent[] = [];
  const { signal } = new AbortController();
  const on = (event: RoomEvent): void => void events.push(event);
  const connection = await room.join({ tenant: "a", room: "b", identity: "c", on, signal });
  const enter = (identity = "ann", speaks = true): TestPage => {
    const page = new TestPage(clock, RATE_HZ);
    page.sit(room.enter({ identity, name: identity, speaks }, page));
    return page;
  };
  return { clock, room, connection, events, enter };
}

function frame(ms = 20): AudioFrame {
  return { samples: new Int16Array((ms * RATE_HZ) / 1000).fill(7), rateHz: RATE_HZ };
}

async function speak({ connection }: Stage, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 20) await connection.speaker.write(frame());
}

function typesOf(events: readonly RoomEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

suite("playout in a page", () => {
  test("a page that plays slowly holds the position back with it", async () => {
    const stage = await open();
    const page = stage.enter();
    page.speed = 0.5;
    watch(speak(stage, 1_000));
    await stage.clock.advance(500);
    const heardMs = (page.heard.length * 1000) / RATE_HZ;
    assert.ok(heardMs < 300);
    const { playedMs } = stage.connection.speaker;
    assert.ok(Math.abs(playedMs - heardMs) <= 20, `${playedMs} of ${heardMs}`);
  });

  test("a page that stands still holds it back for a while and no longer", async () => {
    const stage = await open();
    stage.enter().speed = 0;
    const spoken = watch(speak(stage, 400));
    await stage.clock.advance(1_000);
    assert.equal(spoken.done, false);
    const { speaker } = stage.connection;
    assert.ok(speaker.playedMs <= 10, "no further than the clock between two acknowledgements");
    await stage.clock.advance(LIMITS.pageLagMsMax - 1_000 + LIMITS.pageDelayMs + 400);
    assert.ok(spoken.done);
    assert.deepEqual([speaker.playedMs, speaker.queuedMs], [400, 0]);
  });

  test("without acknowledgements it goes on by the clock, and never back", async () => {
    const stage = await open();
    stage.enter().acknowledges = false;
    watch(speak(stage, 400));
    let last = 0;
    for (let ms = 0; ms < 600; ms += 10) {
      await stage.clock.advance(10);
      assert.ok(stage.connection.speaker.playedMs >= last);
      last = stage.connection.speaker.playedMs;
    }
    assert.equal(last, 400);
  });

  test("a late acknowledgement does not turn the position back", async () => {
    const stage = await open();
    const page = stage.enter();
    page.acknowledges = false;
    watch(speak(stage, 400));
    await stage.clock.advance(300);
    const { speaker } = stage.connection;
    const before = speaker.playedMs;
    page.seat.played(page.seat.stream, 10);
    assert.equal(speaker.playedMs, before);
    page.seat.played(page.seat.stream, 1e9);
    assert.ok(speaker.playedMs <= 400);
  });

  test("what is acknowledged of a stream that was cleared changes nothing", async () => {
    const stage = await open();
    const page = stage.enter();
    page.acknowledges = false;
    const { stream } = page.seat;
    watch(speak(stage, 400));
    await stage.clock.advance(200);
    const { speaker } = stage.connection;
    speaker.clear();
    const at = speaker.playedMs;
    page.seat.played(stream, 0);
    page.seat.played(stream, 1_000);
    assert.deepEqual([speaker.playedMs, page.seat.stream], [at, stream + 1]);
  });

  test("the lead is small: what a clear drops is at most what may be ahead", async () => {
    const stage = await open();
    const page = stage.enter();
    watch(speak(stage, 2_000));
    for (let ms = 0; ms < 1_500; ms += 35) {
      await stage.clock.advance(35);
      assert.ok(page.queuedMs <= LIMITS.pageAheadMs + 2 * LIMITS.frameMs, `${page.queuedMs}`);
    }
  });
});

suite("one seat", () => {
  test("another page takes it: the first is sent away and no more listened to", async () => {
    const stage = await open();
    const first = stage.enter();
    const second = stage.enter();
    assert.deepEqual([first.dismissed, second.dismissed], [["replaced"], []]);
    const expected = ["participant.joined", "track.published"];
    const left = ["track.unpublished", "participant.left"];
    assert.deepEqual(typesOf(stage.events), [...expected, ...left, ...expected]);
    const told = stage.events.length;
    first.seat.type("hello");
    first.seat.leave();
    first.seat.hangUp();
    assert.equal(stage.events.length, told);
    const sids = stage.events.flatMap((e) => (e.type === "track.published" ? [e.sid] : []));
    assert.equal(new Set(sids).size, 2, "each stay has a track of its own");
  });

  test("the next page hears only what is said from then on", async () => {
    const stage = await open();
    const first = stage.enter();
    watch(speak(stage, 2_000));
    await stage.clock.advance(500);
    first.leave();
    const heard = first.heard.length;
    await stage.clock.advance(300);
    const second = stage.enter();
    await stage.clock.advance(3_000);
    assert.equal(first.heard.length, heard);
    assert.ok(second.heard.length > 0);
    const { speaker } = stage.connection;
    assert.deepEqual([speaker.playedMs, speaker.queuedMs], [2_000, 0]);
  });

  test("who hangs up closes the room", async () => {
    const stage = await open();
    stage.enter().seat.hangUp();
    assert.deepEqual(stage.events.at(-1), { type: "disconnected", reason: "hung up" });
  });

  test("who only types has no track", async () => {
    const stage = await open();
    const page = stage.enter("ann", false);
    page.say(frame().samples);
    page.seat.type("hello");
    assert.deepEqual(typesOf(stage.events), ["participant.joined", "text.received"]);
  });

  test("a call that is over tells its page, once", () => {
    const clock = new SimulatedClock();
    const rooms = new LocalBrowserRooms({ clock, rateHz: RATE_HZ });
    const page = new TestPage(clock, RATE_HZ);
    page.sit(rooms.enter("c1", { identity: "ann", name: "ann", speaks: true }, page));
    rooms.close("c1");
    rooms.close("c1");
    assert.deepEqual(page.dismissed, ["ended"]);
    assert.notEqual(rooms.of("c1"), rooms.of("c2"));
  });
});

suite("a microphone", () => {
  async function listening() {
    const stage = await open();
    const page = stage.enter();
    const published = stage.events.find(({ type }) => type === "track.published");
    const sid = (published as { sid: string }).sid;
    let ms = 0;
    let voicedMs = 0;
    stage.connection.listen(sid, (heard) => {
      ms += frameMs(heard);
      if (heard.samples[0] !== 0) voicedMs += frameMs(heard);
    });
    return { ...stage, page, get: () => ({ ms, voicedMs }) };
  }

  test("that stops is silence, so that the end of speech is found", async () => {
    const { clock, page, get } = await listening();
    page.say(frame(500).samples);
    await clock.advance(500);
    assert.deepEqual(get(), { ms: 500, voicedMs: 500 });
    await clock.advance(9_500);
    assert.equal(get().voicedMs, 500);
    assert.ok(get().ms >= 10_000 - LIMITS.microphoneGapMs, `${get().ms}`);
  });

  test("that was late for a moment loses nothing", async () => {
    const { clock, page, get } = await listening();
    await clock.advance(LIMITS.microphoneGapMs - 100);
    for (let i = 0; i < 45; i++) page.seat.hear(frame().samples);
    assert.deepEqual(get(), { ms: 900, voicedMs: 900 });
  });

  test("that floods is cut to the clock", async () => {
    const { clock, page, get } = await listening();
    await clock.advance(2_000);
    for (let i = 0; i < 1_000; i++) page.seat.hear(frame().samples);
    assert.ok(get().ms <= 2_000 + LIMITS.microphoneBurstMs, `${get().ms}`);
  });

  test("of who has left gives nothing more", async () => {
    const { clock, page, get } = await listening();
    page.leave();
    const { ms } = get();
    page.seat.hear(frame().samples);
    await clock.advance(5_000);
    assert.equal(get().ms, ms);
  });
});
