import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { z } from "zod";
import { CostReport } from "../../src/cli/costs.command.ts";
import { PRICE_SCHEMAS } from "../../src/cli/prices.command.ts";
import { usdText } from "../../src/ledger/money.ts";
import { recordLostAnswer, recordPricedCall, recordRoutedCall } from "../support/priced-call.ts";
import { logFile, recordCall, simulateIn } from "../support/recorded-call.ts";
import { run, runJson } from "../support/run-cli.ts";

/** What a call costs, beside a bill that was written by hand. */
let data = "";
let report: z.infer<typeof CostReport>;

before(async () => {
  data = await mkdtemp(join(tmpdir(), "turnfold-costs-"));
  await recordPricedCall(join(data, "priced"));
  await recordCall(join(data, "unpriced"));
  ({ value: report } = await runJson(CostReport, ["costs", ...folder("priced")]));
});
after(() => rm(data, { recursive: true }));

const folder = (name: string) => ["--data", join(data, name)] as const;

/**
 * Prices in pico-USD for one: luna and haiku 0.10 USD a million tokens in and 0.50 out, cached ones
 * of luna 0.01; flash 0.05 USD a thousand characters; nova-3 0.0048 USD a minute, so 80 n-USD a
 * second; whoever is in a room 0.0005 USD a minute, each rounded up.
 */
const BILL = [
  // The answer that is cut off. Its model had told what it took, its voice had all 73 characters.
  { turn: 1, model: "gpt-6-luna", quantity: 1_000, meter: "inputTokens", pico: 100_000_000 },
  { turn: 1, model: "gpt-6-luna", quantity: 40, meter: "outputTokens", pico: 20_000_000 },
  { turn: 1, model: "gpt-6-luna", quantity: 200, meter: "cacheReadTokens", pico: 2_000_000 },
  { turn: 1, model: "eleven_flash_v2_5", quantity: 73, meter: "characters", pico: 3_650_000_000 },
  // The one that failed and said nothing of its cost: 4 characters of the request are a token.
  // Two of the caller (28 and 22), one heard (22), one on the cut (58), the tool (61): 191.
  { turn: 2, model: "gpt-6-luna", quantity: 48, meter: "inputTokens", pico: 4_800_000 },
  // The one that stood in.
  { turn: 2, model: "claude-haiku-5-5", quantity: 900, meter: "inputTokens", pico: 90_000_000 },
  { turn: 2, model: "claude-haiku-5-5", quantity: 8, meter: "outputTokens", pico: 4_000_000 },
  { turn: 2, model: "eleven_flash_v2_5", quantity: 15, meter: "characters", pico: 750_000_000 },
  // Asked ahead and thrown away.
  { turn: 3, model: "gpt-6-luna", quantity: 700, meter: "inputTokens", pico: 70_000_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 5, meter: "outputTokens", pico: 2_500_000 },
  // The request that wants the tool, and the one with its result.
  { turn: 3, model: "gpt-6-luna", quantity: 1_200, meter: "inputTokens", pico: 120_000_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 12, meter: "outputTokens", pico: 6_000_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 300, meter: "cacheReadTokens", pico: 3_000_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 1_300, meter: "inputTokens", pico: 130_000_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 3, meter: "outputTokens", pico: 1_500_000 },
  { turn: 3, model: "gpt-6-luna", quantity: 300, meter: "cacheReadTokens", pico: 3_000_000 },
  { turn: 3, model: "eleven_flash_v2_5", quantity: 5, meter: "characters", pico: 250_000_000 },
  // The stream of the whole call, 12.23 s.
  { turn: null, model: "nova-3", quantity: 12_230, meter: "audioMs", pico: 978_400_000 },
  // Both that were in the room, each for a minute that was begun.
  { turn: null, model: "agent", quantity: 12_230, meter: "connectionMs", pico: 500_000_000 },
  { turn: null, model: "participant", quantity: 12_230, meter: "connectionMs", pico: 500_000_000 },
  // The worker is one's own.
  { turn: null, model: "worker", quantity: 12_230, meter: "connectionMs", pico: 0 },
];
/** 0.007185200 USD. */
const TOTAL = 7_185_200_000;

suite("the bill of a call with an interruption, a stale request, a fallback and a tool", () => {
  test("has the lines and the sum of the one written by hand", () => {
    const lines = report.lines.map(({ turn, model, quantity, meter, amountPico }) => ({
      turn,
      model,
      quantity,
      meter,
      pico: Number(amountPico),
    }));
    assert.deepEqual(lines, BILL);
    assert.equal(
      BILL.reduce((sum, { pico }) => sum + pico, 0),
      TOTAL,
    );
    assert.deepEqual([report.tenant, report.totalPico], ["acme", String(TOTAL)]);
    assert.deepEqual(new Set(report.lines.map(({ call }) => call)), new Set(["c-simulated"]));
  });

  test("--explain names turn, request, quantity, price row, dates and source", async () => {
    for (const { id, turn, model, quantity, meter, priceId } of report.lines) {
      const line = ["costs", "--explain", id, ...folder("priced")];
      const { code, stdout } = await run(line);
      assert.equal(code, 0);
      assert.ok(stdout.includes(turn === null ? "of no turn" : `turn.${turn}`), stdout);
      assert.match(stdout, new RegExp(`request +\\d+(\\.\\d+\\.\\w+)?/.*${model}.*attempt 1`));
      assert.match(stdout, new RegExp(`quantity +${quantity} ${meter}, (measured|estimated)`));
      assert.ok(stdout.includes(`${priceId}: `), stdout);
      assert.match(stdout, /holds +always; known from 2026-11-21/);
      assert.match(stdout, /source .+; checked 2026(-\d\d)*; (second hand \(S\)|.+ page \(P\))/);
      const billed = priceId!.startsWith("livekit/") ? 60_000 : quantity;
      assert.match(stdout, new RegExp(`amount +${billed} ${meter} x .+ = 0(\\.\\d+)? USD`));
    }
  });

  test("--explain says what became of the request", async () => {
    const fates = [];
    for (const [i, { id }] of report.lines.entries()) {
      const { value } = await runJson(CostReport, ["costs", "--explain", id, ...folder("priced")]);
      const { status, discarded, quality } = value.explained!;
      if (status !== "completed" || discarded || quality !== "measured")
        fates.push([i, status, discarded, quality]);
    }
    assert.deepEqual(fates, [
      [4, "failed", false, "estimated"],
      [8, "completed", true, "measured"],
      [9, "completed", true, "measured"],
    ]);
  });

  test("--explain in JSON has the row and the arithmetic", async () => {
    const { id } = report.lines[3]!;
    const { value } = await runJson(CostReport, ["costs", "--explain", id, ...folder("priced")]);
    assert.deepEqual(value.explained, {
      line: id,
      turn: 1,
      request: "9.1.reply/tts/elevenlabs/eleven_flash_v2_5/1",
      attempt: 1,
      status: "completed",
      discarded: false,
      quality: "measured",
      price: {
        priceId: "elevenlabs/eleven_flash_v2_5#characters",
        pricePico: "50000000000",
        perUnits: 1_000,
        effectiveFrom: null,
        effectiveTo: null,
        knownFrom: "2026-11-21",
        source: "elevenlabs.io/pricing/api, quoted",
        checkedOn: "2026-08-04",
        confidence: "S",
      },
      arithmetic: "73 characters x 0.05 USD / 1000 = 0.00365 USD",
    });
  });

  test("a line is named by the beginning of its id; several or none are an error", async () => {
    const [first] = report.lines;
    const ok = await run(["costs", "--explain", first!.id.slice(0, 8), ...folder("priced")]);
    assert.equal(ok.code, 0);
    for (const wrong of ["", "nobody"]) {
      const { code, stderr } = await run(["costs", `--explain=${wrong}`, ...folder("priced")]);
      assert.equal(code, 2);
      assert.match(stderr, /begins 21 lines|no line begins with nobody/);
    }
  });

  test("read again it says the same", async () => {
    const { value } = await runJson(CostReport, ["costs", "acme", ...folder("priced")]);
    assert.deepEqual(value, report);
  });

  const KEYS = {
    call: ["c-simulated"],
    turn: ["turn.1", "turn.2", "turn.3", "no turn"].map((turn) => `c-simulated ${turn}`),
    agent: ["simulated"],
    provider: ["openai", "elevenlabs", "anthropic", "deepgram", "livekit", "own"],
    model: [
      "openai/gpt-6-luna",
      "elevenlabs/eleven_flash_v2_5",
      "anthropic/claude-haiku-5-5",
      "deepgram/nova-3",
      "livekit/agent",
      "livekit/participant",
      "own/worker",
    ],
    day: ["2025-06-15"],
  };
  for (const [by, keys] of Object.entries(KEYS))
    test(`--by ${by} has the same sum`, async () => {
      const line = ["costs", "--by", by, ...folder("priced")];
      const { value } = await runJson(CostReport, line);
      assert.deepEqual(
        value.groups?.map(({ key }) => key),
        keys,
      );
      const sum = value.groups!.reduce((all, { amountPico }) => all + Number(amountPico), 0);
      assert.equal(sum, TOTAL);
      const { stdout } = await run(line);
      for (const key of keys) assert.ok(stdout.includes(key), key);
      assert.match(stdout, /sum 0\.0071852 USD\n$/);
    });

  test("the table has each line, estimates, what was thrown away, and the sum", async () => {
    const { stdout } = await run(["costs", ...folder("priced")]);
    for (const { id } of report.lines) assert.ok(stdout.includes(id.slice(0, 10)));
    assert.match(stdout, /~48 inputTokens +0\.0000048/);
    assert.match(stdout, /700 inputTokens +0\.0000700 +thrown away/);
    assert.match(stdout, /livekit\/agent +12\.23 s connection +0\.0005000/);
    assert.match(stdout, /sum 0\.0071852 USD\n$/);
  });
});

suite("a call whose process died in mid-answer", () => {
  const costs = async (name: string) => {
    const { value } = await runJson(CostReport, ["costs", ...folder(name)]);
    const { stdout } = await run(["costs", ...folder(name)]);
    const lost = value.lines.map(({ component, meter, quantity, amountPico }) => {
      return [component, meter, quantity, amountPico] as const;
    });
    return { lost, stdout };
  };
  // By what the log had told: 28 characters of the caller and 61 of the tool, a sentence of 73.
  const LOST = [
    ["llm", "inputTokens", 23, "2300000"],
    ["llm", "outputTokens", 19, "9500000"],
    ["tts", "characters", 73, "3650000000"],
  ];

  for (const [name, isTaken] of [
    ["crashed", false],
    ["taken over", true],
  ] as const)
    test(`${name}: the lost answer is in its bill, estimated`, async () => {
      await recordLostAnswer(join(data, name), isTaken);
      const { lost, stdout } = await costs(name);
      const answer = lost.filter(([component]) => component === "llm" || component === "tts");
      assert.deepEqual(answer.slice(0, 3), LOST);
      assert.match(stdout, /turn\.1 +llm +openai\/gpt-6-luna +~19 outputTokens/);
      assert.match(stdout, /turn\.1 +tts +elevenlabs\/eleven_flash_v2_5 +~73 characters/);
    });
});

suite("what routing saved", () => {
  test("is told against the same tokens at the complex model", async () => {
    await recordRoutedCall(join(data, "routed"));
    const { value } = await runJson(CostReport, ["costs", ...folder("routed")]);
    // Luna: 1,000 x 0.1 + 100 x 0.5 USD a million. Sol: 2,000 x 2 + 200 x 10.
    // All by sol: 3,000 x 2 + 300 x 10.
    assert.deepEqual(value.saving, {
      requests: 2,
      actualPico: String(150_000_000 + 6_000_000_000),
      baselinePico: "9000000000",
      percent: 31.66,
    });
    const { stdout } = await run(["costs", ...folder("routed")]);
    assert.match(
      stdout,
      /routing saved 31\.66 % of 2 requests: 0\.00615 USD, and 0\.009 USD .* openai\/gpt-6-sol\n$/,
    );
  });

  test("is not told where nothing was routed", () => {
    assert.equal(report.saving, undefined);
  });
});

suite("what has no price", () => {
  test("is told with its quantity, and is null and not 0", async () => {
    const { value } = await runJson(CostReport, ["costs", ...folder("unpriced")]);
    assert.ok(value.lines.length > 10);
    // The worker's own time has a price, and it is none.
    for (const { amountPico, priceId, component } of value.lines)
      if (component === "compute") assert.equal(amountPico, "0");
      else assert.deepEqual([amountPico, priceId], [null, null]);
    const { stdout } = await run(["costs", ...folder("unpriced")]);
    assert.match(stdout, /sum 0 USD\nNOT IN THE SUM/);
    for (const meter of ["inputTokens", "outputTokens", "characters", "audioMs"]) {
      const all = value.lines.filter((line) => line.meter === meter);
      for (const model of new Set(all.map((line) => line.model))) {
        const own = all.filter((line) => line.model === model);
        const sum = own.reduce((total, { quantity }) => total + quantity, 0);
        assert.ok(stdout.includes(`scripted/${model}  ${meter}  ${sum}\n`), `${model} ${meter}`);
      }
    }
    const groups = await run(["costs", "--by", "model", ...folder("unpriced")]);
    assert.match(groups.stdout, /scripted\/scripted-llm +\d+ +no price/);
  });

  test("is explained as such", async () => {
    const { value } = await runJson(CostReport, ["costs", ...folder("unpriced")]);
    const { id } = value.lines[0]!;
    const { stdout } = await run(["costs", "--explain", id, ...folder("unpriced")]);
    assert.match(stdout, /price +none is known for \w+ of scripted\/scripted-\w+/);
  });
});

suite("whose costs", () => {
  test("none of a tenant without calls, and none of an empty folder", async () => {
    const nobody = await run(["costs", "nobody", ...folder("priced")]);
    assert.match(nobody.stdout, /no costs of nobody/);
    const { value } = await runJson(CostReport, ["costs", ...folder("empty")]);
    assert.deepEqual(value, { tenant: "local", totalPico: "0", lines: [] });
  });

  test("with calls of several tenants, one is to be named", async () => {
    for (const tenant of ["beta", "gamma"]) {
      const about = { call: `c-${tenant}`, tenant };
      await using simulation = await simulateIn(join(data, "several"), { call: about });
      simulation.enter("ann");
      await simulation.quiet();
    }
    const { code, stderr } = await run(["costs", ...folder("several")]);
    assert.equal(code, 2);
    assert.match(stderr, /several tenants\n.*name one: (beta, gamma|gamma, beta)/);
    const { value } = await runJson(CostReport, ["costs", "beta", ...folder("several")]);
    assert.deepEqual([...new Set(value.lines.map(({ call }) => call))], ["c-beta"]);
  });

  test("a damaged log: what stands before that, with a word on it, and exit code 1", async () => {
    await recordCall(join(data, "damaged"));
    const file = logFile(join(data, "damaged"));
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    await writeFile(file, `${lines.with(-10, "{}").join("\n")}\n`);
    const { code, stdout, stderr } = await run(["costs", ...folder("damaged")]);
    assert.equal(code, 1);
    assert.match(stderr, /c-simulated is damaged/);
    assert.match(stdout, /turn\.2/);
  });
});

suite("the price book", () => {
  test("check: rows, models, and the version that amounts name", async () => {
    const { code, value } = await runJson(PRICE_SCHEMAS["prices check"], ["prices", "check"]);
    assert.equal(code, 0);
    assert.ok(value.rows > 200 && value.models > 50 && value.secondHand > 0);
    assert.match((await run(["prices", "check"])).stdout, new RegExp(`book ${value.version}`));
  });

  test("check: a file with two prices at once is refused, and named with both", async () => {
    const file = join(data, "twice.json");
    const { prices, free } = await ownBook();
    const [first] = prices;
    await writeFile(
      file,
      JSON.stringify({ prices: [...prices, { ...first, priceId: "x" }], free }),
    );
    const { code, stderr } = await run(["prices", "check", file]);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`${file}: ${first!.priceId}#inputTokens and x#inputTokens hold at`));
    for (const no of [join(data, "nothing.json"), data]) {
      const { stderr: why } = await run(["prices", "check", no]);
      assert.match(why, /input\.invalid: .* is no file of JSON/);
    }
  });

  test("show: the rows of a day, of a provider or a model", async () => {
    const show = async (...line: string[]) =>
      (await runJson(PRICE_SCHEMAS["prices show"], ["prices", "show", ...line])).value.rows;
    const inputOn = async (day: string) =>
      (await show("openai/gpt-5.6-luna", "--at", day))
        .filter(({ meter, above }) => meter === "inputTokens" && above === null)
        .map(({ pricePico, effectiveTo }) => [pricePico, effectiveTo]);
    assert.deepEqual(await inputOn("2026-07-29"), [["1000000000000", "2026-07-30"]]);
    assert.deepEqual(await inputOn("2026-07-30"), [["200000000000", null]]);
    const all = await show("openai/gpt-5.6-luna", "--all");
    assert.equal(new Set(all.map(({ pricePico }) => pricePico)).size > 4, true);
    assert.deepEqual(
      [...new Set((await show("deepgram")).map(({ provider }) => provider))],
      ["deepgram"],
    );
    const { stdout } = await run(["prices", "show", "deepgram/nova-3"]);
    assert.match(stdout, /deepgram\/nova-3#audioMs +0\.0048 \/ 60000 .* S +2026-08-04/);
  });

  test("show: nothing of that name, or no day", async () => {
    const nobody = await run(["prices", "show", "nobody"]);
    assert.deepEqual([nobody.code, nobody.stdout], [1, "no price of nobody; it is not free\n"]);
    for (const day of ["today", "2026-02-30"])
      assert.equal((await run(["prices", "show", "--at", day])).code, 2);
  });

  test("diff: what was added, taken away and changed", async () => {
    const file = join(data, "other.json");
    const { prices, free } = await ownBook();
    const [first, second, ...rest] = prices;
    const changed = { ...second, source: "another" };
    const added = { ...first, priceId: "new/one", model: "one" };
    await writeFile(file, JSON.stringify({ prices: [changed, added, ...rest], free }));
    const { value } = await runJson(PRICE_SCHEMAS["prices diff"], ["prices", "diff", file]);
    assert.ok(value.added.every((id) => id.startsWith("new/one#")) && value.added.length > 0);
    assert.ok(value.removed.every((id) => id.startsWith(`${first!.priceId}#`)));
    assert.equal(value.removed.length, value.added.length);
    assert.ok(value.changed.length > 0);
    for (const { priceId, fields } of value.changed) {
      assert.ok(priceId.startsWith(`${second!.priceId}#`));
      assert.deepEqual(fields, ["source"]);
    }
    const { stdout } = await run(["prices", "diff", file]);
    assert.match(stdout, /^\+ new\/one#/m);
    assert.match(stdout, /^~ .*: source$/m);
  });
});

suite("prices of one's own", () => {
  const CARD = {
    priceId: "own/flash",
    provider: "elevenlabs",
    model: "eleven_flash_v2_5",
    services: ["tts"],
    pricePico: { characters: "1000000" },
    perUnits: 1,
    effectiveFrom: null,
    effectiveTo: null,
    knownFrom: "2025-01-01",
    source: "our contract",
    checkedOn: "2026-11-01",
    confidence: "P",
  };
  const named = (name: string) => ({ env: { TURNFOLD_PRICES: join(data, name) } });

  before(async () => {
    const markup = { services: ["llm"], times: [12, 10], effectiveFrom: "2025-01-01" };
    const markups = [report.tenant, "beta"].map((tenant) => ({ tenant, ...markup }));
    await writeFile(join(data, "own.json"), JSON.stringify({ prices: [CARD], markups }));
    await writeFile(join(data, "wrong.json"), JSON.stringify({ markups: [{ times: [1.2, 1] }] }));
    await writeFile(join(data, "torn.json"), "{");
    const decimal = { ...CARD, pricePico: { characters: "0.5" } };
    await writeFile(join(data, "decimal.json"), JSON.stringify({ prices: [decimal] }));
  });

  test("are what a tenant's lines are rated with, each to the picodollar", async () => {
    const line = ["costs", ...folder("priced")];
    const { value } = await runJson(CostReport, line, named("own.json"));
    const pico = (service: string, of: typeof value): bigint =>
      of.lines
        .filter(({ component }) => component === service)
        .reduce((sum, { amountPico }) => sum + BigInt(amountPico!), 0n);
    assert.equal(pico("llm", value) * 10n, pico("llm", report) * 12n);
    assert.equal(pico("stt", value), pico("stt", report));
    assert.equal(pico("tts", value), 93n * 1_000_000n);
    const marked = value.lines.find(({ component }) => component === "llm")!;
    assert.ok(marked.priceId!.endsWith("*12/10"));
    const why = await run([...line, "--explain", marked.id], named("own.json"));
    assert.match(why.stdout, /x 12\/10 = /);
  });

  test("show and check say which file a row is of", async () => {
    const own = named("own.json");
    const show = ["prices", "show", "elevenlabs/eleven_flash_v2_5"];
    const { value } = await runJson(PRICE_SCHEMAS["prices show"], show, own);
    const files = value.rows.map(({ priceId, file }) => [priceId, file]);
    assert.ok(
      files.some(([id, file]) => id === "own/flash#characters" && file?.endsWith("/own.json")),
    );
    assert.ok(files.some(([, file]) => file === "data/prices.json"));
    assert.deepEqual(value.markups[0]?.times, [12, 10]);
    assert.match((await run(show, own)).stdout, /pays 12\/10 of the list .*: llm/);
    const check = await runJson(PRICE_SCHEMAS["prices check"], ["prices", "check"], own);
    const plain = await runJson(PRICE_SCHEMAS["prices check"], ["prices", "check"]);
    assert.deepEqual([check.value.ownRows, check.value.markups], [1, 2]);
    assert.notEqual(check.value.version, plain.value.version);
    assert.match((await run(["prices", "check"], own)).stdout, /1 rows and 2 markups are of .*own/);
    const shipped = new URL("../../data/prices.json", import.meta.url).pathname;
    const diff = ["prices", "diff", shipped];
    const { value: differs } = await runJson(PRICE_SCHEMAS["prices diff"], diff, own);
    assert.deepEqual(
      [differs.removed, differs.added, differs.changed],
      [["own/flash#characters"], [], []],
    );
  });

  test("that cannot be read are named with their file and field", async () => {
    const failed = async (name: string) => {
      const { code, stderr } = await run(["prices", "check"], named(name));
      assert.equal(code, 2);
      return stderr;
    };
    assert.match(await failed("wrong.json"), /wrong\.json: [\s\S]*markups\[0\]\.times\[0\]/);
    assert.match(await failed("decimal.json"), /digits, as "4200000000"\n.*prices\[0\]\.pricePico/);
    assert.match(await failed("torn.json"), /TURNFOLD_PRICES: .*torn\.json: it is no JSON/);
    const file = join(data, "own.json");
    const alone = await run(["prices", "check", file]);
    assert.equal(alone.code, 2);
    assert.ok(alone.stderr.includes(`TURNFOLD_PRICES=${file} turnfold prices check`));
    assert.match(await failed("nothing.json"), /TURNFOLD_PRICES: .*nothing\.json: ENOENT/);
  });
});

async function ownBook() {
  const file = new URL("../../data/prices.json", import.meta.url);
  return JSON.parse(await readFile(file, "utf8")) as {
    prices: { priceId: string }[];
    free: unknown[];
  };
}

suite("the cost of one call", () => {
  test("--call: its lines and its sum, of the call alone", async () => {
    const { value } = await runJson(CostReport, ["costs", "--call", "c-sim", ...folder("priced")]);
    assert.deepEqual(value, report);
  });

  test("--follow: the sum as it grows, to the end of the call", async () => {
    const { stdout, code } = await run([
      "costs",
      "--call",
      "c-sim",
      "--follow",
      ...folder("priced"),
    ]);
    assert.equal(code, 0);
    const sums = [...stdout.matchAll(/^ *[0-9.]+s  ([0-9.]+) USD$/gm)].map(([, usd]) =>
      Number(usd),
    );
    assert.ok(sums.length > 5, stdout);
    assert.ok(sums[0]! < sums.at(-1)!, stdout);
    assert.equal(sums.at(-1), TOTAL / 1e12);
    assert.ok(stdout.includes(`\nsum ${usdText(BigInt(TOTAL))} USD\n`), stdout);
  });

  test("--follow without a call, and a call that is not there, are refused", async () => {
    const alone = await run(["costs", "--follow", ...folder("priced")]);
    assert.match(alone.stderr, /--call/);
    const nobody = await run(["costs", "--call", "none", ...folder("priced")]);
    assert.match(nobody.stderr, /call\.notFound/);
    assert.deepEqual([alone.code, nobody.code], [2, 2]);
  });
});
