import assert from "node:assert/strict";
import { test } from "node:test";
import { TestCall } from "./call.ts";

function breaks(call: TestCall, child: "stt" | "detector"): number {
  call.end("track.a", child, { how: "failed" });
  const timer = call.timer(`${child}Backoff`)!;
  call.fire(`${child}Backoff`);
  return timer.delayMs;
}

test("the delay before a new stream grows to its bound and shrinks once words come", () => {
  const call = TestCall.live();
  const delays = Array.from({ length: 8 }, () => breaks(call, "stt"));
  assert.deepEqual(delays, [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  call.heard("stt.interim");
  assert.equal(breaks(call, "stt"), 200);
});

test("the delay before a new detector grows to its bound and shrinks once it hears", () => {
  const call = TestCall.live();
  const delays = Array.from({ length: 8 }, () => breaks(call, "detector"));
  assert.deepEqual(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  call.started();
  assert.equal(breaks(call, "detector"), 100);
});

test("speech goes on to its end when the detector dies in it", () => {
  const call = TestCall.live();
  call.started();
  assert.equal(call.stateOf(1), "hearing");
  call.end("track.a", "detector", { how: "failed" });
  assert.equal(call.stateOf(1), "waiting");
});
