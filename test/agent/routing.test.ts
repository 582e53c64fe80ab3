import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { modelRoute } from "../../src/actors/effects/model-route.ts";
import { replayChanged } from "../../src/agent/changed-agent.ts";
import { fixedShelf, partsOf } from "../../src/agent/shelf.ts";
import { Timeline } from "../../src/folds/timeline.ts";
import { usageOf } from "../../src/folds/usage.ts";
import {
  AppError,
  rules,
  voiceAgent,
  type AgentOptions,
  type Llm,
  type LogRecord,
  type RoutingOptions,
} from "../../src/index.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { scripted, simulate } from "../../src/testing/index.ts";

/** A model that says its own name, or fails; `asked` has the caller's words of each request. */
function named(model: string, asked: string[] = [], fails = false): Llm {
  return {
    provider: "test",
    model,
    async *stream({ messages }) {
      const last = messages.findLast(({ role }) => role === "user");
      asked.push(last?.role === "user" ? last.text : "");
      await Promise.resolve();
      if (fails) throw new AppError("provider.failed", "it is broken");
      yield { type: "text", text: `It is ${model} here.` };
      const usage = { provider: "test", model, inputTokens: 100, outputTokens: 10 };
      yield { type: "usage", usage: { ...usage, estimated: false } };
    },
  };
}

/** What `turnfold show` prints of a call. */
function shown(records: readonly LogRecord[]): string {
  const timeline = new Timeline();
  const entries = records.flatMap((record) => timeline.apply(record));
  return entries.map(({ text }) => text).join("\n");
}

function desk(options: Partial<AgentOptions>) {
  return voiceAgent({ name: "desk", instructions: "Be short.", ...options });
}

const EASY = "When do you open?";
const HARD = "Why is it so much more than last year?";

suite("models by level, in a call", () => {
  test("each request goes to its level's model, and the log says why", async () => {
    const asked = { small: [] as string[], large: [] as string[] };
    const model = { simple: named("small", asked.small), complex: named("large", asked.large) };
    await using call = await simulate(desk({ model }));
    await call.says(EASY);
    call.heard("It is small here.");
    await call.says(HARD);
    call.heard("It is large here.");
    assert.deepEqual(new Set(asked.small), new Set([EASY]));
    assert.deepEqual(new Set(asked.large), new Set([HARD]));
    const lines = shown(call.records);
    assert.match(lines, /test\/small is asked: simple \(short\)/);
    assert.match(lines, /test\/large is asked: complex \(wording\)/);
    await call.replaysExactly();
  });

  test("the simple model fails: the other answers, and the log tells of the fallback", async () => {
    const model = { simple: named("small", [], true), complex: named("large") };
    await using call = await simulate(desk({ model }));
    await call.says(EASY);
    call.heard("It is large here.");
    const lines = shown(call.records);
    assert.match(lines, /small failed \(provider\.failed\): large is asked/);
    assert.match(lines, /test\/large is asked: simple \(short\)/);
    await call.replaysExactly();
  });

  test("the complex model fails: the simple one answers", async () => {
    const model = { simple: named("small"), complex: named("large", [], true) };
    await using call = await simulate(desk({ model }));
    await call.says(HARD);
    call.heard("It is small here.");
  });

  test("an answer that the caller does not take is given by the larger model", async () => {
    const model = { simple: named("small"), complex: named("large") };
    await using call = await simulate(desk({ model }));
    await call.says(EASY);
    call.heard("It is small here.");
    await call.says("No, that's wrong.");
    assert.match(shown(call.records), /test\/large is asked: complex \(rejected\)/);
  });

  test("the usage is the model's that really answered", async () => {
    const model = { simple: named("small", [], true), complex: named("large") };
    await using call = await simulate(desk({ model }));
    await call.says(EASY);
    const large = usageOf(call.records).filter(({ model: name }) => name === "large");
    const counts = large.map(({ meter, quantity, estimated }) => [meter, quantity, estimated]);
    assert.deepEqual(counts, [
      ["inputTokens", 100, false],
      ["outputTokens", 10, false],
    ]);
  });

  test("one voice says what either model answers", async () => {
    const model = { simple: named("small"), complex: named("large") };
    await using call = await simulate(desk({ model }));
    await call.says(EASY);
    await call.says(HARD);
    const usage = usageOf(call.records);
    const models = (service: string): readonly string[] => [
      ...new Set(usage.filter((one) => one.service === service).map((one) => one.model)),
    ];
    assert.deepEqual(models("llm"), ["small", "large"]);
    assert.equal(models("tts").length, 1);
  });

  test("a level that the agent sets is every turn's, and no rule is looked at", async () => {
    const model = { simple: named("small"), complex: named("large") };
    await using call = await simulate(desk({ model, routing: { level: "complex" } }));
    await call.says(EASY);
    call.heard("It is large here.");
    assert.match(shown(call.records), /test\/large is asked: complex \(explicit\)/);
  });

  test("a test's own model answers all levels, and the level is found all the same", async () => {
    const model = { simple: "a/small", complex: "a/large" };
    const llm = scripted(["We open at nine.", "It was a cold year."]);
    await using call = await simulate(desk({ model }), { llm });
    await call.says(EASY);
    await call.says(HARD);
    call.heard("It was a cold year.");
    assert.match(shown(call.records), /scripted-llm is asked: complex \(wording\)/);
  });

  test("an agent with one model has no level in its log", async () => {
    await using call = await simulate(desk({ model: named("only") }));
    await call.says(HARD);
    assert.match(shown(call.records), /test\/only is asked$/m);
  });
});

suite("an old call with other rules", () => {
  const model = { simple: named("small"), complex: named("large") };
  const withHook = (more: Partial<AgentOptions>) =>
    desk({ model, hooks: { beforeReply: () => "The price has doubled. ".repeat(10) }, ...more });

  async function record(agent = withHook({})): Promise<readonly LogRecord[]> {
    await using call = await simulate(agent);
    await call.says(EASY);
    await call.says(HARD);
    return [...call.records];
  }

  test("the same rules put each request to the same level", async () => {
    const records = await record();
    const { difference } = await replayChanged(records, withHook({}), MACHINES);
    assert.equal(difference, undefined);
  });

  for (const [what, routing, before, now] of [
    ["without a rule", { off: ["wording"] }, "complex (wording)", "simple (short)"],
    ["with a lower threshold", { contextTokens: 60 }, "simple (short)", "complex (context)"],
    ["with a level of its own", { level: "moderate" }, "simple (short)", "moderate (explicit)"],
  ] satisfies [string, RoutingOptions, string, string][])
    test(`${what}, the first request that is put to another level is named`, async () => {
      const records = await record();
      const changed = withHook({ routing });
      const { difference } = await replayChanged(records, changed, MACHINES);
      const { what: found, ...sides } = difference!;
      assert.equal(found, "the level of the request");
      assert.deepEqual([sides.before, sides.now], [before, now]);
    });

  test("a call of one model has no level, and one with levels has", async () => {
    const records = await record(withHook({ model: named("small") }));
    const { difference } = await replayChanged(records, withHook({}), MACHINES);
    assert.deepEqual([difference?.before, difference?.now], ["none", "simple (short)"]);
  });
});

suite("models by level, as they are written", () => {
  const [small, middle, large, spare] = ["small", "middle", "large", "spare"].map((name) =>
    named(name),
  ) as [Llm, Llm, Llm, Llm];
  const shelf = fixedShelf({ small, middle, large, spare }, {});

  const orderOf = (options: Partial<AgentOptions>, text: string): readonly string[] => {
    const parts = partsOf(desk(options), shelf);
    return modelRoute(parts, [{ role: "user", text }], "en").models.map(({ model }) => model);
  };

  test("names and objects, one or a list for each level", () => {
    const model = { simple: ["small", spare], moderate: "middle", complex: large };
    const long = "I would like to tell you that the lamp in front of our house is broken.";
    assert.deepEqual(orderOf({ model }, EASY), ["small", "spare", "middle", "large"]);
    assert.deepEqual(orderOf({ model }, long), ["middle", "small", "spare", "large"]);
    assert.deepEqual(orderOf({ model }, HARD), ["large", "middle", "small", "spare"]);
    assert.deepEqual(
      partsOf(desk({ model }), shelf).models.map((one) => one.model),
      ["small", "spare", "middle", "large"],
    );
  });

  test("without a level of its own, a moderate turn is answered as a simple one", () => {
    const long = "I would like to tell you that the lamp in front of our house is broken.";
    const model = { simple: "small", complex: "large" };
    assert.deepEqual(orderOf({ model }, long), ["small", "large"]);
  });

  test("one model, or a list, is not routed", () => {
    assert.deepEqual(orderOf({ model: ["large", "small"] }, EASY), ["large", "small"]);
    assert.equal(desk({ model: "small" }).routing, null);
  });

  test("the rules' settings are part of the agent's hash", () => {
    const model = { simple: "small", complex: "large" };
    const hash = (longWords: number): string => desk({ model, routing: { longWords } }).hash;
    assert.notEqual(hash(60), hash(61));
    assert.equal(hash(60), hash(60));
  });

  const REFUSED: readonly (readonly [object, RegExp])[] = [
    [{ model: { simple: "small" } }, /agent desk: model\.complex: give a model for each/],
    [{ model: { complex: "large" } }, /agent desk: model\.simple: give a model for each/],
    [{ model: { simple: [], complex: "large" } }, /model\.simple: give a model for each/],
    [
      { model: { simple: "small", complex: "large", hard: "x" } },
      /model\.hard: there are: simple, moderate, complex/,
    ],
    [{ model: { simple: {}, complex: "large" } }, /model: give a name or a model/],
    [
      { model: "small", routing: { longWords: 5 } },
      /routing: .* a model with levels; give a model/,
    ],
    [{ routing: {} }, /routing: .* a model with levels; give a model/],
    [{ model: { simple: "a", complex: "b" }, routing: { level: "hard" } }, /level/],
    [{ model: { simple: "a", complex: "b" }, routing: { longwords: 5 } }, /longwords/],
    [{ model: { simple: "a", complex: "b" }, routing: { repeated: 2 } }, /repeated/],
  ];
  for (const [options, message] of REFUSED)
    test(`${JSON.stringify(options)} is refused by name`, () => {
      assert.throws(() => desk(options), { code: "config.invalid", message });
    });

  test("a name that is not there is refused, whichever level it stands for", () => {
    const agent = desk({ model: { simple: "small", complex: "huge" } });
    assert.throws(() => partsOf(agent, shelf), /desk: model 'huge' is not known here/);
  });

  test("rules can be models of a level too", async () => {
    const model = {
      simple: rules([{ when: "open", say: "At nine." }]),
      complex: rules([{ when: "why", say: "It was a cold year." }]),
    };
    await using call = await simulate(desk({ model }));
    await call.says(HARD);
    call.heard("It was a cold year.");
  });
});
