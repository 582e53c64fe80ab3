import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { AppError } from "../../src/base/errors.ts";
import { readConfig } from "../../src/config.ts";
import { agentOption, loadAgent } from "../../src/cli/load-agent.ts";
import { Output } from "../../src/cli/output.ts";
import { SimulateReport } from "../../src/cli/simulate.command.ts";
import { run } from "../support/run-cli.ts";

const folder = await mkdtemp(join(tmpdir(), "turnfold-agent-"));
after(() => rm(folder, { recursive: true }));

const agentText = (name: string): string =>
  `import { voiceAgent } from "turnfold";
export default voiceAgent({ name: ${JSON.stringify(name)}, instructions: "Be kind." });
`;

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

/** What a file is refused with. */
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["empty.ts", "export const other = 1;", /exports no agent/],
  ["plain.ts", "export default { name: 'x' };", /not made by voiceAgent/],
  ["syntax.ts", "export default voiceAgent({", /syntax\.ts/],
  ["throws.ts", "\nnull.x;", /throws\.ts:2: .*null/],
  ["import.ts", `import "./gone.ts";`, /import\.ts: .*gone\.ts/],
  ["field.ts", agentText("").replace('""', '"x", turn: { vad: { minSpeech: 5 } }'), /turn\.vad/],
];

suite("an agent's file", () => {
  test("gives its agent, with a hash of the file", async () => {
    const file = await write("agent.ts", agentText("cafe"));
    const { agent, files } = await loadAgent(file);
    assert.equal(agent.name, "cafe");
    assert.deepEqual(files, [file]);
    await write("agent.ts", `${agentText("cafe")}// more`);
    assert.notEqual((await loadAgent(file)).agent.hash, agent.hash);
  });

  test("may be JavaScript, and may export its agent by name", async () => {
    const text = agentText("cafe").replace("export default", "export const agent =");
    assert.equal((await loadAgent(await write("agent.js", text))).agent.name, "cafe");
  });

  test("is loaded anew each time, and the files of its project with it", async () => {
    const text = agentText("").replace('""', "name").concat('import { name } from "./name.ts";');
    const file = await write("two.ts", text);
    const name = await write("name.ts", 'export const name = "before";');
    const { agent, files } = await loadAgent(file);
    assert.equal(agent.name, "before");
    assert.deepEqual(files, [file, name]);
    await write("name.ts", 'export const name = "after";');
    assert.equal((await loadAgent(file)).agent.name, "after");
  });

  for (const [name, text, message] of REFUSED)
    test(`${name} is refused, and the place named`, async () => {
      const file = await write(name, text);
      await assert.rejects(loadAgent(file), (error) => {
        assert.ok(error instanceof AppError);
        assert.equal(error.code, "config.invalid");
        assert.match(error.message, message);
        assert.equal(typeof error.detail["fix"], "string");
        return true;
      });
    });

  test("that is not there ends a command with what to do", async () => {
    const { code, stderr } = await run(["simulate", "--agent", join(folder, "none.ts")]);
    assert.equal(code, 2);
    assert.match(stderr, /there is no agent file .*none\.ts\n {2}fix: name the file/);
  });
});

test("simulate runs a call with it, which only its own agent can go on with", async () => {
  const model = 'model: rules([{ when: /./, say: "Hi." }]), instructions';
  const text = agentText("cafe").replace("instructions", model).replace("{ v", "{ rules, v");
  const file = await write("call.ts", text);
  const data = ["--data", join(folder, "data")];
  const env = { TURNFOLD_MODELS: join(folder, "none") };
  const line = ["simulate", "--agent", file, "--say", "Hello?", ...data, "--json"];
  const { stdout } = await run(line, { env });
  const { call, turns, log } = SimulateReport.parse(JSON.parse(stdout));
  assert.equal(turns[0]?.heardText, "Hi.");
  const header = JSON.parse((await readFile(log, "utf8")).split("\n")[0]!).input.header;
  const { agent } = await loadAgent(file);
  assert.deepEqual(header.agent, { name: "cafe", hash: agent.hash });
  assert.equal(header.settings.endpointing.minDelay, agent.settings.endpointing.minDelay);
  const resumed = await run(["simulate", "--resume", call, ...data], { env });
  assert.equal(resumed.code, 2);
  assert.match(
    resumed.stderr,
    /the call is of the agent cafe\n {2}fix: name its file with --agent/,
  );
});

test("an agent without a model is told who answers for it", async () => {
  const said: string[] = [];
  const io = { out: () => {}, err: (text: string) => void said.push(text) };
  const out = new Output(
    { ...io, outIsTty: false, errIsTty: false },
    { json: false, colors: false },
  );
  await agentOption(await write("plain-one.ts", agentText("cafe")), readConfig({}, {}), out);
  assert.match(said.join(""), /^cafe names no model: the bundled receptionist/);
});
