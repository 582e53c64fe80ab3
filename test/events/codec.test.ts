import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/base/limits.ts";
import { parseInput } from "../../src/events/catalog.ts";
import { decodeRecord, encodeRecord } from "../../src/events/codec.ts";
import type { LogRecord } from "../../src/events/record.ts";

const RECORD: LogRecord = {
  v: 1,
  seq: 7,
  at: 1_750_000_000_000,
  epoch: 1,
  actor: "room",
  input: { type: "timer.fired", timer: "room/away", arm: "3.0" },
  cause: 3,
  textDigest: "d",
  text: { salt: "s", value: { text: 'Grüß Gott, "crc":"00000000"}' } },
  outcome: { state: { room: { present: "live" } }, emitted: [], effects: [["stop", "1.0.reply"]] },
  hash: "h",
};

test("a record comes back as it was written", () => {
  const decoded = decodeRecord(encodeRecord(RECORD));
  assert.deepEqual(decoded, { ok: true, record: decoded.ok ? decoded.record : undefined });
  assert.ok(decoded.ok);
  const { crc: _, ...record } = decoded.record as LogRecord & { crc?: string };
  assert.deepEqual(record, RECORD);
});

test("a line is refused for one changed character, anywhere", () => {
  const line = encodeRecord(RECORD);
  for (let at = 0; at < line.length; at++) {
    const other = line[at] === "x" ? "y" : "x";
    const changed = `${line.slice(0, at)}${other}${line.slice(at + 1)}`;
    assert.equal(decodeRecord(changed).ok, false, `character ${at}`);
  }
});

test("a cut line is refused at any length", () => {
  const line = encodeRecord(RECORD);
  for (let length = 0; length < line.length; length++)
    assert.equal(decodeRecord(line.slice(0, length)).ok, false, `${length} characters`);
});

test("another record version is told apart from damage", () => {
  const line = encodeRecord({ ...RECORD, v: 2 as 1 });
  const decoded = decodeRecord(line);
  assert.ok(!decoded.ok && decoded.why === "version");
});

test("a record that is too large is refused with its size", () => {
  const value = "x".repeat(LIMITS.recordBytesMax);
  assert.throws(() => encodeRecord({ ...RECORD, text: { salt: "s", value } }), {
    code: "record.tooLarge",
  });
});

test("an input that does not fit is refused with the name of its field", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ type: "nothing.known" }, /no input type "nothing.known"/],
    [{ type: "timer.fired", timer: "t" }, /arm/],
    [{ type: "effect.ended", effect: "1", how: "maybe" }, /how/],
    [{ type: "effect.progress", effect: "1", event: { type: "vad.started" } }, /from/],
    [{ type: "command.received", id: "1", by: "x", command: { name: "dance" } }, /name/],
    [null, /no input type/],
  ];
  for (const [input, message] of cases)
    assert.throws(() => parseInput(input), { code: "record.invalid", message });
});
