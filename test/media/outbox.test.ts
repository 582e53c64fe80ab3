import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { Outbox } from "../../src/media/livekit/outbox.ts";

/** Words on their way out of a room: order, bounds and what is dropped (M3). */
interface Stage {
  readonly clock: SimulatedClock;
  readonly outbox: Outbox;
  readonly sent: string[];
  readonly dropped: unknown[];
  /** Lets the sending that hangs end. */
  open: () => void;
  readonly put: (key: string, text: string) => void;
}

function hanging(): Stage {
  const clock = new SimulatedClock();
  const dropped: unknown[] = [];
  const sent: string[] = [];
  const outbox = new Outbox(clock, (error) => dropped.push(error));
  const gate = Promise.withResolvers<void>();
  outbox.put("first", () => gate.promise);
  const put = (key: string, text: string): void =>
    outbox.put(key, () => Promise.resolve(sent.push(text)));
  return { clock, outbox, sent, dropped, open: gate.resolve, put };
}

suite("what is to be sent to a room", () => {
  test("goes one at a time and in order; what is newer takes its forerunner's place", async () => {
    const { clock, sent, dropped, open, put } = hanging();
    put("a", "good");
    put("b", "thinking");
    put("a", "good day");
    await clock.advance(100);
    assert.deepEqual(sent, []);
    open();
    await clock.advance(0);
    assert.deepEqual([sent, dropped], [["good day", "thinking"], []]);
    put("a", "good day to you");
    await clock.advance(0);
    assert.equal(sent.at(-1), "good day to you");
  });

  test("over its bound the oldest is dropped and counted", async () => {
    const { clock, sent, dropped, open, put } = hanging();
    for (let i = 0; i < LIMITS.roomOutboxMax + 3; i++) put(`${i}`, `${i}`);
    assert.equal(dropped.length, 3);
    open();
    await clock.advance(0);
    assert.deepEqual([sent[0], sent.length], ["3", LIMITS.roomOutboxMax]);
  });

  test("what hangs or fails holds the others up for a bounded time", async () => {
    const { clock, outbox, sent, dropped, put } = hanging();
    const why = new RangeError("no room");
    outbox.put("bad", () => Promise.reject(why));
    put("a", "hello");
    await clock.advance(LIMITS.roomSendMsMax - 1);
    assert.deepEqual(sent, []);
    await clock.advance(1);
    assert.deepEqual([sent, dropped], [["hello"], [why]]);
  });

  test("once closed it sends nothing more and tells of no failure", async () => {
    const { clock, outbox, sent, dropped, open, put } = hanging();
    put("a", "waits");
    outbox.close();
    put("b", "too late");
    open();
    await clock.advance(LIMITS.roomSendMsMax);
    assert.deepEqual([sent, dropped], [[], []]);
  });
});
