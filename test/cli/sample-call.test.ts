import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

/** Starts an agent, has its sample call opened, and closes while that runs. */
const PROGRAM = (dataDir: string): string => `
import { rules, start, voiceAgent } from ${JSON.stringify(
  new URL("../../src/index.ts", import.meta.url).href,
)};
const model = rules([{ when: /./, say: "One." }]);
const agent = voiceAgent({ name: "own", instructions: "Answer.", model });
const typed = Promise.withResolvers();
const running = await start({
  agent,
  port: 0,
  dataDir: ${JSON.stringify(dataDir)},
  onRecord: (_, { input }) => input.event?.type === "text.received" && typed.resolve(),
});
const { status } = await fetch(running.url + "/api/sample", { method: "POST" });
await typed.promise;
await running.close();
console.log(status);
`;

test("a process that closes during its sample call ends, and says nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-sample-"));
  try {
    const file = join(folder, "program.mjs");
    await writeFile(file, PROGRAM(join(folder, "data")));
    const env = { ...process.env, TURNFOLD_MODELS: join(folder, "none") };
    const ended = promisify(execFile)(process.execPath, [file], { env, timeout: 20_000 });
    assert.deepEqual(await ended, { stdout: "201\n", stderr: "" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
