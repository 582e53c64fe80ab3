import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { NewReport } from "../../src/cli/new.command.ts";
import { inProject, linkCheckout, linkDependencies, ROOT } from "../support/project.ts";
import { run, runJson } from "../support/run-cli.ts";

const folder = await mkdtemp(join(tmpdir(), "turnfold-new-"));
after(() => rm(folder, { recursive: true }));

suite("turnfold new", () => {
  test("makes a project, linked to a checkout, that passes its test and the compiler", async () => {
    const project = join(folder, "My Agent");
    const { code, value } = await runJson(NewReport, ["new", project]);
    assert.equal(code, 0);
    assert.deepEqual(value.files.toSorted(), (await readdir(project)).toSorted());
    const manifest = JSON.parse(await readFile(join(project, "package.json"), "utf8"));
    assert.equal(manifest.name, "my-agent");
    assert.equal(join(project, manifest.dependencies.turnfold.replace("file:", "")), ROOT);
    await linkCheckout(project);
    const out = await inProject(project, process.execPath, ["--test", "--test-reporter=tap"]);
    assert.match(out, /# pass 2\n# fail 0/);
    await inProject(project, process.execPath, ["node_modules/typescript/bin/tsc"]);
  });

  test("says what comes next, and refuses a folder that is not empty", async () => {
    const project = join(folder, "next");
    const { stdout } = await run(["new", project]);
    assert.match(stdout, /npm install\n {2}npm test .*\n {2}npm run dev/);
    const again = await run(["new", project]);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is not empty/);
  });

  test("works from a packed package too", async () => {
    const project = join(folder, "packed");
    await linkDependencies(project);
    await inProject(ROOT, "npm", ["pack", "--offline", "--pack-destination", folder]);
    const [packed] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
    await inProject(folder, "tar", ["xzf", packed!]);
    await rename(join(folder, "package"), join(project, "node_modules/turnfold"));
    const turnfold = ["node_modules/turnfold/bin/turnfold.js"];
    await inProject(project, process.execPath, [...turnfold, "new", "app", "--json"]);
    const manifest = JSON.parse(await readFile(join(project, "app/package.json"), "utf8"));
    assert.match(manifest.dependencies.turnfold, /^\^\d/);
    await writeFile(
      join(project, "own.ts"),
      'import { start, voiceAgent } from "turnfold"; console.log(typeof start, voiceAgent.name);',
    );
    assert.equal(await inProject(project, process.execPath, ["own.ts"]), "function voiceAgent\n");
    const out = await inProject(join(project, "app"), process.execPath, [
      "--test",
      "--test-reporter=tap",
    ]);
    assert.match(out, /# pass 2\n# fail 0/);
    await inProject(join(project, "app"), process.execPath, [
      "../node_modules/typescript/bin/tsc",
      "--typeRoots",
      "../node_modules/@types",
    ]);
  });
});
