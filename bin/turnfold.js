#!/usr/bin/env node
/**
 * The door to the command line. The program is TypeScript that Node 24 runs as it stands; an older
 * Node (20 or newer) starts it again under the Node 24 that was installed as a dependency. So this
 * file is plain JavaScript and imports no other file before it knows where it runs.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MAJOR_MIN = 24;

if (majorOf(process.version) >= MAJOR_MIN) await import(entry().href);
else runUnder(findNode());

/** The program: its source in a checkout, what was built of it in a released package. */
function entry() {
  const source = new URL("../src/cli/cli.ts", import.meta.url);
  const built = join(dirname(fileURLToPath(import.meta.url)), "../dist/src/cli/cli.js");
  return existsSync(source) ? source : pathToFileURL(built);
}

/** The binary of the `node` package, wherever npm has put it. */
function findNode() {
  const file = process.platform === "win32" ? "node.exe" : "node";
  const found = candidates(file).find((path) => existsSync(path) && isNewEnough(path));
  if (found) return found;
  console.error(
    `turnfold needs Node ${MAJOR_MIN} or newer; this is ${process.version}, and the Node that is ` +
      "installed with turnfold was not found.\n" +
      "Run `npm install` in turnfold's folder (with install scripts allowed for the package " +
      `"node"), or use Node ${MAJOR_MIN}.`,
  );
  process.exit(1);
}

/** @param {string} file */
function candidates(file) {
  const paths = [];
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json");
    paths.push(join(dirname(manifest), "bin", file));
  } catch {
    // Not installed: the links of npm are looked at below.
  }
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    paths.push(join(folder, "node_modules", ".bin", file));
    if (folder === dirname(folder)) return paths;
  }
}

/** @param {string} path */
function isNewEnough(path) {
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return majorOf(stdout ?? "") >= MAJOR_MIN;
}

/** @param {string} version such as v24.1.0; anything else counts as 0 */
function majorOf(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0);
}

/** @param {string} node */
function runUnder(node) {
  // The channel closes when this process dies, however it dies; the child then dies with it.
  const stdio = /** @type {const} */ (["inherit", "inherit", "inherit", "ipc"]);
  const child = spawn(node, [fileURLToPath(entry()), ...process.argv.slice(2)], { stdio });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, () => forward(child, signal));
  child.on("error", (error) => {
    console.error(`turnfold could not start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // The caller is to see the signal itself; where it does not end this process, its number.
    process.exitCode = 128 + constants.signals[signal];
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * Ctrl-C in a terminal reaches the child by itself; passed on again it would count as a second one.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function forward(child, signal) {
  if (signal === "SIGINT" && process.stdin.isTTY) return;
  child.kill(signal);
}
