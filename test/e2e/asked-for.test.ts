import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";
import { LocalServers } from "../../scripts/servers/local-servers.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { startProgram } from "../support/program.ts";
import { ToneCaller } from "../support/tone-caller.ts";

/**
 * A room that is asked for in every way there is, by several processes at once: requests of NATS
 * clients in Python and JavaScript, LiveKit's own dispatch, and the command line.
 */
const ROOT = join(import.meta.dirname, "../..");
const ROOM = "front-desk";
const AGENT = "receptionist";
const PYTHON_FOLDER = join(ROOT, ".cache", "python");
const run = promisify(execFile);

/** Where Python finds nats-py; fetched once into an ignored folder. */
async function needNatsPy(t: TestContext): Promise<NodeJS.ProcessEnv | undefined> {
  const env = { ...process.env, PYTHONPATH: PYTHON_FOLDER };
  const has = (): Promise<unknown> => run("python3", ["-c", "import nats"], { env });
  try {
    await access(PYTHON_FOLDER)
      .then(has)
      .catch(async () => {
        await run("python3", [
          "-m",
          "pip",
          "install",
          "--target",
          PYTHON_FOLDER,
          "nats-py==2.16.0",
        ]);
        await has();
      });
    return env;
  } catch (error) {
    const reason = `nats-py cannot be had: ${String(error).split("\n")[0]}`;
    assert.notEqual(process.env["CI"], "true", reason);
    t.skip(reason);
    return undefined;
  }
}

test("asked for 50 times at once, in every way there is, a room has one agent", async (t) => {
  const python = await needNatsPy(t);
  if (!python) return;
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "turnfold-asked-"));
  opened.defer(() => rm(dir, { recursive: true, force: true }));
  const servers = opened.use(
    await LocalServers.start({
      folder: join(dir, "servers"),
      anyPorts: true,
      note: () => undefined,
    }),
  );
  const { TURNFOLD_ROOMS: _, ...places } = servers.environment;
  const env = { ...process.env, ...places, TURNFOLD_AGENT_NAME: AGENT };
  const { NATS_URL, LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } =
    servers.environment as Record<string, string>;
  const worker = { line: ["worker", "--no-pull"], word: "worker " };
  await Promise.all([startProgram(opened, env, worker), startProgram(opened, env, worker)]);
  const place = { url: LIVEKIT_URL!, apiKey: LIVEKIT_API_KEY!, apiSecret: LIVEKIT_API_SECRET! };
  opened.use(await ToneCaller.join(place, ROOM));
  const broker = opened.use(
    await openNats({ url: NATS_URL!, prefix: "turnfold", clock: systemClock, ids: systemIds }),
  );
  const http = LIVEKIT_URL!.replace("ws:", "http:");
  const dispatches = new AgentDispatchClient(http, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);

  const fromPython = run(
    "python3",
    [join(import.meta.dirname, "ask.py"), NATS_URL!, `turnfold.join.local.${ROOM}`, "20"],
    { env: python },
  );
  const fromHere = Array.from({ length: 17 }, () =>
    broker.jobs.offer({ tenant: "local", room: ROOM, payload: null }),
  );
  const fromLiveKit = Array.from({ length: 10 }, () => dispatches.createDispatch(ROOM, AGENT));
  const fromShell = Array.from({ length: 3 }, () =>
    run(process.execPath, [join(ROOT, "bin/turnfold.js"), "dispatch", ROOM, "--json"], { env }),
  );
  const [answers, offers, shells] = await Promise.all([
    fromPython,
    Promise.all(fromHere),
    Promise.all(fromShell),
    Promise.all(fromLiveKit),
  ]);
  const byPython = JSON.parse(answers.stdout) as readonly string[];
  assert.equal(byPython.length, 20);
  const queued = [...byPython, ...offers].filter((one) => one === "queued").length;
  assert.ok(queued <= 1, `${queued} of the requests were the first`);
  const calls = shells.map(({ stdout }) => JSON.parse(stdout) as { state: string; call: string });
  assert.deepEqual(
    calls.map(({ state }) => state),
    ["running", "running", "running"],
  );
  assert.equal(new Set(calls.map(({ call }) => call)).size, 1, "all hear of the same call");

  const rooms = new RoomServiceClient(http, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
  const people = (await rooms.listParticipants(ROOM)).map(({ identity }) => identity);
  assert.deepEqual(people.toSorted(), ["agent", "ann"]);
  assert.equal((await broker.log.calls("local")).length, 1, "there is one call");
});
