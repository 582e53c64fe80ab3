import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { CloseReport } from "../../src/cli/costs/close.ts";
import { CostReport } from "../../src/cli/costs.command.ts";
import { recordPricedCall } from "../support/priced-call.ts";
import { run, runJson } from "../support/run-cli.ts";

/** `turnfold costs close`: the month of a recorded call, with an allowance of characters. */
const MONTH = "2025-06";
const CARD = {
  priceId: "ours/flash",
  provider: "elevenlabs",
  model: "eleven_flash_v2_5",
  services: ["tts"],
  pricePico: { characters: "50000000000" },
  perUnits: 1_000,
  allowance: { units: 40, period: "month" },
  effectiveFrom: null,
  effectiveTo: null,
  knownFrom: "2025-01-01",
  source: "our contract",
  checkedOn: "2025-01-01",
  confidence: "P",
};

let data = "";
let io: { readonly env: Readonly<Record<string, string>> };

before(async () => {
  data = await mkdtemp(join(tmpdir(), "turnfold-close-"));
  io = { env: { TURNFOLD_PRICES: join(data, "prices.json") } };
  await writeFile(join(data, "prices.json"), JSON.stringify({ prices: [CARD] }));
  await recordPricedCall(join(data, "calls"));
});
after(() => rm(data, { recursive: true }));

const line = (...more: string[]): string[] => ["costs", ...more, "--data", join(data, "calls")];

suite("turnfold costs close", () => {
  test("a month that is not over, or is none, is refused", async () => {
    for (const [month, why] of [
      ["2999-01", /2999-01: it is not over/],
      ["2025-13", /2025-13 is no month/],
      ["June", /June is no month/],
    ] as const) {
      const { code, stderr } = await run(line("close", month), io);
      assert.equal(code, 2);
      assert.match(stderr, why);
    }
  });

  test("beside an owner of the folder it says who that is", async () => {
    await using _ = await openEmbedded({ dataDir: join(data, "calls"), clock: systemClock });
    const { code, stderr } = await run(line("close", MONTH), io);
    assert.equal(code, 1);
    assert.match(stderr, /^data\.locked: .*\n {2}fix: stop that process/);
  });

  test("gives back what the free units cost, of all that the logs tell, and once", async () => {
    const { value: listed } = await runJson(CostReport, line(), io);
    const { value } = await runJson(CloseReport, line("close", MONTH), io);
    // 93 characters at 0.05 USD a thousand are 0.00465 USD; 40 of them are free.
    assert.equal(value.givenPico, "2000000000");
    assert.equal(BigInt(value.costPico), BigInt(listed.totalPico) - 2_000_000_000n);
    const invoicePico = BigInt(value.costPico) + BigInt(value.roundingPico);
    assert.equal(invoicePico, 10_000_000_000n, "more than half a cent is one");
    assert.deepEqual([value.closed, value.open, value.month], [true, 0, MONTH]);
    const again = await runJson(CloseReport, line("close", MONTH, listed.tenant), io);
    assert.deepEqual(again.value, { ...value, closed: false, givenPico: "0" });
    const told = await run(line("close", MONTH), io);
    assert.match(told.stdout, /^2025-06 of \S+ was closed before: 0\.\d+ USD\n$/);
    const { value: after } = await runJson(CostReport, line(), io);
    assert.equal(after.totalPico, listed.totalPico, "the list says what it said");
  });
});
