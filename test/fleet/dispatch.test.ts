import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Json } from "../../src/events/record.ts";
import { dispatchRoom } from "../../src/fleet/dispatch.ts";
import { rejects } from "../contract/bench.ts";
import { Fleet } from "./bench.ts";

const DESK = { tenant: "acme", room: "front desk" };

suite("dispatch", () => {
  test("without a worker it is queued, with one it runs; asked again it is the same", async () => {
    await using fleet = new Fleet();
    const queued = { state: "queued", call: null, worker: null };
    const first = await fleet.wait(dispatchRoom(fleet, DESK, 500));
    assert.deepEqual(first, { asked: "now", ...queued });
    const again = dispatchRoom(fleet, DESK, 2_000);
    await fleet.run(1_000);
    fleet.add().start();
    const { call, ...running } = await fleet.wait(again);
    assert.deepEqual(running, { asked: "before", state: "running", worker: "w1" });
    assert.deepEqual(await fleet.refs(), [{ tenant: "acme", call }]);
    const third = await dispatchRoom(fleet, DESK, 0);
    assert.deepEqual(third, { ...running, call });
  });

  test("what it asks for reaches the worker", async () => {
    await using fleet = new Fleet();
    fleet.add().start();
    await fleet.wait(dispatchRoom(fleet, { ...DESK, identity: "guide" }, 1_000));
    const [ref] = await fleet.refs();
    const [record] = await fleet.log(ref!);
    assert.equal((record!.input["header"] as { identity?: Json }).identity, "guide");
  });

  test("what no worker could do is refused at once, by its field", async () => {
    await using fleet = new Fleet();
    const bad = [
      { ...DESK, agent: "" },
      { ...DESK, agnet: "sales" },
      { ...DESK, room: "" },
    ];
    for (const request of bad)
      await rejects("input.invalid", () => dispatchRoom(fleet, request, 0));
    assert.equal(await fleet.offer(DESK.room), "queued");
  });
});
