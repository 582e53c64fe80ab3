import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  findModel,
  MODEL_DATA,
  resolveModel,
  resolveVoice,
  stateOf,
  type ModelKind,
} from "../../src/providers/vendor-models.ts";
import type { AppError } from "../../src/base/errors.ts";
import { VENDOR_NAMES } from "../../src/config.ts";
import { loadFiles } from "../support/source.ts";

const ROOT = join(import.meta.dirname, "../..");
const NOW = Date.parse("2026-11-21");
const MAP = { at: NOW, retired: "map" } as const;

test("the table holds together: providers, kinds, successors, voices and defaults", () => {
  const { models, providers, voices } = MODEL_DATA;
  assert.deepEqual(Object.keys(providers).toSorted(), [...VENDOR_NAMES].toSorted());
  const keys = models.map(({ provider, id }) => `${provider}/${id}`);
  assert.equal(new Set(keys).size, keys.length);
  for (const { id, provider, kinds, successor, voices: set } of models) {
    assert.ok(provider in providers, id);
    if (set !== undefined) assert.ok(voices[set], id);
    if (successor === undefined) continue;
    const next = findModel(successor, provider);
    assert.ok(next, id);
    assert.ok(
      kinds.every((kind) => next.kinds.includes(kind)),
      id,
    );
    assert.equal(stateOf(next, NOW), "current", id);
  }
  for (const [provider, kinds] of Object.entries(providers))
    for (const [kind, { model, voice }] of Object.entries(kinds)) {
      const facts = findModel(model, provider);
      assert.ok(facts, model);
      assert.ok(facts.kinds.includes(kind as ModelKind), `${provider} ${kind} ${model}`);
      assert.notEqual(stateOf(facts, NOW), "retired", model);
      if (kind === "tts") assert.equal(resolveVoice(provider, model, voice!).voice, voice);
    }
  for (const { known, nearest } of Object.values(voices))
    for (const [lost, near] of Object.entries(nearest))
      assert.ok(!known.includes(lost) && known.includes(near), lost);
});

test("the price book and the table of models know the same names and last days", async () => {
  const text = await readFile(join(ROOT, "data/prices.json"), "utf8");
  const { prices } = JSON.parse(text) as { prices: readonly PricedModel[] };
  assert.ok(prices.length > 20);
  const spoken = prices.filter(
    ({ provider, model, services }) =>
      provider !== "local" && !UNSPOKEN.test(model) && !services?.some((one) => MINUTES.has(one)),
  );
  for (const { provider, model, retiredAt } of spoken) {
    const facts = findModel(model, provider);
    assert.ok(facts, `${provider}/${model}`);
    if (retiredAt !== undefined) assert.equal(facts.retiresOn, retiredAt, model);
  }
});

interface PricedModel {
  readonly provider: string;
  readonly model: string;
  readonly retiredAt?: string;
  /** Minutes of a room or a worker are priced and have no model. */
  readonly services?: readonly string[];
}
const MINUTES = new Set(["room", "compute"]);
/** Of the Realtime API, which no adapter speaks. */
const UNSPOKEN = /^gpt-realtime-/;

/** As the sources say it on 2026-11-21. */
const OUTDATED = [
  ["groq", "mixtral-8x7b-32768", "retired", "openai/gpt-oss-120b", "2025-03-20"],
  ["groq", "llama-3.3-70b-versatile", "retired", "openai/gpt-oss-120b", "2026-08-16"],
  ["openai", "gpt-4-turbo", "retired", "gpt-6-luna", "2026-10-23"],
  ["openai", "gpt-4o", "retiring", "gpt-4o", "2027-01-14"],
  ["openai", "gpt-4o-mini", "retiring", "gpt-4o-mini", "2027-01-14"],
  ["openai", "tts-1", "retiring", "tts-1", "2027-01-06"],
  ["openai", "gpt-4o-mini-tts", "retiring", "gpt-4o-mini-tts", "2027-01-06"],
  ["anthropic", "claude-3-5-sonnet-20241022", "retired", "claude-sonnet-5-5", "2025-10-28"],
  ["gemini", "gemini-2.5-flash", "retired", "gemini-3.5-flash-lite", "2026-10-16"],
  ["cartesia", "sonic", "retired", "sonic-3.5", "2026-06-01"],
  ["elevenlabs", "eleven_turbo_v2_5", "retiring", "eleven_turbo_v2_5", undefined],
  ["rime", "arcana", "retired", "coda", "2026-08-15"],
  ["voyage", "voyage-multimodal-3", "retiring", "voyage-multimodal-3", undefined],
] as const;

for (const [provider, id, state, used, day] of OUTDATED)
  test(`${provider} ${id} is ${state}: ${used} is asked for, with a warning`, () => {
    const facts = findModel(id, provider);
    assert.ok(facts);
    assert.deepEqual([stateOf(facts, NOW), facts.retiresOn], [state, day]);
    const resolved = resolveModel(provider, id, MAP);
    assert.equal(resolved.id, used);
    assert.match(resolved.warning ?? "", new RegExp(day ?? "will leave the API"));
    if (state === "retired") {
      assert.equal(resolveModel(provider, id, { ...MAP, retired: "keep" }).id, id);
      const refuse = () => resolveModel(provider, id, { ...MAP, retired: "refuse" });
      assert.throws(refuse, { code: "config.invalid", message: new RegExp(day ?? "") });
    }
  });

test("a model is retired from its day on, and not before", () => {
  const at = Date.parse("2027-01-14");
  assert.equal(
    resolveModel("openai", "gpt-4o-mini", { at: at - 1, retired: "map" }).id,
    "gpt-4o-mini",
  );
  assert.equal(resolveModel("openai", "gpt-4o-mini", { at, retired: "map" }).id, "gpt-6-luna");
});

test("with nothing to put in its place a retired model is refused, with what to do", () => {
  const at = Date.parse("2027-01-06");
  const call = () => resolveModel("openai", "tts-1", { at, retired: "map" });
  assert.throws(call, (error: AppError) => {
    assert.equal(error.code, "config.invalid");
    assert.match(String(error.detail["fix"]), /another provider's/);
    return true;
  });
});

test("names that are not in the table are passed on unchanged, without a word", () => {
  for (const [provider, id] of [
    ["openai", "gpt-9"],
    ["groq", "gpt-6-luna"],
  ] as const)
    assert.deepEqual(resolveModel(provider, id, MAP), { id });
  assert.deepEqual(resolveVoice("cartesia", "sonic-3.5", "any-id"), { voice: "any-id" });
});

test("voices a model does not have are mapped to the nearest and told, others refused", () => {
  for (const voice of ["alloy", "echo", "fable", "onyx", "nova", "shimmer"]) {
    assert.deepEqual(resolveVoice("openai", "gpt-4o-mini-tts", voice), { voice });
    const mapped = resolveVoice("openai", "gpt-realtime-2.1-mini", voice);
    const known = MODEL_DATA.voices["openai-realtime"]!.known;
    assert.ok(known.includes(mapped.voice), voice);
    assert.equal(mapped.warning === undefined, mapped.voice === voice);
  }
  assert.throws(() => resolveVoice("openai", "tts-1", "bob"), { code: "config.invalid" });
});

/** What else can only be said by name: models of this machine. */
const NOT_SCANNED = /^src\/(providers\/(local|scripted)|web)\//;
const NAMES = MODEL_DATA.models.map(({ id }) => RegExp.escape(id));
const RULES = [
  new RegExp(`["'\`](\\w+/)?(${NAMES.join("|")})["'\`]`),
  /(https|wss):\/\/[\w.-]*(openai|deepgram|groq|anthropic|googleapis|elevenlabs|cartesia|rime)\./,
  /(https|wss):\/\/[\w.-]*voyageai\./,
  /\bprice(pico|per|usd)\w*\s*[:=]\s*["\d]/i,
];

function literalsIn(text: string): readonly string[] {
  const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/ .*/g, "");
  return RULES.flatMap((rule) => rule.exec(code)?.[0] ?? []);
}

test("no model's name, price or vendor's address stands in src: they stand in data", () => {
  const sources = [...loadFiles(ROOT)].filter(([path]) => /^src\/.*\.[tj]s$/.test(path));
  assert.ok(sources.length > 100);
  const faults = sources
    .filter(([path]) => !NOT_SCANNED.test(path))
    .flatMap(([path, text]) => literalsIn(text).map((literal) => `${path}: ${literal}`));
  assert.deepEqual(faults, []);
  for (const planted of [
    'const model = "gpt-6-luna";',
    "model: 'openai/gpt-4o-mini',",
    "fetch(`https://api.openai.com/v1/x`)",
    'const PRICE_PER_MINUTE = "0.0048";'.replace("PRICE_PER", "pricePer"),
    'open("wss://api.deepgram.com/v1/listen")',
  ])
    assert.equal(literalsIn(planted).length, 1, planted);
  assert.deepEqual(literalsIn("// as `gpt-4o-mini` does\nsee(modelOf(id));"), []);
});

test("docs/models.md has every model with its state and successor", async () => {
  const page = await readFile(join(ROOT, "docs/models.md"), "utf8");
  for (const { id } of MODEL_DATA.models) assert.ok(page.includes(`\`${id}\``), id);
});
