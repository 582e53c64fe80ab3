import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LEDGER_MUTANTS } from "./support/ledger-mutations.ts";
import { MUTANTS, type Mutant } from "./support/mutations.ts";

/**
 * Do the property tests see a bug? Each mutant is planted alone in a copy of the tree, and one of
 * the tests must fail; where it names one, that one. `npm run mutants` runs them all; a part of a
 * name runs those that have it.
 */
const ROOT = join(import.meta.dirname, "../..");
const COPIED = ["src", "test", "data", "package.json", "tsconfig.json"];
const RUNS = process.env["RUNS"] ?? "400";

/** A file of tests, or those of its tests whose name has some words. */
interface Hunter {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly words?: string;
}
const TESTS: readonly Hunter[] = [
  { file: "test/property/interleavings.test.ts", env: { RUNS } },
  { file: "test/property/crash-points.test.ts", env: {} },
];

function huntersOf({ property }: Mutant): readonly Hunter[] {
  if (!property) return TESTS;
  const [file, words] = property;
  return [{ file: `test/${file}`, env: { RUNS }, words }];
}

/** A mutant that makes a test hang is found out as well. */
const TEST_MAX_MS = 300_000;

async function copyTree(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "turnfold-mutants-"));
  for (const name of COPIED) await cp(join(ROOT, name), join(dir, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(dir, "node_modules"));
  return dir;
}

/** Plants a mutant; returns what takes it out again. */
async function plant(dir: string, { name, edits }: Mutant): Promise<() => Promise<void>> {
  const before = new Map<string, string>();
  for (const { file, find, put } of edits) {
    const path = join(dir, file);
    const text = await readFile(path, "utf8");
    if (!before.has(path)) before.set(path, text);
    const count = text.split(find).length - 1;
    assert.equal(count, 1, `${name}: its text stands ${count} times in ${file}: ${find}`);
    await writeFile(
      path,
      text.replace(find, () => put),
    );
  }
  return async () => {
    for (const [path, text] of before) await writeFile(path, text);
  };
}

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

function runTest(dir: string, { file, env, words }: Hunter): Promise<Outcome> {
  const pattern = words === undefined ? [] : [`--test-name-pattern=${words}`];
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", ...pattern, file], {
    cwd: dir,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    timeout: TEST_MAX_MS,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) =>
    child.once("close", (code) => resolve({ passed: code === 0, output })),
  );
}

/** The name of the check that failed, else of the test. */
function whatFailed(file: string, output: string): string {
  const check = /RUNS=1 gives: ([^\n]{1,90})/.exec(output)?.[1];
  const named = /^ *✖ (?!failing)([^\n(]{1,90})/m.exec(output)?.[1];
  const error = /\[ERR_[A-Z_]+\][^\n]{0,60}|AppError[^\n]{0,60}/.exec(output)?.[0];
  return `${file.split("/").at(-1)?.split(".")[0]}: ${check ?? named ?? error ?? "it hung"}`;
}

async function hunt(dir: string, mutant: Mutant): Promise<string | undefined> {
  const takeOut = await plant(dir, mutant);
  try {
    for (const hunter of huntersOf(mutant)) {
      const { passed, output } = await runTest(dir, hunter);
      if (!passed) return whatFailed(hunter.file, output);
    }
    return undefined;
  } finally {
    await takeOut();
  }
}

const wanted = process.argv[2] ?? "";
const dir = await copyTree();
try {
  const mutants = [...MUTANTS, ...LEDGER_MUTANTS].filter(({ name }) => name.includes(wanted));
  const hunters = new Map(
    mutants.flatMap(huntersOf).map((one) => [`${one.file} ${one.words}`, one]),
  );
  for (const hunter of hunters.values()) {
    const { passed, output } = await runTest(dir, hunter);
    assert.ok(passed, `${hunter.file} fails without a mutant:\n${output}`);
    assert.ok(!/^ℹ tests 0$/m.test(output), `${hunter.file} has no test "${hunter.words}"`);
  }
  let survivors = 0;
  for (const mutant of mutants) {
    const found = await hunt(dir, mutant);
    if (found === undefined) survivors++;
    console.log(`${mutant.name.padEnd(64)} ${found ?? "SURVIVES"}`);
  }
  process.exitCode = survivors > 0 ? 1 : 0;
} finally {
  await rm(dir, { recursive: true });
}
