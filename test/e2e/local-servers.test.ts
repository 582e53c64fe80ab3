import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { after, before, suite, test } from "node:test";
import { RoomServiceClient } from "livekit-server-sdk";
import { answersHttp, answersNats } from "../../scripts/servers/ports.ts";
import { ROOT } from "../../scripts/servers/server-files.ts";
import { findLiveKit } from "../support/livekit-server.ts";
import { findNats } from "../support/servers.ts";

/** What a person without Docker starts: `npm run servers`. */
const found = [await findLiveKit(), await findNats("2.15.2")];
const missing = found.flatMap((one) => ("missing" in one ? [one.missing] : []));

suite("npm run servers", { skip: missing[0] ?? false }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "turnfold-servers-"));
  });
  after(() => rm(folder, { recursive: true }));

  function run(...args: readonly string[]) {
    const script = join(ROOT, "scripts", "servers.ts");
    const own = [script, "--any-ports", "--folder", folder];
    return spawn(process.execPath, [...own, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  }

  test("prints what to export, and Ctrl-C ends both servers", async () => {
    const child = run();
    const exited = once(child, "exit");
    const values: Record<string, string> = {};
    for await (const line of createInterface(child.stdout)) {
      const [, name, value] = /^export (\w+)=(.*)$/.exec(line) ?? [];
      assert.ok(name !== undefined && value !== undefined, line);
      values[name] = value;
      if (name === "LIVEKIT_API_SECRET") break;
    }
    const nats = Number(new URL(values["NATS_URL"]!).port);
    const url = values["LIVEKIT_URL"]!.replace("ws:", "http:");
    const key = values["LIVEKIT_API_KEY"]!;
    const rooms = new RoomServiceClient(url, key, values["LIVEKIT_API_SECRET"]!);
    assert.deepEqual(await rooms.listRooms(), []);
    assert.equal(await answersNats(nats), true);
    child.kill("SIGINT");
    assert.deepEqual(await exited, [0, null]);
    assert.equal(await answersNats(nats), false);
    assert.equal(await answersHttp(Number(new URL(url).port)), false);
  });

  test("runs a command with the servers, and ends with it and its code", async () => {
    const see = `
      const health = await fetch(process.env.NATS_MONITOR_URL + "/healthz");
      console.log(health.status, new URL(process.env.LIVEKIT_URL).port);
      process.exit(7);`;
    const child = run(process.execPath, "--input-type=module", "-e", see);
    const exited = once(child, "exit");
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    assert.deepEqual(await exited, [7, null]);
    const [status, port] = line.split(" ");
    assert.equal(status, "200");
    assert.equal(await answersHttp(Number(port)), false);
  });

  test("passes one signal on, and the servers outlive the command that heeds it", async () => {
    const wait = `
      process.once("SIGTERM", async () => {
        const health = await fetch(process.env.NATS_MONITOR_URL + "/healthz");
        console.log(health.status);
        process.exit(0);
      });
      console.log("waits");
      setInterval(() => {}, 1_000);`;
    const child = run(process.execPath, "--input-type=module", "-e", wait);
    const exited = once(child, "exit");
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, "waits");
    child.kill("SIGTERM");
    child.kill("SIGTERM");
    assert.equal((await lines.next()).value, "200");
    assert.deepEqual(await exited, [0, null]);
  });
});
