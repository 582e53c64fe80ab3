import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { RerateReport } from "../../src/cli/costs/rerate.ts";
import { ErrorReport } from "../../src/cli/output.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { postUnpriced } from "../support/unpriced-usage.ts";
import { run, runJson } from "../support/run-cli.ts";

let data = "";
before(async () => {
  data = await mkdtemp(join(tmpdir(), "turnfold-rerate-"));
});
after(() => rm(data, { recursive: true }));

const NOVEMBER = ["--from", "2026-11-01", "--to", "2026-12-01"] as const;

/** A data folder in which two requests were posted without a price. */
async function folder(name: string): Promise<readonly string[]> {
  const dataDir = join(data, name);
  await using broker = await openEmbedded({ dataDir, clock: systemClock });
  await postUnpriced(broker);
  return ["acme", "--data", dataDir];
}

/** What the stream holds now. */
async function costIn(where: readonly string[]): Promise<bigint> {
  await using broker = await openEmbedded({
    dataDir: where.at(-1)!,
    clock: systemClock,
    readOnly: true,
  });
  return costOf(broker);
}

async function costOf(broker: Broker): Promise<bigint> {
  const prices = () => ({ book: priceBook() });
  const actor = await LedgerActor.open({ tenant: "acme", broker, clock: systemClock, prices });
  return actor.ledger.cost().amountPico;
}

suite("turnfold prices rerate", () => {
  test("says what would change and posts nothing; with --apply it posts it", async () => {
    const where = await folder("applied");
    const dry = await run(["prices", "rerate", ...where, ...NOVEMBER]);
    assert.equal(dry.code, 0);
    assert.match(dry.stdout, /llm +openai\/gpt-4o-mini +inputTokens +0 +0.00015 +\+0.00015/);
    assert.match(dry.stdout, /would be posted with --apply: 2 requests, \+0.00495 USD/);
    assert.equal(await costIn(where), 0n);

    const { code, value } = await runJson(RerateReport, [
      "prices",
      "rerate",
      ...where,
      ...NOVEMBER,
      "--apply",
    ]);
    assert.equal(code, 0);
    assert.deepEqual(
      [value.tenant, value.from, value.to, value.book, value.applied, value.requests, value.left],
      ["acme", "2026-11-01", "2026-12-01", priceBook().version, true, 2, []],
    );
    assert.equal(value.differencePico, "4950000000");
    assert.equal(await costIn(where), 4_950_000_000n);

    const again = await run(["prices", "rerate", ...where, ...NOVEMBER, "--apply"]);
    assert.match(again.stdout, /nothing changes/);
    const back = ["--known-at", "2026-11-20", "--apply"];
    assert.equal((await run(["prices", "rerate", ...where, ...NOVEMBER, ...back])).code, 0);
    assert.equal(await costIn(where), 0n);
    const there = await run(["prices", "rerate", ...where, ...NOVEMBER, "--apply"]);
    assert.match(there.stdout, /posted: 2 requests, \+0.00495 USD/);
  });

  test("is for the days that are named, the last one not among them", async () => {
    const where = await folder("days");
    const only = ["--from", "2026-11-10", "--to", "2026-11-11"];
    const { value } = await runJson(RerateReport, ["prices", "rerate", ...where, ...only]);
    assert.deepEqual(
      value.changes.map(({ provider, meter, afterPico }) => [provider, meter, afterPico]),
      [["deepgram", "audioMs", "4800000000"]],
    );
    for (const wrong of [
      ["--from", "2026-11-10"],
      ["--from", "2026-11-11", "--to", "2026-11-10"],
    ])
      assert.equal((await run(["prices", "rerate", ...where, ...wrong])).code, 2);
  });

  test("beside a running owner it only looks, and says who has the folder", async () => {
    const where = await folder("locked");
    await using _ = await openEmbedded({ dataDir: where.at(-1)!, clock: systemClock });
    const dry = await run(["prices", "rerate", ...where, ...NOVEMBER]);
    assert.match(dry.stdout, /2 requests, \+0.00495 USD/);
    const apply = ["prices", "rerate", ...where, ...NOVEMBER, "--apply", "--json"];
    const { code, stdout } = await run(apply);
    assert.equal(code, 1);
    const { error } = ErrorReport.parse(JSON.parse(stdout));
    assert.equal(error.code, "data.locked");
    assert.match(error.message, new RegExp(`in use by process ${process.pid}`));
    assert.match(error.fix!, /stop that process/);
  });

  test("has nothing to do where nothing was posted", async () => {
    const where = ["nobody", "--data", join(data, "empty")];
    const { code, stdout } = await run(["prices", "rerate", ...where, ...NOVEMBER]);
    assert.equal(code, 0);
    assert.match(stdout, /nothing was posted for nobody/);
  });
});
