import assert from "node:assert/strict";
import { test } from "node:test";
import { CallFold, type FoldSnapshot } from "../../src/actors/call-fold.ts";
import { replay } from "../../src/actors/replay.ts";
import { loadCall, refold } from "../../src/actors/supervisor.ts";
import type { CallRef, LogRecord } from "../../src/events/record.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import type { Simulation } from "../../src/testing/simulation.ts";
import { CALLS, type ScriptedCall } from "./support/calls.ts";
import { LogChecks } from "./support/checks.ts";
import { Coverage } from "./support/coverage.ts";
import { type CrashPoint, playCall } from "./support/crash.ts";

/**
 * Where a call can be cut and go on: restoring a fold at every index of recorded calls, through
 * JSON; snapshots of every 50 records; an owner that dies at each point around a record.
 */
const REF: CallRef = { tenant: "acme", call: "c-simulated" };

test("20 calls restored at every index, through JSON, go on as they were", async () => {
  assert.ok(CALLS.length >= 20);
  for (const call of CALLS) {
    const records = await recordsOf(await playCall(call));
    const whole = new CallFold(MACHINES);
    const saved = records.map((record) => {
      refold(whole, record);
      return JSON.stringify(whole.toSnapshot());
    });
    const end = JSON.parse(saved.at(-1)!) as FoldSnapshot;
    for (const [index, json] of saved.entries()) {
      const fold = CallFold.restore(MACHINES, JSON.parse(json) as FoldSnapshot);
      assert.deepEqual(throughJson(fold), JSON.parse(json));
      // The chain covers what each record did to timers and effects.
      for (const record of records.slice(index + 1)) refold(fold, record);
      assert.deepEqual(fold.table.timers(), whole.table.timers());
      assert.deepEqual(fold.table.effects(), whole.table.effects());
      assert.deepEqual(throughJson(fold), end, `${call.name}, restored at ${index + 1}`);
    }
  }
});

test("a snapshot is saved every 50 records", async () => {
  for (const call of CALLS) {
    const simulation = await playCall(call, { snapshotEveryRecords: 50 });
    const count = simulation.records.length;
    for (let seq = 50; seq <= count; seq += 50) {
      // One later where the 50th came in one piece with the next.
      const saved = await simulation.broker.log.loadSnapshot(REF, seq + 1);
      const { tail } = JSON.parse(new TextDecoder().decode(saved?.bytes)) as FoldSnapshot;
      assert.ok(tail.seq >= seq, `${call.name} has ${count} records`);
      assert.equal(tail.hash, simulation.records[tail.seq - 1]?.hash);
    }
  }
});

test("a snapshot is used where the chain confirms it, and left where it does not", async () => {
  const simulation = await playCall(longCall(), { snapshotEveryRecords: 50 });
  const { log } = simulation.broker;
  const saved = await log.loadSnapshot(REF, 50);
  const snapshot = JSON.parse(new TextDecoder().decode(saved!.bytes)) as FoldSnapshot;
  const load = async (mark: object): Promise<CallFold> => {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...snapshot, ...mark }));
    for (let seq = 50; seq <= simulation.records.length; seq += 50)
      await log.saveSnapshot(REF, seq, bytes);
    return (await loadCall(simulation.broker, REF, MACHINES)).fold;
  };
  // The count of failed steps is no part of the chain: it shows where a fold came from.
  assert.equal((await load({ failures: 1 })).failures, 1);
  const strange = { failures: 1, tail: { seq: 50, hash: "of another log" } };
  assert.equal((await load(strange)).failures, 0);
  assert.equal((await load({ failures: 1, versions: { room: "0" } })).failures, 0);
});

test("a record that was changed in any part is found by the replay", async () => {
  const records = await recordsOf(await playCall(longCall()));
  for (const [index, record] of records.entries()) {
    if (index % 4 !== 0) continue;
    for (const change of changesOf(record)) {
      const changed = records.with(index, { ...record, ...change });
      const { verdict, divergence } = await replay(changed, { machines: MACHINES });
      assert.notEqual(verdict, "reproduced", `${record.seq}: ${JSON.stringify(change)}`);
      assert.ok(divergence && divergence.seq <= record.seq + 1);
    }
  }
});

test("a takeover at any place, from a snapshot or not, ends in an exact replay", async () => {
  for (const [index, call] of CALLS.entries()) {
    const last = await lastCrash(call);
    for (let seq = 3 + (index % 7); seq <= last; seq += 17)
      await crashAndCheck(call, "between records", seq);
  }
});

for (const point of ["before append", "before ack", "before effect"] as const)
  test(`an owner that dies ${point} leaves nothing undone and nothing done twice`, async () => {
    for (const [index, call] of CALLS.entries()) {
      const last = await lastCrash(call);
      for (let seq = 3 + ((index * 5) % 11); seq <= last; seq += 23)
        await crashAndCheck(call, point, seq);
    }
  });

test("an owner that dies between an effect and its event leaves its end to the next", async () => {
  for (const call of CALLS) {
    const records = await recordsOf(await playCall(call));
    const ends = records.filter(({ input, seq }) => input.type === "effect.ended" && seq > 3);
    for (const { seq } of ends.slice(0, 3)) await crashAndCheck(call, "before append", seq);
  }
});

/** Each stored part, changed as little as may be. */
function changesOf(record: LogRecord): readonly Partial<LogRecord>[] {
  const { at, epoch, actor, input, outcome, hash, textDigest } = record;
  return [
    { at: at + 1 },
    { epoch: epoch + 1 },
    { actor: `${actor}.1` },
    { cause: "somebody else" },
    { input: { ...input, type: input.type === "host.failed" ? "call.ended" : "host.failed" } },
    { outcome: { ...outcome, state: { ...outcome.state, "turn.99": "completed" } } },
    { outcome: { ...outcome, effects: [...outcome.effects, ["disarm", "none"]] } },
    { outcome: { ...outcome, emitted: [{ type: "turn.ended", actor: "turn.99" }] } },
    { hash: `${hash.slice(1)}x` },
    ...(textDigest === undefined ? [] : [{ textDigest: `${textDigest.slice(1)}x` }]),
  ];
}

function throughJson(fold: CallFold): unknown {
  return JSON.parse(JSON.stringify(fold.toSnapshot()));
}

function longCall(): ScriptedCall {
  const call = CALLS.find(({ name }) => name === "two people and typed words");
  assert.ok(call);
  return call;
}

async function recordsOf(simulation: Simulation): Promise<LogRecord[]> {
  const records = await Array.fromAsync(simulation.broker.log.read(REF));
  assert.equal(records.at(-1)?.input.type, "call.ended");
  return records;
}

/** The last two records stand in the log together: nobody takes over between them. */
async function lastCrash(call: ScriptedCall): Promise<number> {
  return (await recordsOf(await playCall(call))).length - 2;
}

async function crashAndCheck(call: ScriptedCall, point: CrashPoint, seq: number): Promise<void> {
  const what = `${call.name}, the owner dies ${point} of record ${seq}`;
  const simulation = await playCall(call, { snapshotEveryRecords: 50 }, { point, seq });
  const records = await recordsOf(simulation);
  const { verdict, epochs, finished, divergence } = await replay(records, {
    machines: MACHINES,
    deep: true,
  });
  const told = { verdict, epochs, finished, divergence };
  const wanted = { verdict: "reproduced", epochs: 2, finished: true, divergence: undefined };
  assert.deepEqual(told, wanted, what);
  for (const record of simulation.records)
    assert.equal(records[record.seq - 1]?.hash, record.hash, `${what}: ${record.seq} is lost`);
  const checks = new LogChecks({
    coverage: new Coverage(),
    stalled: () => 0,
    ran: () => true,
    askedBy: () => undefined,
  });
  for (const record of records) checks.add(record);
  checks.finish();
  assert.deepEqual(checks.faults, [], what);
}
