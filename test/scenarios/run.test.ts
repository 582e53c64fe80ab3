import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isHeld, tableOf, type Result, type Row } from "../../scenarios/report.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../../scenarios/run.ts");

test("the chosen scenarios are reported as JSON, with totals", async () => {
  const args = [script, "--virtual", "--only", "04,13", "--json"];
  const { stdout } = await run(process.execPath, args);
  const { scenarios, totals } = JSON.parse(stdout) as { scenarios: Row[]; totals: object };
  assert.deepEqual(
    scenarios.map(({ id, results }) => [id, results.oursVirtual?.faults]),
    [
      ["04", []],
      ["13", []],
    ],
  );
  assert.deepEqual(Object.keys(totals), ["oursVirtual"]);
});

test("an unknown scenario is refused with those there are", async () => {
  const refused = run(process.execPath, [script, "--only", "99"]);
  await assert.rejects(refused, { code: 2, stderr: /no scenario 99: choose from 01, 02/ });
});

test("what is not as expected fails us, and fails nothing where it is the peer", () => {
  const scores = {
    falseCutOffs: 0,
    lostWords: 0,
    doubleReplies: 1,
    deadAir: 0,
    wrongHeard: 0,
    stuck: 0,
  };
  const bad: Result = { scores, faults: ["requests: 2 instead of 1"], answerAfterMs: 700 };
  const row = (results: Row["results"]): Row => ({ id: "01", title: "a question", results });
  assert.equal(isHeld(row({ oursAudio: bad })), false);
  assert.equal(isHeld(row({ peerBest: bad })), true);
  const table = tableOf([row({ oursVirtual: bad })]);
  assert.match(table, /01 a question +double reply 1 \(700 ms\)/);
  assert.match(table, /01 ours, virtual: requests: 2 instead of 1/);
});
