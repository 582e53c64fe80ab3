import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { differenceOf } from "../bench/measure.ts";
import { BenchReport, tableOf, toRow } from "../bench/report.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../bench/run.ts");

test("a bench reports its rows as JSON that the schema accepts", async () => {
  const { stdout } = await run(process.execPath, [script, "digest", "--json"]);
  const report = BenchReport.parse(JSON.parse(stdout));
  assert.deepEqual(Object.keys(report), ["rows"]);
  assert.ok(report.rows.length > 0);
  for (const { ours, peer, ratio } of report.rows) {
    assert.ok(ours !== null && ours > 0);
    assert.deepEqual([peer, ratio], [null, null]);
  }
});

test("an unknown bench is refused with the names there are", async () => {
  const refused = run(process.execPath, [script, "no-such-bench"]);
  await assert.rejects(refused, { code: 2, stderr: /no-such-bench: choose from .*digest/ });
});

test("the table says which target was missed", () => {
  const figure = { name: "a step", unit: "us", ours: 50, floor: 20 };
  const met = toRow({ ...figure, target: 60 });
  const missed = toRow({ ...figure, target: 40 });
  const tail = toRow({ ...figure, target: 60, p95: 90, targetP95: 80 });
  const rate = toRow({ ...figure, target: 40, higherIsBetter: true });
  assert.deepEqual(
    [met, missed, tail, rate].map((row) => row.met),
    [true, false, false, true],
  );
  assert.equal(met.floorRatio, 2.5);
  assert.match(tableOf([missed]), /a step +50 us +20 \(x2.5\) +<= 40 +MISSED/);
  assert.doesNotMatch(tableOf([met]), /MISSED/);
});

test("a figure beside the peer's has their ratio, and is held to it", () => {
  const figure = { name: "a turn", unit: "ms", ours: 1.5, ratioTarget: 0.2 };
  const [far, near] = [10, 5].map((peer) => toRow({ ...figure, peer }));
  assert.deepEqual([far?.ratio, far?.met, near?.ratio, near?.met], [0.15, true, 0.3, false]);
  assert.match(tableOf([near!]), /5 \(x0.3\) +<= 0.2 of the peer's +MISSED/);
  assert.equal(toRow(figure).met, undefined);
});

test("the interval of a mean narrows with the samples, and widens with their spread", () => {
  const some = differenceOf([1, 3]);
  assert.deepEqual([some.mean, some.low.toFixed(2), some.high.toFixed(2)], [2, "0.04", "3.96"]);
  const width = ({ low, high }: typeof some): number => high - low;
  assert.ok(width(differenceOf([1, 3, 1, 3])) < width(some));
  assert.ok(width(differenceOf([0, 4])) > width(some));
  const quiet = Array.from({ length: 100 }, (_, i) => i % 2);
  const { mean } = differenceOf([...quiet.slice(2), 100_000, -100_000]);
  assert.ok(mean > 0.4 && mean < 0.6, "one sample at either end moves nothing");
});
