import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { ErrorReport } from "../../src/cli/output.ts";
import { BudgetReport } from "../../src/events/budget.events.ts";
import { rules, start, voiceAgent } from "../../src/index.ts";
import { BOOK } from "../ledger/support/books.ts";
import { tempDir } from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";

/** `turnfold budget` on a data folder, with and without a process that owns it. */
const agent = voiceAgent({
  name: "own",
  instructions: "Answer.",
  model: rules([{ when: /./, say: "All right." }]),
});

const openFolder = (dataDir: string) => openEmbedded({ dataDir, clock: systemClock });

async function budget(data: string, ...line: string[]) {
  const { code, value } = await runJson(BudgetReport, ["budget", ...line, "--data", data]);
  assert.equal(code, 0);
  return value.nodes.map(({ node, limitPico }) => [node, limitPico]);
}

suite("turnfold budget", () => {
  test("sets limits, lists what is left of them in USD, and takes them away", async (t) => {
    const data = await tempDir(t);
    const none = await run(["budget", "acme", "--data", data]);
    assert.equal(none.stdout, `no budget of acme in ${data}: nothing is limited\n`);
    await budget(data, "acme", "--set", "agent:front=desk=7.5", "tenant=0.000000000001");
    {
      await using broker = await openFolder(data);
      const ports = { broker, clock: systemClock, prices: () => ({ book: BOOK }) };
      const actor = await LedgerActor.open({ tenant: "acme", ...ports });
      const path = ["tenant", "agent:front=desk", "call:c1", "turn:c1/turn.1"];
      const until = systemClock.now() + 60_000;
      await actor.do({ type: "limit", id: "more", node: "tenant", amountPico: 10n ** 13n });
      const hold = { type: "hold", id: "h", path, amountPico: 7_000_000_000_001n } as const;
      assert.equal((await actor.do({ ...hold, until, call: "c1" })).kind, "post");
    }
    const { stdout } = await run(["budget", "acme", "--data", data]);
    assert.match(stdout, /^budgets of acme, in USD\nbudget +limit +spent +held +available +due\n/);
    assert.match(stdout, /^tenant +10 +0 +7\.000000000001 +2\.999999999999 *$/m);
    assert.match(stdout, /^agent:front=desk +7\.5 +0 .* 0\.499999999999 +warn, cheaperModel, sho/m);
    assert.match(stdout, /^call:c1 +- +0 +7\.000000000001 +- *$/m);
    assert.doesNotMatch(stdout, /turn:/);
    const cleared = await budget(data, "acme", "--set", "platform=1", "--clear", "tenant");
    assert.deepEqual(cleared, [
      ["platform", "1000000000000"],
      ["tenant", null],
      ["agent:front=desk", "7500000000000"],
      ["call:c1", null],
    ]);
    assert.deepEqual(await budget(data, "beta"), []);
  });

  test("the same line again is another wish: what was set between is set back", async (t) => {
    const data = await tempDir(t);
    for (const usd of ["1", "2", "1"]) await budget(data, "--set", `tenant=${usd}`);
    assert.deepEqual(await budget(data), [["tenant", "1000000000000"]]);
  });

  test("beside a process that owns the folder it is done there, and seen there", async (t) => {
    const data = await tempDir(t);
    const started = await start({ agent, port: 0, dataDir: data });
    try {
      const expected = [["tenant", "25000000000000"]];
      assert.deepEqual(await budget(data, "acme", "--set", "tenant=25"), expected);
      assert.deepEqual(await budget(data, "acme"), expected);
      const answer = await fetch(`${started.url}/api/tenants/acme/budget`);
      const { nodes } = BudgetReport.parse(await answer.json());
      assert.deepEqual(nodes[0]?.limitPico, "25000000000000");
    } finally {
      await started.close();
    }
    assert.deepEqual(await budget(data, "acme"), [["tenant", "25000000000000"]]);
  });

  test("beside an owner that takes no commands: read, and not set, with what to do", async (t) => {
    const data = await tempDir(t);
    await budget(data, "--set", "tenant=1");
    await using _ = await openFolder(data);
    assert.deepEqual(await budget(data), [["tenant", "1000000000000"]]);
    const { code, stderr } = await run(["budget", "--set", "tenant=2", "--data", data]);
    assert.equal(code, 1);
    assert.match(stderr, /^bus\.noResponder: .*takes no commands\n {2}fix: /);
    assert.deepEqual(await budget(data), [["tenant", "1000000000000"]]);
  });

  const WRONG: readonly (readonly [readonly string[], RegExp, RegExp])[] = [
    [["--set", "tenant"], /tenant says no amount/, /write tenant=USD/],
    [["--set", "tenant="], /tenant: "" is no limit/, /tenant=12\.50/],
    [["--set", "tenant=-1"], /tenant: "-1" is no limit/, /USD from 0 on/],
    [["--set", "tenant=1e3"], /tenant: "1e3" is no limit/, /USD from 0 on/],
    [["--set", "tenant=0.0000000000001"], /tenant: .* is no limit/, /at most 12 decimals/],
    [["--set", "team=1"], /there is no budget "team"/, /agent:NAME or call:CALL/],
    [["--set", "agent:=1"], /there is no budget "agent:"/, /agent:NAME/],
    [["--set", "turn:c1/turn.1=1"], /there is no budget "turn:c1/, /call:CALL/],
    [["--clear", "everything"], /there is no budget "everything"/, /platform, tenant/],
    [["--set", "tenant=1", "--clear", "tenant"], /tenant was given twice/, /one limit/],
    [["a b"], /a b is no tenant/, /1 to 64/],
  ];
  for (const [line, message, fix] of WRONG)
    test(`${line.join(" ")}: refused before anything is set, with what to write`, async (t) => {
      const data = await tempDir(t);
      const asked = ["budget", ...line, "--data", data, "--json"];
      const { code, stdout } = await run(
        line[0] === "--set" ? [...asked, "--set", "platform=1"] : asked,
      );
      const { error } = ErrorReport.parse(JSON.parse(stdout));
      assert.equal(code, 2);
      assert.match(error.message, message);
      assert.match(error.fix!, fix);
      assert.deepEqual(await budget(data), []);
    });
});
