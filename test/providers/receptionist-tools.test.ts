import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../src/events/record.ts";
import { createReceptionistTools } from "../../src/providers/local/receptionist/tools.ts";

const BOOKING = { name: "Anna", day: "Friday", time: "19:00", people: 4 };

function rig() {
  const tools = createReceptionistTools();
  const signal = new AbortController().signal;
  const run = (name: string, input: Json, key: string): Promise<Json> =>
    tools.find((tool) => tool.spec.name === name)!.run(input, { key, signal }) as Promise<Json>;
  return { tools, run };
}

test("both tools write, honour their key and describe their input", () => {
  for (const tool of rig().tools) {
    assert.deepEqual([tool.write, tool.idempotent], [true, true]);
    assert.equal((tool.spec.parameters as { type: string }).type, "object");
  }
});

test("the same key books once", async () => {
  const { run } = rig();
  const once = await run("book", BOOKING, "k1");
  assert.deepEqual(once, { ...BOOKING, reference: "amber 1", changed: false });
  assert.deepEqual(await run("book", BOOKING, "k1"), once);
  const other = await run("book", BOOKING, "k2");
  assert.equal((other as { reference: string }).reference, "birch 2");
});

test("a change keeps the reference and what it does not name", async () => {
  const { run } = rig();
  await run("book", BOOKING, "k1");
  const changed = await run("book", { people: 6, replaces: "anna" }, "k2");
  assert.deepEqual(changed, { ...BOOKING, people: 6, reference: "amber 1", changed: true });
  const none = await run("book", { people: 6, replaces: "maple 9" }, "k3");
  assert.deepEqual(none, { reference: null, reason: "not found" });
});

test("a cancelled booking is gone", async () => {
  const { run } = rig();
  await run("book", BOOKING, "k1");
  const done = await run("cancel_booking", { booking: "amber 1" }, "k2");
  assert.deepEqual(done, { cancelled: true, ...BOOKING, reference: "amber 1" });
  const again = await run("cancel_booking", { booking: "amber 1" }, "k3");
  assert.deepEqual(again, { cancelled: false, reason: "not found" });
});

const INVALID: readonly (readonly [why: string, input: Json, message: RegExp])[] = [
  ["no object", "a table", /object/],
  ["no name", { ...BOOKING, name: " " }, /name/],
  ["a bad time", { ...BOOKING, time: "7 pm" }, /19:30/],
  ["no people", { ...BOOKING, people: 0 }, /1 to 12/],
  ["half a person", { ...BOOKING, people: 1.5 }, /whole number/],
  ["a closed hour", { ...BOOKING, day: "Sunday" }, /until 3 pm/],
  ["a closed day", { ...BOOKING, day: "Christmas Day" }, /closed/],
];

for (const [why, input, message] of INVALID)
  test(`${why} is refused with a reason`, async () => {
    await assert.rejects(rig().run("book", input, "k1"), { code: "input.invalid", message });
  });
