import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { VoiceAgent } from "../../src/agent/voice-agent.ts";
import { ReplayReport } from "../../src/cli/replay.command.ts";
import { encodeRecord } from "../../src/events/codec.ts";
import { simulate } from "../../src/testing/index.ts";
import { loadAgent } from "../../src/cli/load-agent.ts";
import { run, runJson } from "../support/run-cli.ts";

const AGENT = `import { tool, voiceAgent, z } from "turnfold";
const twice = { async *stream({ messages }) {
  await Promise.resolve();
  if (messages.at(-1).role === "tool") yield { type: "text", text: "It is booked." };
  else for (const id of ["1", "2"])
    yield { type: "toolCall", call: { id, name: "book", input: {} } };
}, provider: "local", model: "twice" };
export default voiceAgent({
  name: "cafe",
  instructions: "You take bookings.",
  greeting: "Hello, this is the cafe.",
  language: "en",
  turn: { endpointing: { minDelay: "400ms" }, participant: { grace: "20s" } },
  model: twice,
  tools: {
    book: tool({ description: "Books", input: z.object({}), write: false, run: () => 1 }),
  },
});
`;

const folder = await mkdtemp(join(tmpdir(), "turnfold-changed-"));
const log = join(folder, "call.jsonl");
after(() => rm(folder, { recursive: true }));

async function agentWith(change: (text: string) => string): Promise<string> {
  const file = join(folder, "agent.ts");
  await writeFile(file, change(AGENT));
  return file;
}

before(async () => {
  const { agent } = await loadAgent(await agentWith((text) => text));
  const hurried: VoiceAgent = {
    ...agent,
    // What a simulated caller's call has of its own, as `turnfold simulate` sets it.
    settings: { ...agent.settings, participant: { grace: 500 } },
  };
  await using call = await simulate(hurried);
  await call.says("A table for two, please.");
  await call.says("Mhm.");
  await call.leaves();
  await writeFile(log, call.records.map((one) => `${encodeRecord(one)}\n`).join(""));
});

const RULES = `import { rules, tool, voiceAgent, z } from "turnfold";
export default voiceAgent({
  name: "cafe",
  instructions: "You take bookings.",
  model: rules(
    [
      { when: "hours", say: ({ context }) => "We open at nine. We close at five. " + context },
      { when: "table", call: { tool: "book", input: () => ({ n: 2 }) }, tell: "It is booked." },
    ],
    { otherwise: "Pardon?" },
  ),
  tools: { book: tool({ description: "Books", input: z.object({}), run: () => 1 }) },
  hooks: { beforeReply: () => "Ask me." },
});
`;

/** A change of the rules, the answer that is told, and both sides. */
const RULE_CHANGES: readonly (readonly [string, string, RegExp, RegExp, RegExp])[] = [
  [
    "at five.",
    "at six.",
    /answer of the rules in turn 1/,
    /at five\. Ask me\.$/,
    /at six\. Ask me\.$/,
  ],
  ["Pardon?", "What?", /turn 3/, /^Pardon\?$/, /^What\?$/],
  ["n: 2", "n: 3", /turn 2/, /the tool book {"n":2}/, /the tool book {"n":3}/],
  ["It is booked", "Done", /turn 2/, /It is booked\./, /Done\./],
  ["say: ({ context })", "say: ({ none: { context } })", /turn 1/, /nine/, /an error: .*undefined/],
];

/** A change of the agent, and what is told of it. */
const CHANGES: readonly (readonly [string, string, RegExp, RegExp, RegExp])[] = [
  ['"400ms"', '"700ms"', /what the step does/, /endOfTurn of turn.2 in 100 ms/, /in 400 ms/],
  ["Hello, this", "Hi, this", /says by itself \(greeting\)/, /^Hello/, /^Hi/],
  ["You take", "Take", /message 1 of the request/, /system: You take/, /system: Take/],
  ["write: false", "write: true", /the tool book: write/, /false/, /true/],
  ["book: tool", "reserve: tool", /the tools of the request/, /^book$/, /^reserve$/],
  ['model: "twice"', 'model: "thrice"', /the model/, /local\/twice/, /local\/thrice/],
  ['greeting: "Hello, this is the cafe.",', "", /state|step/, /./, /./],
];

suite("replay --agent", () => {
  test("the same agent comes to the same", async () => {
    const file = await agentWith((text) => text);
    const { code, value } = await runJson(ReplayReport, ["replay", log, "--agent", file]);
    assert.equal(value.verdict, "same", JSON.stringify(value.divergence));
    assert.equal(code, 0);
    assert.equal(value.agent?.name, "cafe");
    assert.equal(value.divergence, undefined);
  });

  for (const [from, to, what, stored, recomputed] of CHANGES)
    test(`${from} becomes ${to || "nothing"}: the first difference is told`, async () => {
      const file = await agentWith((text) => text.replace(from, to));
      const { code, value } = await runJson(ReplayReport, ["replay", log, "--agent", file]);
      assert.equal(value.verdict, "differs");
      assert.equal(code, 1);
      assert.match(value.divergence!.what, what);
      assert.match(value.divergence!.stored as string, stored);
      assert.match(value.divergence!.recomputed as string, recomputed);
    });

  test("what changes nothing that was heard or asked comes to the same", async () => {
    const farewell = (text: string): string => `${text}// a comment`;
    const file = await agentWith(farewell);
    const { stdout } = await run(["replay", log, "--agent", file]);
    assert.match(stdout, /^same: call c-simulated with agent cafe/);
  });

  test("is told in plain words, and goes alone", async () => {
    const file = await agentWith((text) => text.replace("Hello, this", "Hi, this"));
    const { stdout } = await run(["replay", log, "--agent", file]);
    assert.match(stdout, /in the log {2}Hello, this is the cafe\.\n {2}now {9}Hi, this/);
    assert.equal((await run(["replay", log, "--agent", file, "--deep"])).code, 2);
  });

  test("says what is not compared", async () => {
    const file = await agentWith((text) => text);
    const { value } = await runJson(ReplayReport, ["replay", log, "--agent", file]);
    assert.equal(value.notCompared?.[0], "the model's answers");
    const { stdout } = await run(["replay", log, "--agent", file]);
    assert.match(stdout, /not compared: the model's answers, what hooks give, tools' inputs/);
  });
});

suite("replay --agent of rules", () => {
  const rulesLog = join(folder, "rules.jsonl");
  const rulesWith = async (from: string, to: string): Promise<string> => {
    const file = join(folder, "rules.ts");
    assert.ok(RULES.includes(from));
    await writeFile(file, RULES.replace(from, to));
    return file;
  };
  before(async () => {
    await using call = await simulate((await loadAgent(await rulesWith("", ""))).agent);
    await call.says("What are your hours?", { until: "speaks" });
    await call.says("A table, please.");
    await call.says("Mauve.", { until: "speaks" });
    await call.bargeIn("The hours again, please?", { afterWords: 1 });
    await call.leaves();
    await writeFile(rulesLog, call.records.map((one) => `${encodeRecord(one)}\n`).join(""));
  });

  test("the same rules give the same answers, a cut one too", async () => {
    const line = ["replay", rulesLog, "--agent", await rulesWith("", "")];
    const { value } = await runJson(ReplayReport, line);
    assert.equal(value.verdict, "same", JSON.stringify(value.divergence));
    assert.ok(!value.notCompared?.includes("the model's answers"));
  });

  for (const [from, to, what, stored, recomputed] of RULE_CHANGES)
    test(`${from} becomes ${to}: the answer is told`, async () => {
      const line = ["replay", rulesLog, "--agent", await rulesWith(from, to)];
      const { code, value } = await runJson(ReplayReport, line);
      assert.equal(code, 1);
      assert.match(value.divergence!.what, what);
      assert.match(value.divergence!.stored as string, stored);
      assert.match(value.divergence!.recomputed as string, recomputed);
    });
});
