import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineSet } from "../../src/actors/machine-set.ts";
import { replay } from "../../src/actors/replay.ts";
import type { Json, LogRecord } from "../../src/events/record.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import { TestCall } from "./call.ts";
import { live, paused, speaking } from "./two-live-turns.ts";

/** L4: a call is folded with the versions it was recorded with, epoch by epoch. */

/** A second version of the turn that gives the floor back at once. */
const hasty = turnMachine.provide({ delays: { resumeAfter: 5 } });
const BOTH: MachineSet = { ...MACHINES, turn: { "1": turnMachine, "2": hasty } };
const OLD = { room: "1", track: "1", turn: "1" };
const NEW = { ...OLD, turn: "2" };

function changesOwner(call: TestCall, epoch: number, machines: Record<string, string>): LogRecord {
  const owner = { worker: `w${epoch}`, reason: "takeover", build: "next" };
  return call.input({ type: "owner.changed", epoch, ...owner, machines: machines as Json });
}

/** How long the floor is held after a cough, as armed. */
function coughs(call: TestCall): number {
  call.now += 500;
  call.hushed();
  return call.timer("resumeAfter")!.delayMs;
}

/** A cough under version 1, a new owner with version 2, a cough under that. */
function twoEpochs(): { readonly call: TestCall; readonly delays: readonly number[] } {
  const call = paused(speaking(live({ machines: BOTH, versions: OLD })));
  const first = coughs(call);
  call.fire("resumeAfter");
  paused(call);
  changesOwner(call, 2, NEW);
  const delays = [first, coughs(call)];
  call.fire("resumeAfter");
  return { call, delays };
}

test("a new owner moves the live turns of a call to its own version", () => {
  const { call, delays } = twoEpochs();
  assert.deepEqual(delays, [600, 5]);
  assert.deepEqual([call.stateOf(1), call.stateOf(3)], ["speaking", "abandoned"]);
  assert.deepEqual(call.fold.versions, NEW);
});

test("each epoch is verified with the version it was written by", async () => {
  const { records } = twoEpochs().call;
  const result = await replay(records, { machines: BOTH });
  assert.deepEqual(result.divergence, undefined);
  assert.equal(result.verdict, "reproduced");
  assert.equal(result.epochs, 2);
});

test("another chart under the name of version 2 diverges in its epoch, not before", async () => {
  const { records } = twoEpochs().call;
  const changed = records.find(({ input }) => input.type === "owner.changed")!;
  const wrong: MachineSet = { ...MACHINES, turn: { "1": turnMachine, "2": turnMachine } };
  const { verdict, divergence } = await replay(records, { machines: wrong });
  assert.equal(verdict, "diverged");
  assert.ok(divergence!.seq > changed.seq, `diverged at ${divergence!.seq}`);
});

test("an epoch whose version is not carried is folded and never called verified", async () => {
  const { records } = twoEpochs().call;
  const result = await replay(records, { machines: MACHINES });
  assert.equal(result.verdict, "folded");
  assert.deepEqual(result.missing, NEW);
  assert.equal(result.records, records.length);
});

test("a call cannot be opened with a version that is not carried", () => {
  assert.throws(() => new TestCall({ versions: { ...OLD, room: "9" } }), /machine.unknown/);
});
