import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { crc32 } from "node:zlib";
import { readLogFile } from "../../src/broker/embedded/read-log-file.ts";
import { encodeRecord } from "../../src/events/codec.ts";
import { EMPTY_TAIL } from "../../src/events/record.ts";
import { collect, fill, record, records, rejects, tailAt } from "../contract/bench.ts";
import { DataFolder, REF } from "./embedded-bench.ts";

/** A call of `to` records, closed again. */
async function makeCall(to: number, segmentRecordsMax = 50_000): Promise<DataFolder> {
  const folder = await DataFolder.make();
  await using broker = await folder.open({ segmentRecordsMax });
  for (let seq = 1; seq <= to; seq++) broker.log.append(REF, tailAt(seq - 1), [record(seq)]);
  return folder;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;
const flip = (text: string, line: number): string =>
  text
    .split("\n")
    .map((it, index) => (index + 1 === line ? it.replace("stt.interim", "stt.interjm") : it))
    .join("\n");
const summed = (body: string): string => {
  const crc = crc32(body).toString(16).padStart(8, "0");
  return `${body.slice(0, -1)},"crc":"${crc}"}`;
};

suite("appending", () => {
  test("is done when it returns: the tail is no promise, and the line is in the file", async () => {
    await using folder = await DataFolder.make();
    await using broker = await folder.open();
    const tail = broker.log.append(REF, EMPTY_TAIL, [record(1), record(2)]);
    assert.deepEqual(tail, tailAt(2));
    const text = await readFile(folder.segment(), "utf8");
    assert.equal(text, `${encodeRecord(record(1))}\n${encodeRecord(record(2))}\n`);
  });

  test("goes on after the broker was opened anew", async () => {
    await using folder = await makeCall(120);
    await using broker = await folder.open();
    assert.deepEqual(await broker.log.tail(REF), tailAt(120));
    await rejects("log.conflict", () => broker.log.append(REF, tailAt(119), [record(120)]));
    assert.deepEqual(broker.log.append(REF, tailAt(120), [record(121)]), tailAt(121));
    assert.deepEqual(await collect(broker.log.read(REF)), records(1, 121));
  });

  test("is refused after closing, and by a broker that only reads", async () => {
    await using folder = await makeCall(1);
    const closed = await folder.open();
    await closed[Symbol.asyncDispose]();
    await rejects("bug", () => closed.log.append(REF, tailAt(1), [record(2)]));
    await using reader = await folder.open({ readOnly: true });
    await rejects("data.readOnly", () => reader.log.append(REF, tailAt(1), [record(2)]));
    await rejects("data.readOnly", () => reader.log.eraseText(REF));
    await rejects("data.readOnly", () => reader.log.saveSnapshot(REF, 1, new Uint8Array(1)));
    assert.deepEqual(await collect(reader.log.read(REF)), records(1, 1));
  });

  test("many calls at once stay apart, more than files are kept open", async () => {
    await using folder = await DataFolder.make();
    await using broker = await folder.open();
    const refs = Array.from({ length: 300 }, (_, i) => ({ tenant: "acme", call: `c${i}` }));
    for (let seq = 1; seq <= 3; seq++)
      for (const ref of refs) broker.log.append(ref, tailAt(seq - 1), [record(seq)]);
    for (const ref of refs)
      assert.deepEqual(await collect(broker.log.read(ref)), records(1, 3), ref.call);
    assert.equal((await broker.log.calls("acme")).length, 300);
  });

  test("a ref that is no token never becomes a path", async () => {
    await using folder = await DataFolder.make();
    await using broker = await folder.open();
    const ref = { tenant: "..", call: "c1" };
    await rejects("input.invalid", () => broker.log.append(ref, EMPTY_TAIL, [record(1)]));
    await rejects("input.invalid", () => collect(broker.log.read(ref)));
    await rejects("input.invalid", () => broker.log.tail({ tenant: "acme", call: "a/b" }));
  });
});

suite("a torn last line", () => {
  const half = encodeRecord(record(4)).slice(0, 100);
  const spoiled = encodeRecord(record(4)).replace("stt.interim", "stt.interjm");
  for (const [what, torn] of [
    ["cut short", half],
    ["cut in the middle of a character", half.slice(0, 3)],
    ["whole, but spoiled", `${spoiled}\n`],
    ["of zeros", "\0".repeat(512)],
  ] as const)
    test(`${what}: left out and counted by readers, cut off by the next owner`, async () => {
      await using folder = await makeCall(3);
      const good = await sizeOf(folder.segment());
      await folder.addTo(folder.segment(), torn);
      {
        await using reader = await folder.open({ readOnly: true });
        const reading = reader.log.read(REF);
        assert.deepEqual(await collect(reading), records(1, 3));
        assert.equal(reading.tornBytes, Buffer.byteLength(torn));
        assert.deepEqual(await reader.log.tail(REF), tailAt(3));
      }
      await using owner = await folder.open();
      assert.deepEqual(await owner.log.tail(REF), tailAt(3));
      await rejects("log.conflict", () => owner.log.append(REF, tailAt(4), [record(5)]));
      assert.equal(await sizeOf(folder.segment()), good + Buffer.byteLength(torn), "not yet cut");
      owner.log.append(REF, tailAt(3), [record(4, { epoch: 2 })]);
      const reading = owner.log.read(REF);
      assert.deepEqual(await collect(reading), [...records(1, 3), record(4, { epoch: 2 })]);
      assert.equal(reading.tornBytes, 0);
    });

  test("lacking only its newline, it is a record", async () => {
    await using folder = await makeCall(3);
    await folder.edit(folder.segment(), (text) => text.slice(0, -1));
    await using owner = await folder.open({ segmentRecordsMax: 3 });
    const reading = owner.log.read(REF);
    assert.deepEqual(await collect(reading), records(1, 3));
    assert.equal(reading.tornBytes, 0);
    // The newline must go to the old segment, though the record goes to the next.
    owner.log.append(REF, tailAt(3), [record(4)]);
    assert.deepEqual(await collect(owner.log.read(REF)), records(1, 4));
    assert.ok((await readFile(folder.segment(1), "utf8")).endsWith("}\n"));
  });

  test("as the header, there is no call yet, and the id can be used", async () => {
    await using folder = await makeCall(1);
    await folder.edit(folder.segment(), (text) => text.slice(0, 60));
    await using owner = await folder.open();
    assert.deepEqual(await owner.log.tail(REF), EMPTY_TAIL);
    assert.deepEqual(await owner.log.calls(), []);
    await rejects("call.notFound", () => collect(owner.log.read(REF)));
    owner.log.append(REF, EMPTY_TAIL, [record(1, { epoch: 7 })]);
    assert.deepEqual(await collect(owner.log.read(REF)), [record(1, { epoch: 7 })]);
  });

  test("alone in a new segment, the log ends in the one before", async () => {
    await using folder = await makeCall(4, 4);
    await folder.addTo(folder.segment(2), encodeRecord(record(5)).slice(0, 50));
    await using owner = await folder.open({ segmentRecordsMax: 4 });
    assert.deepEqual(await owner.log.tail(REF), tailAt(4));
    const reading = owner.log.read(REF, 3);
    assert.deepEqual(await collect(reading), records(3, 4));
    assert.equal(reading.tornBytes, 50);
    owner.log.append(REF, tailAt(4), [record(5)]);
    assert.deepEqual(await collect(owner.log.read(REF)), records(1, 5));
    assert.deepEqual((await readdir(dirname(folder.segment()))).sort(), [
      "0001.jsonl",
      "0002.jsonl",
    ]);
  });
});

suite("damage", () => {
  const cases: Record<string, { change: (text: string) => string; line: number }> = {
    "a spoiled line before others": { change: (text) => flip(text, 2), line: 2 },
    "a spoiled header": { change: (text) => flip(text, 1), line: 1 },
    "a lost line": { change: (text) => text.replace(/\n.*\n/, "\n"), line: 2 },
    "an empty line": { change: (text) => text.replace("\n", "\n\n"), line: 2 },
    "a spoiled line and a torn one": { change: (text) => `${flip(text, 5)}{"v":1,`, line: 5 },
    "well summed, but no record": {
      change: (text) => `${text}${summed('{"v":1,"seq":"six"}')}\n`,
      line: 6,
    },
    "well summed, but no JSON": { change: (text) => `${text}${summed("{no}")}\n`, line: 6 },
  };
  for (const [what, { change, line }] of Object.entries(cases))
    test(`${what}: named by file and line`, async () => {
      await using folder = await makeCall(5);
      await folder.edit(folder.segment(), change);
      const before = await readFile(folder.segment());
      await using owner = await folder.open();
      const error = await rejects("log.damaged", () => collect(owner.log.read(REF)));
      assert.deepEqual((error as { detail?: unknown }).detail, { file: folder.segment(), line });
      assert.deepEqual(await readFile(folder.segment()), before);
    });

  test("a bad end is damage for the owner too, where it is more than one line", async () => {
    await using folder = await makeCall(5);
    await folder.edit(folder.segment(), (text) => `${flip(text, 5)}{"v":1,`);
    await using owner = await folder.open();
    await rejects("log.damaged", () => owner.log.tail(REF));
    await rejects("log.damaged", () => owner.log.append(REF, tailAt(4), [record(5)]));
  });

  test("the last line of a segment that others follow cannot be torn", async () => {
    await using folder = await makeCall(8, 4);
    await folder.edit(folder.segment(1), (text) => text.slice(0, -30));
    await using owner = await folder.open();
    const error = await rejects("log.damaged", () => collect(owner.log.read(REF)));
    assert.deepEqual((error as { detail?: unknown }).detail, { file: folder.segment(1), line: 4 });
    const before = await readFile(folder.segment(1));
    await rejects("log.damaged", () => owner.log.eraseText(REF));
    assert.deepEqual(await readFile(folder.segment(1)), before);
  });

  test("a missing segment is damage", async () => {
    await using folder = await makeCall(12, 4);
    await folder.edit(folder.segment(2), () => "");
    await using owner = await folder.open();
    await rejects("log.damaged", () => collect(owner.log.read(REF)));
  });

  test("a record of another version is told apart, also as the last line", async () => {
    await using folder = await makeCall(2);
    await folder.addTo(folder.segment(), `${summed('{"v":99,"seq":3}')}\n`);
    await using owner = await folder.open();
    await rejects("log.version", () => collect(owner.log.read(REF)));
    await rejects("log.version", () => owner.log.append(REF, tailAt(2), [record(3)]));
  });
});

suite("segments", () => {
  test("a full one is followed by the next, and an append is never split", async () => {
    await using folder = await DataFolder.make();
    {
      await using broker = await folder.open({ segmentRecordsMax: 10 });
      await fill(broker.log, REF, 8);
      broker.log.append(REF, tailAt(8), records(9, 11));
      for (let seq = 12; seq <= 25; seq++) broker.log.append(REF, tailAt(seq - 1), [record(seq)]);
    }
    const lines = async (n: number): Promise<number> =>
      (await readFile(folder.segment(n), "utf8")).split("\n").length - 1;
    assert.deepEqual([await lines(1), await lines(2), await lines(3)], [8, 10, 7]);
    await using again = await folder.open({ segmentRecordsMax: 10 });
    assert.deepEqual(await again.log.tail(REF), tailAt(25));
    again.log.append(REF, tailAt(25), records(26, 28));
    again.log.append(REF, tailAt(28), [record(29)]);
    assert.deepEqual([await lines(3), await lines(4)], [10, 1]);
    assert.deepEqual(await collect(again.log.read(REF)), records(1, 29));
    for (const from of [1, 8, 9, 18, 19, 25, 26, 29, 30])
      assert.deepEqual(await collect(again.log.read(REF, from)), records(from, 29), `${from}`);
  });

  test("a reading from far on does not touch the segments before", async () => {
    await using folder = await makeCall(30, 10);
    await folder.edit(folder.segment(1), (text) => flip(text, 2));
    await using broker = await folder.open({ readOnly: true });
    assert.deepEqual(await collect(broker.log.read(REF, 15)), records(15, 30));
  });

  test("a reading left early closes its file", async () => {
    await using folder = await makeCall(3);
    await using broker = await folder.open({ readOnly: true });
    const open = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
    const before = process.platform === "linux" ? await open() : 0;
    for (let i = 0; i < 20; i++) for await (const _ of broker.log.read(REF)) break;
    if (process.platform === "linux") assert.equal(await open(), before);
  });
});

suite("a lone file", () => {
  test("an exported call is read, and other segments follow the first", async () => {
    await using folder = await makeCall(12, 5);
    assert.deepEqual(await collect(readLogFile(folder.segment(1))), records(1, 12));
    assert.deepEqual(await collect(readLogFile(folder.segment(2))), records(6, 10));
    const exported = join(folder.dir, "call.jsonl");
    await copyFile(folder.segment(1), exported);
    await folder.addTo(exported, `${encodeRecord(record(6)).slice(0, 40)}`);
    const reading = readLogFile(exported);
    assert.deepEqual(await collect(reading), records(1, 5));
    assert.equal(reading.tornBytes, 40);
  });

  test("what is no log is told from a damaged one", async () => {
    await using folder = await makeCall(2);
    const path = join(folder.dir, "other");
    const strange: readonly (string | Uint8Array)[] = [
      "",
      "\n",
      "Dear diary,\ntoday\n",
      '{"level":30,"msg":"hello"}\n{"level":30}\n',
      "{}",
      Buffer.concat([Buffer.from("RIFF\x24\0\0\0WAVEfmt "), Buffer.alloc(900_000, 7)]),
    ];
    for (const bytes of strange) {
      await writeFile(path, bytes);
      await rejects("log.notALog", () => collect(readLogFile(path)));
    }
    await rejects("call.notFound", () => collect(readLogFile(join(folder.dir, "nothing"))));
    await rejects("call.notFound", () => collect(readLogFile(folder.dir)));
    await folder.edit(folder.segment(), (text) => flip(text, 1));
    await rejects("log.damaged", () => collect(readLogFile(folder.segment())));
  });
});

suite("erasing", () => {
  test("takes the text out of every segment on the disk, and appends go on", async () => {
    await using folder = await DataFolder.make();
    const spoken = { textDigest: "d", text: { salt: "s", value: "my secret" } };
    await using broker = await folder.open({ segmentRecordsMax: 5 });
    for (let seq = 1; seq <= 12; seq++)
      broker.log.append(REF, tailAt(seq - 1), [record(seq, spoken)]);
    const erasing = broker.log.eraseText(REF);
    await rejects("log.conflict", () => broker.log.append(REF, tailAt(12), [record(13)]));
    await erasing;
    for (const number of [1, 2, 3])
      assert.doesNotMatch(await readFile(folder.segment(number), "utf8"), /secret/);
    broker.log.append(REF, tailAt(12), [record(13)]);
    const left = records(1, 12, { textDigest: "d" });
    assert.deepEqual(await collect(broker.log.read(REF)), [...left, record(13)]);
    assert.deepEqual(await readdir(join(folder.dir, ".temp")), []);
  });

  test("refuses a damaged log and leaves the file as it is", async () => {
    await using folder = await makeCall(5);
    await folder.edit(folder.segment(), (text) => flip(text, 3));
    const before = await readFile(folder.segment());
    await using broker = await folder.open();
    await rejects("log.damaged", () => broker.log.eraseText(REF));
    assert.deepEqual(await readFile(folder.segment()), before);
    assert.deepEqual(await readdir(join(folder.dir, ".temp")), []);
  });
});

suite("snapshots", () => {
  test("the newest few stay, also after opening anew; a half-written one is not seen", async () => {
    await using folder = await makeCall(30);
    {
      await using broker = await folder.open();
      for (const seq of [5, 10, 15, 20, 25])
        await broker.log.saveSnapshot(REF, seq, new Uint8Array([seq]));
    }
    await mkdir(join(folder.dir, ".temp"), { recursive: true });
    await writeFile(join(folder.dir, ".temp", "7"), "half");
    await using broker = await folder.open();
    const seqAt = async (upTo: number): Promise<number | undefined> =>
      (await broker.log.loadSnapshot(REF, upTo))?.seq;
    assert.deepEqual(
      [await seqAt(14), await seqAt(15), await seqAt(24), await seqAt(99)],
      [undefined, 15, 20, 25],
    );
    assert.deepEqual(await readdir(join(folder.dir, ".temp")), []);
    await rejects("call.notFound", () =>
      broker.log.saveSnapshot({ tenant: "acme", call: "none" }, 1, new Uint8Array(1)),
    );
  });
});
