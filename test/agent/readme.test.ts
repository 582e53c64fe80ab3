import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inProject, linkCheckout, ROOT } from "../support/project.ts";

const folder = await mkdtemp(join(tmpdir(), "turnfold-readme-"));
after(() => rm(folder, { recursive: true }));

test("the agent and the test that the README shows compile and pass as they stand", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf("## Your own agent"));
  const [agent, itsTest, ...more] = [...section.matchAll(/```ts\n([^]*?)```/g)].map(([, c]) => c!);
  assert.equal(more.length, 0);
  await linkCheckout(folder);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "agent.ts"), agent!);
  await writeFile(join(folder, "agent.test.ts"), itsTest!);
  const template = join(ROOT, "templates/agent/tsconfig.json");
  await writeFile(join(folder, "tsconfig.json"), await readFile(template));
  const out = await inProject(folder, process.execPath, ["--test", "--test-reporter=tap"]);
  assert.match(out, /# pass 1\n# fail 0/);
  await inProject(folder, process.execPath, ["node_modules/typescript/bin/tsc"]);
});
