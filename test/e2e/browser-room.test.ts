import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { AccessToken } from "livekit-server-sdk";
import type { Page } from "playwright-core";
import { LocalServers } from "../../scripts/servers/local-servers.ts";
import { needBrowser } from "../support/browser.ts";
import { microphone } from "../support/microphone.ts";
import { needModels } from "../support/models.ts";
import { startProgram } from "../support/program.ts";

/**
 * A page with LiveKit's own client and nothing of ours, in a room of a real server: it asks aloud,
 * hears and reads the answer, and interrupts it. `turnfold start` is the one process beside the
 * servers, as `npm run ground` starts it.
 */
const ROOM = "front desk";
const PATIENCE_MS = 120_000;

const PAGE = `<!doctype html><meta charset="utf-8"><title>A room</title>
<script src="/livekit-client.umd.js"></script>
<script>
  const captions = new Map();
  const states = [];
  const levels = { agent: [], caller: [] };
  function meter(name, track) {
    const context = new AudioContext({ sampleRate: 16_000 });
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
      levels[name].push({ at: performance.now(), loud: Math.sqrt(power) > 0.01 });
    }, 20);
  }
  async function enter(url, token) {
    const { Room, RoomEvent } = LivekitClient;
    const room = new Room();
    room.registerTextStreamHandler("lk.transcription", async (reader, { identity }) => {
      const { attributes } = reader.info;
      const text = await reader.readAll();
      const final = attributes["lk.transcription_final"] === "true";
      captions.set(attributes["lk.segment_id"], { identity, text, final });
    });
    room.on(RoomEvent.ParticipantAttributesChanged, (changed, { identity }) => {
      if (changed["lk.agent.state"]) states.push(changed["lk.agent.state"]);
    });
    room.on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== "audio") return;
      document.body.append(track.attach());
      meter("agent", track.mediaStreamTrack);
    });
    await room.connect(url, token);
    const { track } = await room.localParticipant.setMicrophoneEnabled(true, {
      autoGainControl: false, echoCancellation: false, noiseSuppression: false,
    });
    meter("caller", track.mediaStreamTrack);
  }
</script>`;

/** The page and the client's bundle, as it is published. */
async function pageServer(opened: AsyncDisposableStack): Promise<string> {
  const client = new URL("livekit-client.umd.js", import.meta.resolve("livekit-client"));
  const bundle = await readFile(client);
  const server = createServer(({ url }, response) => {
    const script = url === "/livekit-client.umd.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? bundle : url === "/" ? PAGE : "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.defer(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

interface Caption {
  readonly identity: string;
  readonly text: string;
  readonly final: boolean;
}

function captions(page: Page): Promise<Caption[]> {
  return page.evaluate("[...captions.values()]");
}

async function reads(page: Page, identity: string, words: RegExp): Promise<boolean> {
  const all = await captions(page);
  return all.some((one) => one.identity === identity && words.test(one.text));
}

async function until(what: string, page: Page, is: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await is())) {
    const read = JSON.stringify(await captions(page));
    assert.ok(performance.now() < end, `waited in vain for ${what}; captions: ${read}`);
    await wait(50);
  }
}

interface Level {
  readonly at: number;
  readonly loud: boolean;
}

/** Each time the caller began to speak over the agent: how long both went on from there, in ms. */
function overlaps(
  agent: readonly Level[],
  caller: readonly Level[],
): readonly { readonly agentMs: number; readonly callerMs: number }[] {
  const loud = (levels: readonly Level[]): readonly number[] =>
    levels.filter((one) => one.loud).map(({ at }) => at);
  const [agentAt, callerAt] = [loud(agent), loud(caller)];
  const within = (times: readonly number[], from: number, to: number): readonly number[] =>
    times.filter((at) => at >= from && at < to);
  const began = callerAt.filter((at) => within(callerAt, at - 1_500, at).length === 0);
  return began
    .filter((at) => within(agentAt, at - 300, at).length > 5)
    .map((at) => ({
      agentMs: (within(agentAt, at, at + 3_000).at(-1) ?? at) - at,
      callerMs: within(callerAt, at, at + 3_000).at(-1)! - at,
    }));
}

test("a stock client asks in a room, hears and reads the answer, and interrupts it", async (t) => {
  if (!(await needModels(t))) return;
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "turnfold-room-"));
  opened.defer(() => rm(dir, { recursive: true, force: true }));
  const wav = join(dir, "microphone.wav");
  await microphone(wav);
  const browser = await needBrowser(t, [`--use-file-for-fake-audio-capture=${wav}%noloop`]);
  if (!browser) return;
  opened.defer(() => browser.close());
  const folder = join(dir, "servers");
  const servers = opened.use(
    await LocalServers.start({ folder, anyPorts: true, note: () => undefined }),
  );
  const env = { ...servers.environment, TURNFOLD_DATA: join(dir, "data") };
  await startProgram(opened, env, {
    line: ["start", "--port", "0", "--no-pull"],
    word: "is ready",
  });

  const place = await pageServer(opened);
  const page = await browser.newPage();
  const broken: string[] = [];
  page.on("pageerror", (error) => broken.push(error.message));
  await page.goto(place);
  const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = env as Record<string, string>;
  const token = new AccessToken(LIVEKIT_API_KEY, LIVEKIT_API_SECRET, { identity: "ann" });
  token.addGrant({ room: ROOM, roomJoin: true });
  const jwt = await token.toJwt();
  await page.evaluate(`enter(${JSON.stringify(LIVEKIT_URL)}, ${JSON.stringify(jwt)})`);
  const asked = await startProgram(opened, env, { line: ["dispatch", ROOM], word: "call" });
  t.diagnostic(asked);

  await until("the greeting", page, () => reads(page, "agent", /Juniper House/));
  await until("an answer", page, () => reads(page, "agent", /We are open/));
  await until("the words of the question", page, () => reads(page, "ann", /opening|hours/i));
  await until("the interruption", page, () => reads(page, "ann", /sunday/i));
  await until("an answer to it", page, () => reads(page, "agent", /On Sunday/));
  // On a busy machine a round of the microphone may miss the answer; the next one need not.
  const spokenOver = async (): Promise<boolean> => {
    await wait(500);
    const [agent, caller] = (await page.evaluate("[levels.agent, levels.caller]")) as Level[][];
    const over = overlaps(agent!, caller!);
    return over.some(({ agentMs, callerMs }) => agentMs < callerMs);
  };
  await until("the agent to fall silent before its caller has finished", page, spokenOver);
  const states = (await page.evaluate("states")) as string[];
  for (const state of ["listening", "thinking", "speaking"])
    assert.ok(states.includes(state), `lk.agent.state was ${states.join()}`);
  assert.deepEqual(broken, []);
});
