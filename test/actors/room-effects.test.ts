import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { EffectResult } from "../../src/actors/effect.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import { ScriptedStt, ScriptedVad } from "../../src/providers/scripted/scripted-ears.ts";
import type { Stt, SttEvent } from "../../src/providers/stt.port.ts";
import { EffectBench, watch } from "./support/effect-bench.ts";

suite("the ears", () => {
  /** An engine that says what the test says. */
  class TalkingStt implements Stt {
    readonly provider = "test";
    readonly model = "test";
    readonly rateHz = 8_000;
    say: (event: SttEvent) => void = () => undefined;
    warm = () => Promise.resolve();
    open(on: (event: SttEvent) => void) {
      this.say = on;
      const usage = [{ provider: "test", model: "test", audioMs: 1_234.4 }];
      const none = (): void => undefined;
      const ends = { finish: () => Promise.resolve(usage), abort: () => usage };
      return { push: none, speechStarted: none, speechEnded: none, ...ends };
    }
    async [Symbol.asyncDispose](): Promise<void> {}
  }

  const range = { fromMs: 0, toMs: 500 };
  const interim = (text: string) => ({ type: "interim", text, stableWords: 9, ...range }) as const;
  const final = (text: string) => ({ type: "final", text, words: [], ...range }) as const;

  async function listening(settings: unknown = {}) {
    const bench = await new EffectBench().join();
    bench.settings = TurnSettings.parse(settings);
    bench.room.enter("ann");
    const stt = new TalkingStt();
    const end = watch(bench.run(sttRunner(stt, bench.media), { sid: "TR_ann" }));
    await bench.clock.advance(200);
    const opened = bench.met.splice(0).map(({ event }) => event);
    assert.deepEqual(opened, [{ type: "stt.opened", provider: "test", model: "test" }]);
    return { bench, stt, end };
  }

  test("tell interims at most four times a second and only on change", async () => {
    const { bench, stt } = await listening();
    for (let i = 0; i < 100; i++) {
      stt.say(interim(`${i} words`));
      await bench.clock.advance(20);
    }
    assert.equal(bench.metOf("stt.interim").length, 8);
    for (let i = 0; i < 50; i++) {
      stt.say(interim("the same"));
      await bench.clock.advance(20);
    }
    assert.equal(bench.metOf("stt.interim").length, 9);
  });

  test("never hold a final back, and count references by segment", async () => {
    const { bench, stt } = await listening();
    stt.say(interim("one"));
    stt.say(final("one two"));
    stt.say(final("three"));
    stt.say(interim("four"));
    await bench.clock.advance(300);
    stt.say(interim("four five"));
    const told = bench.met.map(({ event }) => [event.type, event["ref"], event["changed"]]);
    assert.deepEqual(told, [
      ["stt.interim", "9.0.effect.0", true],
      ["stt.final", "9.0.effect.0", true],
      ["stt.final", "9.0.effect.1", true],
      ["stt.interim", "9.0.effect.2", true],
    ]);
    stt.say(final("four five"));
    assert.equal(bench.met.at(-1)?.event["ref"], "9.0.effect.2");
  });

  test("put words on the call's clock and keep their text out of the event", async () => {
    const { bench, stt } = await listening();
    stt.say({ ...interim("a quiet corner"), fromMs: 100, stableWords: 2 });
    const { event, text } = bench.met[0]!;
    const startedAt = bench.clock.now() - bench.ms;
    assert.deepEqual([Number(event["from"]) - startedAt, event["stable"]], [100, 2]);
    assert.deepEqual(
      [text, JSON.stringify(event).includes("quiet")],
      [{ text: "a quiet corner" }, false],
    );
  });

  test("tell of a drop, and end with what was heard", async () => {
    const { bench, stt, end } = await listening();
    stt.say({ type: "down" });
    stt.say({ type: "up" });
    assert.deepEqual(
      bench.met.map(({ event }) => event.type),
      ["stt.down", "stt.up"],
    );
    bench.abort.abort();
    await bench.clock.advance(0);
    assert.deepEqual(
      end.value?.usage?.map(({ quantity }) => quantity),
      [1_234],
    );
  });

  test("log retries and switches, and a connection only where it was away", async () => {
    const { bench, stt } = await listening();
    stt.say({ type: "up" });
    const retried = { of: "a/m", attempt: 2, why: "provider.unavailable", waitMs: 90 } as const;
    const switched = { from: "a/m", to: "b/n/o", why: "provider.rejected" } as const;
    stt.say({ type: "retried", ...retried, error: new AppError(retried.why, "no line") });
    stt.say({ type: "switched", ...switched, error: new AppError(switched.why, "no such key") });
    assert.deepEqual(bench.warned, [
      ["speech-to-text a/m failed: it is asked again", "no line"],
      ["speech-to-text a/m failed: b/n/o goes on", "no such key"],
    ]);
    assert.deepEqual(
      bench.met.map(({ event }) => event),
      [
        { type: "stt.retried", ...retried },
        { type: "stt.switched", ...switched },
        { type: "stt.opened", provider: "b", model: "n/o" },
      ],
    );
  });

  test("end as failed where the stream has, with what it took", async () => {
    const { bench, stt, end } = await listening();
    stt.say({ type: "failed", error: new AppError("provider.rejected", "no such key") });
    await bench.clock.advance(0);
    assert.equal(end.value?.error, "provider.rejected");
    assert.equal(end.value?.usage?.length, 1);
    assert.deepEqual(bench.warned, [["speech-to-text failed", "no such key"]]);
  });

  test("tell how sure the provider is of the end, where the call asks it", async () => {
    const { bench, stt } = await listening({ endpointing: { endpointer: "provider" } });
    for (const how of ["eager", "resumed", "ended"] as const)
      stt.say({ type: "endOfTurn", toMs: 500, p: 0.7, how });
    assert.deepEqual(
      bench.met.map(({ event }) => event["class"]),
      ["complete", "hanging", "ended"],
    );
  });

  test("detect speech by the call's clock, and stop listening when stopped", async () => {
    const bench = await new EffectBench().join();
    bench.room.enter("ann");
    const vad = detectorRunner({ vad: new ScriptedVad(bench.clock) }, bench.media);
    const words = sttRunner(new ScriptedStt(bench.clock, () => undefined), bench.media);
    void bench.run(words, { sid: "TR_ann" });
    const end = watch(bench.run(vad, { sid: "TR_ann", minSpeech: 64, minSilence: 250 }));
    await bench.clock.advance(1_000);
    assert.deepEqual(
      bench.met.splice(0).map(({ event }) => event.type),
      ["stt.opened"],
    );
    void bench.room.say("ann", { text: "hello", ms: 500 });
    await bench.clock.advance(1_000);
    const zero = bench.clock.now() - bench.ms;
    assert.deepEqual(
      bench.met.map(({ ms, event }) => [ms, event.type, Number(event["from"]) - zero]),
      [
        [1_064, "vad.started", 1_000],
        [1_750, "vad.ended", 1_000],
      ],
    );
    assert.equal(Number(bench.met[1]!.event["to"]) - zero, 1_500);
    bench.abort.abort();
    void bench.room.say("ann", { text: "hello", ms: 500 });
    await bench.clock.advance(1_000);
    assert.deepEqual([end.done, bench.met.length], [true, 2]);
  });
});

suite("the connection", () => {
  /** A room whose joins take a while and may fail. */
  function slowRoom(bench: EffectBench, fails: () => boolean): RoomMedia {
    return {
      join: async (options) => {
        const connection = await bench.room.join(options);
        await sleep(bench.clock, 500);
        if (fails()) throw new AppError("provider.failed", "no such room");
        return connection;
      },
    };
  }

  test("tells who was there before it, after it has joined", async () => {
    const bench = new EffectBench();
    bench.room.enter("ann");
    void bench.run(
      connectionRunner(
        slowRoom(bench, () => false),
        bench.media,
      ),
      null,
    );
    await bench.clock.advance(499);
    assert.equal(bench.met.length, 0);
    await bench.clock.advance(1);
    const types = ["room.joined", "participant.joined", "track.published"];
    assert.deepEqual(
      bench.met.map(({ event }) => event.type),
      types,
    );
    bench.room.type("ann", "hello there");
    bench.room.type("ann", " ... ");
    assert.deepEqual(
      bench.met.slice(3).map(({ event, text }) => [event["words"], text]),
      [[2, { text: "hello there" }]],
    );
  });

  test("tells who counts the minutes of its room, where somebody does", async () => {
    for (const provider of [undefined, "livekit"]) {
      const bench = new EffectBench();
      const room: RoomMedia = {
        join: async (options) => {
          const connection = await bench.room.join(options);
          return Object.assign(connection, provider && { provider });
        },
      };
      void bench.run(connectionRunner(room, bench.media), null);
      await bench.clock.advance(0);
      const joined = { type: "room.joined", ...(provider && { provider }) };
      assert.deepEqual(bench.met[0]?.event, joined);
    }
  });

  test("leaves when stopped, ends with the room, fails when it cannot join", async () => {
    const closed = { type: "disconnected", reason: "room closed" } as const;
    const ends: readonly (readonly [(bench: EffectBench) => void, EffectResult])[] = [
      [(bench) => bench.abort.abort(), {}],
      [(bench) => bench.room.tellAll(closed), { result: { reason: "room closed" } }],
    ];
    for (const [stop, result] of ends) {
      const bench = new EffectBench();
      const end = watch(bench.run(connectionRunner(bench.room, bench.media), null));
      await bench.clock.advance(100);
      assert.equal(end.done, false);
      stop(bench);
      await bench.clock.advance(0);
      assert.deepEqual(end.value, result);
      bench.room.enter("too late");
      assert.deepEqual(
        bench.met.map(({ event }) => event.type),
        ["room.joined"],
      );
    }
    const bench = new EffectBench();
    const room = slowRoom(bench, () => true);
    const failed = assert.rejects(bench.run(connectionRunner(room, bench.media), null));
    await bench.clock.advance(500);
    await failed;
  });

  test("fails where the room is lost and not closed, so that it is joined again", async () => {
    const bench = new EffectBench();
    const run = bench.run(connectionRunner(bench.room, bench.media), null);
    const failed = assert.rejects(run, { code: "room.lost", message: /signal close/ });
    await bench.clock.advance(0);
    bench.room.tellAll({ type: "disconnected", reason: "signal close", lost: true });
    await failed;
  });

  test("who needs the room after it was lost waits for the next connection", async () => {
    const bench = new EffectBench();
    void bench.run(connectionRunner(bench.room, bench.media), null);
    await bench.clock.advance(0);
    const first = await bench.media.connected();
    bench.room.tellAll({ type: "disconnected", reason: "gone" });
    await bench.clock.advance(0);
    const next = watch(bench.media.connected());
    await bench.clock.advance(1_000);
    assert.equal(next.done, false);
    void bench.run(connectionRunner(bench.room, bench.media), null);
    await bench.clock.advance(0);
    assert.ok(next.value && next.value !== first);
  });
});
