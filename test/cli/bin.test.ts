import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";

const root = join(import.meta.dirname, "../..");
const oldNode = findOldNode();
const skip = oldNode === undefined && "no Node 20 to 23 on the PATH";

/** An entry that shows what reached it, and waits for a signal when asked to. */
const ENTRY = `
const [command, value] = process.argv.slice(2) as string[];
const major: number = Number(process.versions.node.split(".")[0]);
if (command === "show") console.log(JSON.stringify({ major, argv: process.argv.slice(2) }));
if (command === "exit") process.exit(Number(value));
if (command === "die") process.kill(process.pid, value);
if (command === "echo") process.stdin.pipe(process.stdout);
if (command === "wait") {
  let seen = 0;
  process.on(value!, () => {
    seen += 1;
    setTimeout(() => process.exit(40 + seen), 50);
  });
  setInterval(() => undefined, 1000);
  console.log("ready");
}
`;

/** The first Node that is too old to run TypeScript: the PATH may begin with our own. */
function findOldNode(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return [...folders, "/usr/local/bin", "/usr/bin"]
    .map((folder) => join(folder, "node"))
    .find((path) => {
      try {
        const options = { encoding: "utf8", stdio: "pipe" } as const;
        return /^v2[0-3]\./.test(execFileSync(path, ["--version"], options));
      } catch {
        return false;
      }
    });
}

/** A working copy that holds nothing but the door, the entry above and perhaps a Node. */
async function layOut(t: TestContext, place: "package" | "bin" | "none"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-bin-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(join(root, "bin/turnfold.js"), join(folder, "bin/turnfold.js"));
  await mkdir(join(folder, "src/cli"), { recursive: true });
  await writeFile(join(folder, "package.json"), `{"type":"module"}`);
  await writeFile(join(folder, "src/cli/cli.ts"), ENTRY);
  const link = { package: "node_modules/node", bin: "node_modules/.bin/node", none: "" }[place];
  const target = place === "package" ? join(root, "node_modules/node") : process.execPath;
  if (link) {
    await mkdir(dirname(join(folder, link)), { recursive: true });
    await symlink(target, join(folder, link));
  }
  return join(folder, "bin/turnfold.js");
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(node: string, args: readonly string[]): ChildProcess {
  return spawn(node, args, { stdio: "pipe" });
}

async function endOf(child: ChildProcess, input = ""): Promise<Ending> {
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr!.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin!.end(input);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

async function run(node: string, ...args: readonly string[]): Promise<Ending> {
  return endOf(start(node, args));
}

test("an old Node starts the entry under Node 24 with the same arguments", { skip }, async (t) => {
  for (const place of ["package", "bin"] as const) {
    const bin = await layOut(t, place);
    const ending = await run(oldNode!, bin, "show", "--data", "a b", "");
    assert.equal(ending.stderr, "");
    const seen = JSON.parse(ending.stdout) as { major: number; argv: string[] };
    assert.ok(seen.major >= 24);
    assert.deepEqual(seen.argv, ["show", "--data", "a b", ""]);
    assert.equal(ending.code, 0);
  }
});

test("Node 24 runs the entry itself", async (t) => {
  const ending = await run(process.execPath, await layOut(t, "none"), "show", "x");
  assert.deepEqual(JSON.parse(ending.stdout), {
    major: Number(process.versions.node.split(".")[0]),
    argv: ["show", "x"],
  });
  assert.equal(ending.stderr, "");
});

test("the exit code and a fatal signal come through", { skip }, async (t) => {
  const bin = await layOut(t, "package");
  assert.equal((await run(oldNode!, bin, "exit", "7")).code, 7);
  assert.equal((await run(oldNode!, bin, "die", "SIGTERM")).signal, "SIGTERM");
  assert.equal((await run(oldNode!, bin, "die", "SIGKILL")).signal, "SIGKILL");
});

test("standard input and output are the entry's own", { skip }, async (t) => {
  const bin = await layOut(t, "package");
  const ending = await endOf(start(oldNode!, [bin, "echo"]), "words\n");
  assert.equal(ending.stdout, "words\n");
});

test("SIGINT and SIGTERM are passed on once, and the entry ends by itself", { skip }, async (t) => {
  const bin = await layOut(t, "package");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const child = start(oldNode!, [bin, "wait", signal]);
    await once(child.stdout!, "data");
    child.kill(signal);
    assert.deepEqual(await endOf(child), { code: 41, signal: null, stdout: "", stderr: "" });
  }
});

test("without a Node 24 it says what to do", { skip }, async (t) => {
  const ending = await run(oldNode!, await layOut(t, "none"), "show");
  assert.equal(ending.code, 1);
  assert.match(ending.stderr, /^turnfold needs Node 24 or newer; this is v2\d.*\n.*npm install/);
  assert.equal(ending.stdout, "");
});

test("--version and --help answer under the old and the new Node", async () => {
  const pkg = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  for (const node of oldNode ? [oldNode, process.execPath] : [process.execPath]) {
    const version = await run(node, join(root, "bin/turnfold.js"), "--version");
    assert.deepEqual([version.code, version.stdout], [0, `${pkg.version}\n`], version.stderr);
    const help = await run(node, join(root, "bin/turnfold.js"), "--help");
    assert.deepEqual(
      [help.code, help.stdout.startsWith("Usage: turnfold")],
      [0, true],
      help.stderr,
    );
  }
});
