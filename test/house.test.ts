import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/base/errors.ts";
import {
  type PackageJson,
  changelogFaults,
  errorTableFaults,
  linkFaults,
  requirementFaults,
  versionFaults,
} from "./support/house.ts";
import { loadFiles } from "./support/source.ts";

const files = loadFiles(join(import.meta.dirname, ".."));
const pkg = JSON.parse(textOf("package.json")) as PackageJson;

function textOf(path: string): string {
  const text = files.get(path);
  assert.ok(text !== undefined, `${path} is missing`);
  return text;
}

function assertNone(faults: readonly string[]): void {
  assert.equal(faults.length, 0, `\n${faults.join("\n")}`);
}

test("docs/errors.md has one line for each error code", () => {
  assertNone(errorTableFaults(textOf("docs/errors.md"), ERRORS));
});

test("docs/requirements.md names tests that exist", () => {
  assertNone(requirementFaults(textOf("docs/requirements.md"), files));
});

test("CHANGELOG.md names the version of the package", () => {
  assertNone(changelogFaults(textOf("CHANGELOG.md"), pkg.version));
});

test("README.md is there and no page links to what is not", () => {
  assert.ok(textOf("README.md").length > 0);
  assertNone(linkFaults(files));
});

test("dependencies are pinned to exact versions", () => {
  assert.ok(Object.keys(pkg.dependencies).length > 0);
  assertNone(versionFaults(pkg));
});

test("package.json has the known scripts and no others", () => {
  const daily = "start servers ground test test:quick test:live test:e2e check verify";
  const known = `${daily} bench scenarios mutants prepack`.split(" ");
  assert.deepEqual(Object.keys(pkg.scripts).sort(), known.sort());
});

test("a wrong error table is found", () => {
  const errors = { "a.b": { family: "input", retry: "never" } };
  const table = (...rows: readonly string[]): string =>
    ["# Errors", "| code | family | retry | means | do |", "|---|---|---|---|---|", ...rows].join(
      "\n",
    );
  const good = "| `a.b` | input | never | it is so | do this |";
  const faults = (...rows: readonly string[]) => errorTableFaults(table(...rows), errors);
  assert.deepEqual(faults(good), []);
  assert.deepEqual(faults(), ["a.b has no line"]);
  assert.deepEqual(faults(good, good), ["a.b stands twice"]);
  assert.deepEqual(faults(good, good.replace("a.b", "a.c")), ["a.c is no code"]);
  assert.deepEqual(faults(good.replace("never", "later")), ["a.b is input, retry never"]);
  assert.deepEqual(faults(good.replace("input", "corrupt")), ["a.b is input, retry never"]);
  assert.deepEqual(faults(good.replace("do this", "")), ["a.b needs a meaning and a remedy"]);
});

test("a wrong line of the requirements is found", () => {
  const code = [
    'test("it runs", () => {});',
    "for (const a of all) test(`${a} | keeps order`, () => {});",
    'test("it waits", { todo: true }, () => {});',
    'test.skip("it sleeps", () => {});',
    'suite.test("it is inside", () => {});',
  ];
  const there = new Map([
    ["test/a.test.ts", code.join("\n")],
    ["src/a.ts", code.join("\n")],
  ]);
  const head = "| id | asks for | held by |\n| --- | --- | --- |\n";
  const row = (id: string, holder: string): string => `| ${id} | a thing | ${holder} |`;
  const faults = (...rows: readonly string[]) => requirementFaults(head + rows.join("\n"), there);
  const good = '`test/a.test.ts > "it runs"`';
  const template = String.raw`\`test/a.test.ts > "nats \| keeps order"\``.replaceAll("\\`", "`");
  assert.deepEqual(faults(), []);
  assert.deepEqual(faults(row("S0-01", good), row("S1-119", `${good}, ${template}`)), []);
  assert.deepEqual(faults(row("S4-72", good.replace("it runs", "it is inside"))), []);
  assert.deepEqual(faults(row("S0-01", good), row("S0-01", good)), ["S0-01 stands twice"]);
  assert.deepEqual(faults(row("S5-01", good)), ["S5-01 is no requirement id"]);
  assert.deepEqual(faults(row("S0-1", good)), ["S0-1 is no requirement id"]);
  assert.deepEqual(faults(row("S0-01", "")), ["S0-01 names no test"]);
  assert.deepEqual(faults(row("S0-01", `${good} and more`)), ["S0-01 names no test"]);
  assert.deepEqual(faults("S0-01: done"), ["a requirement outside the table: S0-01: done"]);
  assert.deepEqual(faults(row("S0-01", good.replace("test/a", "test/b"))), [
    "S0-01: test/b.test.ts is no test file",
  ]);
  assert.deepEqual(faults(row("S0-01", good.replace("test/a.test.ts", "src/a.ts"))), [
    "S0-01: src/a.ts is no test file",
  ]);
  for (const name of ["it run", "it waits", "it sleeps"])
    assert.deepEqual(faults(row("S0-01", good.replace("it runs", name))), [
      `S0-01: test/a.test.ts has no running test "${name}"`,
    ]);
  assert.deepEqual(faults(row("S0-01", "`test/a.test.ts`")), [
    'S0-01: test/a.test.ts is not written path > "name"',
  ]);
});

test("a dead link is found", () => {
  const there = (text: string) =>
    new Map([
      ["README.md", text],
      ["docs/", ""],
      ["docs/a.md", "[up](../README.md#top)"],
    ]);
  const fine = "[a](docs/a.md) [b](./docs) [c](https://x.y) [d](#e) `[f](gone.md)`\n[g]: docs/a.md";
  assert.deepEqual(linkFaults(there(fine)), []);
  for (const dead of ["[a](docs/b.md)", "![a](<b.png> 'x')", "[a]: docs/b.md", "[a](/etc/b.md)"])
    assert.equal(linkFaults(there(dead)).length, 1, dead);
});

test("an inexact version and a missing changelog section are found", () => {
  const inexact = {
    ...pkg,
    dependencies: { a: "^1.0.0", b: "latest", c: "1.0.0", d: "1.0.0-rc.1" },
  };
  assert.equal(versionFaults(inexact).length, 2);
  assert.deepEqual(changelogFaults("## [0.1.0] - unreleased", "0.1.0"), []);
  assert.equal(changelogFaults("## [0.1.0]\n0.2.0", "0.2.0").length, 1);
  assert.equal(changelogFaults("## [0x1.0]", "0.1.0").length, 1);
});
