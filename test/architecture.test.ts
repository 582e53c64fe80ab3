import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  type Exception,
  type RuleName,
  RULES,
  checkArchitecture,
  commentShares,
} from "./support/architecture.ts";
import { loadFiles } from "./support/source.ts";

const root = join(import.meta.dirname, "..");

/** Every file that may break a rule, with the reason. */
const EXCEPTIONS: readonly Exception[] = [
  {
    rule: "parameters",
    file: "src/providers/local/flite-wasi.ts",
    reason: "WebAssembly calls the host with the parameters that WASI fixes",
  },
  {
    rule: "bare-error",
    file: "src/web/api.js",
    reason: "the page is plain JavaScript and has no part in the server's errors",
  },
];

/** A check that sees nothing passes: raise these as the tree grows. */
const FILES_MIN = 120;
const EDGES_MIN = 300;

/** For each rule what must trip it, and nothing else: path to text. */
const PLANTED: Readonly<Record<RuleName, readonly Readonly<Record<string, string>>[]>> = {
  parse: [{ "src/base/a.ts": "const = ;" }],
  level: [
    {
      "src/base/a.ts": `import type { B } from "../events/b.ts";`,
      "src/events/b.ts": `export type B = 1;`,
    },
    {
      "src/machines/a.ts": `import { b } from "../ledger/b.ts";`,
      "src/ledger/b.ts": `export const b = 1;`,
    },
    {
      "src/actors/a.ts": `import { b } from "../config.ts";`,
      "src/config.ts": `export const b = 1;`,
    },
    { "src/cli/a.ts": `export const a = await import("../index.ts");`, "src/index.ts": "" },
    {
      "src/web/a.ts": `import { b } from "../events/b.ts";`,
      "src/events/b.ts": `export const b = 1;`,
    },
    { "src/api/a.ts": `import "../web/b.ts";`, "src/web/b.ts": "" },
    { "src/utils/a.ts": "" },
    {
      "src/actors/a.ts": `export const a = new URL("../api/worker.ts", import.meta.url);`,
      "src/api/worker.ts": "",
    },
  ],
  adapter: [
    {
      "src/actors/a.ts": `import { b } from "../broker/embedded/b.ts";`,
      "src/broker/embedded/b.ts": `export const b = 1;`,
    },
    {
      "src/cli/a.ts": `import type { B } from "../providers/local/b.ts";`,
      "src/providers/local/b.ts": `export type B = 1;`,
    },
    {
      "src/api/a.ts": `import { b } from "../providers/routing.ts";`,
      "src/providers/routing.ts": `export const b = 1;`,
    },
    {
      "src/broker/nats/a.ts": `import { b } from "../embedded/b.ts";`,
      "src/broker/embedded/b.ts": `export const b = 1;`,
    },
  ],
  package: [
    { "src/machines/a.ts": `import { z } from "zod";` },
    { "src/base/a.ts": `import type { StateValue } from "xstate";` },
    { "src/cli/a.ts": `export const a = await import("@nats-io/jetstream/deep");` },
    { "src/events/a.ts": `import { pad } from "left-pad";` },
    { "src/media/a.ts": `createRequire(import.meta.url).resolve("sherpa-onnx/x.js");` },
    { "src/agent/a.ts": `export const a = require("sherpa-onnx");` },
  ],
  cycle: [
    {
      "src/base/a.ts": `import type { B } from "./b.ts"; export type A = B;`,
      "src/base/b.ts": `import type { C } from "./c.ts"; export type B = C;`,
      "src/base/c.ts": `import type { A } from "./a.ts"; export type C = A;`,
    },
    { "src/base/a.ts": `export type A = import("./a.ts").B;` },
  ],
  resolve: [
    { "src/base/a.ts": `import { b } from "./b";`, "src/base/b.ts": `export const b = 1;` },
    { "src/base/a.ts": `export * from "./gone.ts";` },
    { "test/a.test.ts": `import "../src/base/gone.ts";` },
    { "src/base/a.ts": `export const a = new URL("./worker.ts", import.meta.url);` },
  ],
  "file-length": [{ "src/base/a.ts": "export {};\n".repeat(401) }],
  "function-length": [
    { "src/base/a.ts": `export function a() {\n${"  a();\n".repeat(69)}}\n` },
    { "src/base/a.ts": `export class A {\n  b = () => {\n${"    a();\n".repeat(69)}  };\n}\n` },
  ],
  "line-length": [{ "src/base/a.ts": `// ${"x".repeat(98)}\n` }],
  parameters: [
    { "src/base/a.ts": `export function a(b: 1, c: 1, d: 1, e: 1) {}` },
    { "src/base/a.ts": `export interface A { b(c: 1, d: 1, e: 1, f: 1): void }` },
    { "src/base/a.ts": `export class A { constructor(b: 1, c: 1, d: 1, ...e: 1[]) {} }` },
  ],
  "bare-error": [
    { "src/base/a.ts": `throw new Error("no");` },
    { "src/base/a.ts": `throw TypeError("no");` },
  ],
  any: [
    { "src/base/a.ts": `export let a: any;` },
    { "src/base/a.ts": `export const a = JSON.parse("1") as any;` },
    { "src/base/a.ts": `export const a = new Map<string, any>();` },
  ],
  "default-export": [{ "src/base/a.ts": `export default 1;` }],
  enum: [{ "src/base/a.ts": `export enum A { B }` }],
  clock: [
    { "src/base/a.ts": `export const a = Date.now();` },
    { "src/cli/a.ts": `export const a = { now: Date.now };` },
    { "src/machines/a.ts": `export const a = Math.random();` },
    { "src/folds/a.ts": `import { randomUUID } from "node:crypto";` },
    { "src/actors/a.ts": `import * as crypto from "node:crypto"; crypto.randomBytes(1);` },
    { "src/providers/local/a.ts": `export const a = globalThis.performance.now();` },
    { "src/media/local/a.ts": `export const a = new Date();` },
    { "src/ledger/a.ts": `const { now } = Date;` },
  ],
  timer: [
    { "src/actors/a.ts": `setTimeout(() => 1, 5);` },
    { "src/media/local/a.ts": `import { setInterval } from "node:timers/promises";` },
  ],
  env: [
    { "src/cli/a.ts": `export const a = process.env["HOME"];` },
    { "src/api/a.ts": `const { env } = process;` },
    { "src/main.ts": `import { env } from "node:process";` },
  ],
  todo: [{ "src/base/a.ts": `// TODO later` }, { "test/a.test.ts": `/* FIXME\n some day */` }],
  "empty-folder": [{ "src/base/": "", "src/base/a.ts": "", "docs/spec/": "" }],
  "file-name": [
    { "src/base/someThing.ts": "" },
    { "src/base/turn.helper.ts": "" },
    { "src/base/x_y.ts": "" },
    { "src/base/Deep/a.ts": "" },
    { "test/My/a.test.ts": "" },
  ],
};

/** What stands as near to the bad cases as is allowed. */
const CLEAN: Readonly<Record<string, string>> = {
  "package.json": "{}",
  "src/base/": "",
  "src/base/clock.ts": `export const now = (): number => Date.now() + setTimeout.length;`,
  "src/base/id.ts": `import { randomBytes } from "node:crypto"; export const id = randomBytes(8);`,
  "src/events/turn.events.ts": `import { z } from "zod";\nexport const B = z.string();`,
  "src/machines/turn.machine.ts": `import { setup } from "xstate";\n// TODO #12: not yet`,
  "src/broker/broker.ts": `import { assert } from "../base/assert.ts";`,
  "src/base/assert.ts": `export const text = "throw new Error: any enum Date.now() TODO";`,
  "src/broker/shared.ts": `export const day = (at: number): Date => new Date(at);`,
  "src/broker/nats/a.ts": `import { connect } from "@nats-io/transport-node";`,
  "src/broker/nats/b.ts": `import "./a.ts";\nimport "../shared.ts";\nimport "../broker.ts";`,
  "src/actors/worker.ts": `import type {} from "./actor.ts";`,
  "src/actors/actor.ts": `export const entry = new URL("./worker.ts", import.meta.url);`,
  "src/config.ts": `export const env = process.env;`,
  "src/testing/world.ts": `import "../broker/nats/a.ts";`,
  "src/main.ts": `import "./config.ts";\nimport "./broker/nats/a.ts";\nimport "./actors/actor.ts";`,
  "src/cli/cli.ts": `import "../main.ts";\nimport meta from "../../package.json";`,
  "src/web/app.ts": `import type { B } from "../events/turn.events.ts";`,
  "test/a.machine.test.ts": `import "../src/broker/nats/a.ts";\nthrow new Error(Date.now());`,
};

test("the tree keeps the house style", () => {
  const report = checkArchitecture(loadFiles(root), EXCEPTIONS);
  const found = report.violations.map((v) => `${v.file}:${v.line} [${v.rule}] ${v.message}`);
  assert.equal(found.length, 0, `\n${found.join("\n")}`);
  assert.deepEqual(report.staleExceptions, [], "exceptions nobody needs any more");
});

test("the check saw the tree", () => {
  const { filesSeen, edgesSeen } = checkArchitecture(loadFiles(root));
  assert.ok(filesSeen >= FILES_MIN, `${filesSeen} files`);
  assert.ok(edgesSeen >= EDGES_MIN, `${edgesSeen} edges`);
});

test("comment share per folder", (t) => {
  for (const [folder, share] of commentShares(loadFiles(root)))
    t.diagnostic(`comments in ${folder}: ${share.toFixed(1)}%`);
  const planted = new Map([["src/base/a.ts", "// one\n\nlet a;\n/* two\n three */\n"]]);
  assert.deepEqual([...commentShares(planted)], [["base", 75]]);
});

test("nothing fires on a clean tree", () => {
  assert.deepEqual(checkArchitecture(new Map(Object.entries(CLEAN))).violations, []);
});

for (const rule of Object.keys(RULES) as RuleName[]) {
  test(`the ${rule} rule fires on planted cases and only there`, () => {
    assert.ok(PLANTED[rule].length > 0);
    for (const planted of PLANTED[rule]) {
      const { violations } = checkArchitecture(new Map(Object.entries(planted)));
      const fired = new Set(violations.map((violation) => violation.rule));
      assert.deepEqual([...fired], [rule], JSON.stringify(planted).slice(0, 300));
    }
  });
}

test("an exception silences its rule for its file, and is reported once stale", () => {
  const files = new Map([["src/base/a.ts", "export default 1;"]]);
  const exception = { rule: "default-export", file: "src/base/a.ts", reason: "a test" } as const;
  const used = checkArchitecture(files, [exception]);
  assert.deepEqual([used.violations, used.staleExceptions], [[], []]);
  const stale = checkArchitecture(files, [exception, { ...exception, rule: "enum" }]);
  assert.deepEqual(stale.staleExceptions, [{ ...exception, rule: "enum" }]);
});
