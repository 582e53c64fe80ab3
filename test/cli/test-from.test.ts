import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { encodeRecord } from "../../src/events/codec.ts";
import { loadAgent } from "../../src/cli/load-agent.ts";
import { TestReport } from "../../src/cli/test.command.ts";
import type { SimulatedCall } from "../../src/testing/simulated-call.ts";
import { simulate } from "../../src/testing/index.ts";
import { run, runJson } from "../support/run-cli.ts";

/** Three agents with a fault each: how the call went that shows it, and what is wanted instead. */
interface Fault {
  readonly name: string;
  readonly faulty: string;
  /** Replaced by, in the mended agent. */
  readonly mended: string;
  readonly call: (call: SimulatedCall) => Promise<void>;
  readonly turn: number;
  readonly expect: readonly string[];
}

const FAULTS: readonly Fault[] = [
  {
    name: "a tool called twice",
    faulty: "write: false",
    mended: "write: true",
    call: (call) => call.says("A table for two, please."),
    turn: 2,
    expect: ["tool=book:once", "heard=table"],
  },
  {
    name: "an endpointing delay that cuts people off",
    faulty: 'minDelay: "100ms"',
    mended: 'minDelay: "900ms"',
    call: (call) => call.says(["I would like a table.", "700ms", "For two, please."]),
    turn: 2,
    expect: ["state=completed", "says=/table/"],
  },
  {
    name: "a greeting spoken over the caller",
    faulty: "enabled: false",
    mended: "enabled: true",
    call: (call) => call.bargeIn("I would like a table please", { afterWords: 2 }),
    turn: 1,
    expect: ["state=cutOff"],
  },
];

/** A model that asks for the same booking twice in one answer. */
const AGENT = (settings: string): string => `import { tool, voiceAgent, z } from "turnfold";
const model = {
  provider: "local",
  model: "twice",
  async *stream({ messages }) {
    await Promise.resolve();
    if (messages.at(-1).role === "tool") yield { type: "text", text: "You have a table." };
    else for (const id of ["1", "2"])
      yield { type: "toolCall", call: { id, name: "book", input: {} } };
  },
};
const settings = { write: true, minDelay: "500ms", enabled: true, ${settings} };
export default voiceAgent({
  name: "cafe",
  instructions: "You take bookings.",
  greeting: "Hello, this is the cafe, we have tables of all sizes. How can I help you?",
  turn: {
    endpointing: { minDelay: settings.minDelay, unclearDelay: settings.minDelay },
    interruption: { enabled: settings.enabled },
  },
  model,
  tools: {
    book: tool({
      description: "Books a table",
      input: z.object({}),
      write: settings.write,
      run: () => ({ table: 1 }),
    }),
  },
});
`;

const RULES = `import { rules, tool, voiceAgent, z } from "turnfold";
export default voiceAgent({
  name: "cafe",
  instructions: "You take bookings.",
  model: rules([{ when: "hours", say: "We are open from nine." }]),
  tools: { book: tool({ description: "Books", input: z.object({}), run: () => 1 }) },
});
`;

const folder = await mkdtemp(join(tmpdir(), "turnfold-from-"));
before(async () => {
  await mkdir(join(folder, "node_modules"));
  await symlink(join(import.meta.dirname, "../.."), join(folder, "node_modules/turnfold"));
});
after(() => rm(folder, { recursive: true }));

/** A project of a faulty agent, and the log of a call with it. */
async function record(fault: Fault): Promise<{ readonly agent: string; readonly log: string }> {
  const project = await mkdtemp(join(folder, "p-"));
  const agent = join(project, "agent.ts");
  await writeFile(agent, AGENT(fault.faulty));
  await using call = await simulate((await loadAgent(agent)).agent);
  await fault.call(call);
  const log = join(project, "call.jsonl");
  await writeFile(log, call.records.map((one) => `${encodeRecord(one)}\n`).join(""));
  return { agent, log };
}

/** Runs a test file as a user does; how many failed, and all that was printed. */
function runTests(file: string): Promise<{ readonly failed: number; readonly out: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve) => {
    const args = ["--test", "--test-reporter=tap", file];
    execFile(process.execPath, args, { env }, (_, out) => {
      const failed = /# pass (\d+)\n# fail (\d+)/.exec(out);
      assert.equal(Number(failed?.[1]) + Number(failed?.[2]), 1, out);
      resolve({ failed: Number(failed?.[2]), out });
    });
  });
}

suite("turnfold test from", () => {
  for (const fault of FAULTS)
    test(`${fault.name}: red with the fault, green without it`, async () => {
      const { agent, log } = await record(fault);
      const file = agent.replace("agent.ts", "fault.test.ts");
      const turn = ["--turn", String(fault.turn), "--agent", agent, "--out", file];
      const expect = fault.expect.flatMap((one) => ["--expect", one]);
      const { code, value } = await runJson(TestReport, ["test", "from", log, ...turn, ...expect]);
      assert.equal(code, 0);
      assert.equal(value.pinned, false);
      assert.equal(value.content, await readFile(file, "utf8"));
      const red = await runTests(file);
      assert.equal(red.failed, 1, value.content);
      assert.match(red.out, /the whole log: npx turnfold show/);
      await writeFile(agent, AGENT(fault.mended));
      const green = await runTests(file);
      assert.equal(green.failed, 0, `${value.content}\n${green.out}`);
    });

  test("without expectations it pins what happened, and says so", async () => {
    for (const fault of FAULTS) {
      const { agent, log } = await record(fault);
      const file = agent.replace("agent.ts", "pinned.test.ts");
      const turn = ["--turn", String(fault.turn), "--agent", agent, "--out", file];
      const { code, stderr } = await run(["test", "from", log, ...turn]);
      assert.equal(code, 0);
      assert.match(stderr, /pins what happened/);
      assert.match(await readFile(file, "utf8"), /this pins what happened/);
      const { failed, out } = await runTests(file);
      assert.equal(failed, 0, out);
      const again = await run(["test", "from", log, ...turn]);
      assert.match(again.stderr, /cannot write/);
    }
  });

  test("an agent of rules answers by its own: mending a rule mends the test", async () => {
    const project = await mkdtemp(join(folder, "p-"));
    const agent = join(project, "agent.ts");
    const wrong = RULES.replace("from nine", "from six");
    await writeFile(agent, wrong);
    await using call = await simulate((await loadAgent(agent)).agent);
    await call.says("What are your hours?");
    const log = join(project, "call.jsonl");
    await writeFile(log, call.records.map((one) => `${encodeRecord(one)}\n`).join(""));
    const file = join(project, "hours.test.ts");
    const line = ["test", "from", log, "--agent", agent, "--expect"];
    assert.equal((await run([...line, "heard=from nine", "--out", file])).code, 0);
    const content = await readFile(file, "utf8");
    assert.match(content, /own rules answer/);
    assert.doesNotMatch(content, /scripted/);
    assert.equal((await runTests(file)).failed, 1, content);
    await writeFile(agent, RULES);
    assert.equal((await runTests(file)).failed, 0, content);
    const misspelt = await run([...line, "tool=bok:never"]);
    assert.equal(misspelt.code, 2);
    assert.match(misspelt.stderr, /no such tool[^]*its tools are: book/);
  });

  test("what cannot be meant is refused", async () => {
    const { log } = await record(FAULTS[0]!);
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["--turn", "9"], /no turn 9; it has 2/],
      [["--expect", "hears=x"], /write one of heard, says, state, tool/],
      [["--expect", "tool=book"], /tool=NAME:never/],
      [["--expect", "heard=/("], /is no pattern/],
      [["--expect", "heard=/(/"], /is no pattern/],
    ];
    for (const [line, message] of wrong) {
      const { code, stderr } = await run(["test", "from", log, ...line]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});
