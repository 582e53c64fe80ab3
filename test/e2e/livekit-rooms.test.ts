import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import net from "node:net";
import { after, suite, test } from "node:test";
import { promisify } from "node:util";
import { Room, SimulateScenarioKind } from "@livekit/rtc-node";
import { levelDb, type AudioFrame } from "../../src/base/audio.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Logger } from "../../src/base/logger.ts";
import { LiveKitMedia } from "../../src/media/livekit/livekit-media.ts";
import type { RoomConnection, RoomEvent } from "../../src/media/room.port.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { LiveKitCaller, roomService, until } from "../support/livekit-caller.ts";

/** What a room of a LiveKit server does beyond what every room must do (test/contract). */
const RATE_HZ = 16_000;
const run = promisify(execFile);
const found = await findLiveKit();
const skip = "missing" in found && found.missing;
const server = "path" in found ? await LiveKitServer.start(found) : (undefined as never);
const said: string[] = [];
const logger: Logger = { log: (_, message) => void said.push(message) };
const media = skip ? (undefined as never) : open(server.url);
after(async () => {
  await media?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

function open(url: string): LiveKitMedia {
  const { apiKey, apiSecret } = server;
  return new LiveKitMedia({
    url,
    apiKey,
    apiSecret,
    rateHz: RATE_HZ,
    clock: systemClock,
    logger,
  });
}

interface Agent {
  readonly connection: RoomConnection;
  readonly events: RoomEvent[];
}

let rooms = 0;
function newRoom(): string {
  return `room-${rooms++}`;
}

async function join(room: string, on?: (event: RoomEvent) => void): Promise<Agent> {
  const events: RoomEvent[] = [];
  const { signal } = new AbortController();
  const connection = await media.join({
    tenant: "acme",
    room,
    identity: "agent",
    signal,
    on: on ?? ((event) => events.push(event)),
  });
  return { connection, events };
}

function typesOf(events: readonly RoomEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

function sidOf(events: readonly RoomEvent[]): string {
  const published = events.findLast((event) => event.type === "track.published");
  assert.ok(published?.type === "track.published");
  return published.sid;
}

function tone(ms: number): Int16Array {
  const turn = (2 * Math.PI * 440) / RATE_HZ;
  return Int16Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, i) => 12_000 * Math.sin(turn * i));
}

/** Writes a tone as the playout does. */
async function speak({ speaker }: RoomConnection, ms: number): Promise<void> {
  const samples = tone(ms);
  const count = RATE_HZ / 50;
  for (let at = 0; at < samples.length; at += count)
    await speaker.write({ samples: samples.slice(at, at + count), rateHz: RATE_HZ });
}

function isVoiced(samples: Int16Array): boolean {
  return levelDb(samples) > -45;
}

suite("what the others see", { skip }, () => {
  test("captions bear segment, track and speaker; attributes change", async () => {
    const room = newRoom();
    await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
    const { connection, events } = await join(room);
    const sid = sidOf(events);
    const of = { identity: "ann", sid };
    const topic = "lk.transcription";
    connection.setAttribute("lk.agent.state", "listening");
    connection.sendText({ topic, text: "hello", segment: "u1", final: false, of });
    connection.sendText({ topic, text: "hello there", segment: "u2", final: true, of });
    connection.sendText({ topic, text: "Good day.", segment: "a1", final: true });
    connection.sendText({ topic: "lk.chat", text: "typed" });
    await until("four texts", () => caller.texts.length === 4);
    assert.deepEqual(
      caller.texts.map(({ from, text }) => [from, text]),
      [
        ["ann", "hello"],
        ["ann", "hello there"],
        ["agent", "Good day."],
        ["agent", "typed"],
      ],
    );
    assert.deepEqual(caller.texts[0]!.attributes, {
      "lk.segment_id": "u1",
      "lk.transcription_final": "false",
      "lk.transcribed_track_id": sid,
    });
    const agent = caller.room.remoteParticipants.get("agent")!;
    const [own] = agent.trackPublications.keys();
    assert.equal(caller.texts[2]!.attributes["lk.transcribed_track_id"], own);
    await until("the state", () => caller.states.includes("listening"));
    await connection.leave();
  });

  test("typed words come as a stream, as a chat message and as data of old clients", async () => {
    const room = newRoom();
    await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
    const { connection, events } = await join(room);
    const me = caller.room.localParticipant!;
    const data = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const legacy = { reliable: true, topic: "lk-chat-topic" };
    await caller.type("one");
    await me.sendChatMessage("two");
    await me.publishData(data({ message: "three" }), legacy);
    await me.publishData(data({ message: "one", ignoreLegacy: true }), legacy);
    await me.publishData(new Uint8Array([1, 2, 3]), legacy);
    await caller.type("x".repeat(LIMITS.roomTextBytesMax + 1));
    await caller.type("four");
    const texts = () => events.filter((event) => event.type === "text.received");
    await until("four texts", () => texts().length >= 4);
    assert.deepEqual(
      texts()
        .map(({ text }) => text)
        .sort(),
      ["four", "one", "three", "two"],
    );
    await connection.leave();
    assert.ok(said.includes("dropped in a room"));
  });

  test("another agent is nobody to listen to, and a screen is told and not taken", async () => {
    const room = newRoom();
    await using other = await LiveKitCaller.join(server, { room, identity: "bot", kind: "agent" });
    const { connection, events } = await join(room);
    const ann = { room, identity: "ann", speaks: false };
    await using viewer = await LiveKitCaller.join(server, ann);
    await viewer.shareScreen();
    await other.type("beep");
    await until("the screen", () => typesOf(events).includes("track.published"));
    assert.deepEqual(
      events.map((event) => [event.type, "identity" in event && event.identity]),
      [
        ["participant.joined", "ann"],
        ["track.published", "ann"],
      ],
    );
    assert.ok(events[1]!.type === "track.published" && events[1]!.kind === "screen");
    await connection.leave();
  });
});

suite("the agent's voice", { skip }, () => {
  test("its first frame waits for a listener, who hears all of it", async () => {
    const room = newRoom();
    const { connection } = await join(room);
    const spoken = speak(connection, 400);
    await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
    await spoken;
    await connection.speaker.drained();
    await until("sound", () => caller.heard.some(({ samples }) => isVoiced(samples)));
    await sleep(systemClock, 300);
    const voiced = caller.heard.filter(({ samples }) => isVoiced(samples)).length * 10;
    assert.ok(voiced >= 380 && voiced <= 460, `${voiced} ms of 400`);
    await connection.leave();
  });

  test("nobody to listen: it is said all the same, in bounded time", async () => {
    const { connection } = await join(newRoom());
    const startedAt = performance.now();
    await speak(connection, 100);
    assert.ok(performance.now() - startedAt < LIMITS.firstListenerMs + 1_000);
    await connection.speaker.drained();
    assert.equal(connection.speaker.playedMs, 100);
    await connection.leave();
  });

  test("what waits for a listener is dropped by a clear", async () => {
    const { connection } = await join(newRoom());
    const written = connection.speaker.write({ samples: tone(20), rateHz: RATE_HZ });
    assert.equal(connection.speaker.queuedMs, 20);
    connection.speaker.clear();
    await written;
    assert.deepEqual([connection.speaker.playedMs, connection.speaker.queuedMs], [0, 0]);
    await connection.leave();
  });
});

suite("the process", { skip }, () => {
  test("prints nothing of what the library logs, and ends when its rooms are left", async () => {
    const from = (path: string): string => JSON.stringify(import.meta.resolve(`../../src/${path}`));
    const lines = [
      `import { LiveKitMedia } from ${from("media/livekit/livekit-media.ts")};`,
      `import { systemClock } from ${from("base/clock.ts")};`,
      `import { silentLogger } from ${from("base/logger.ts")};`,
      "const [url, apiKey, apiSecret] = process.argv.slice(1);",
      "const options = { url, apiKey, apiSecret, rateHz: 16000, clock: systemClock };",
      "const media = new LiveKitMedia({ ...options, logger: silentLogger });",
      'const place = { tenant: "acme", room: "still", identity: "agent", on: () => undefined };',
      "const room = await media.join({ ...place, signal: new AbortController().signal });",
      "const frame = { samples: new Int16Array(320), rateHz: 16000 };",
      "await room.speaker.write(frame);",
      "await media[Symbol.asyncDispose]();",
    ];
    const { url, apiKey, apiSecret } = server;
    const line = ["--input-type=module", "-e", lines.join("\n"), url, apiKey, apiSecret];
    const { stdout, stderr } = await run(process.execPath, line, { timeout: 20_000 });
    assert.deepEqual([stdout, stderr], ["", ""]);
  });
});

suite("how a stay ends", { skip }, () => {
  const lastOf = (events: readonly RoomEvent[]): RoomEvent => events.at(-1)!;

  test("a deleted room, a removed and a doubled agent are told as what they are", async () => {
    const service = roomService(server);
    const [deleted, removed, doubled] = [newRoom(), newRoom(), newRoom()];
    const agents = [await join(deleted), await join(removed), await join(doubled)];
    await service.deleteRoom(deleted);
    await service.removeParticipant(removed, "agent");
    const second = await join(doubled);
    const reasons = ["room deleted", "participant removed", "duplicate identity"];
    for (const [i, { connection, events }] of agents.entries()) {
      await until(reasons[i]!, () => typesOf(events).includes("disconnected"));
      const told = { type: "disconnected", reason: reasons[i], lost: false };
      assert.deepEqual(lastOf(events), told);
      await connection.leave();
    }
    await second.connection.leave();
  });

  test("a server that is not there, or lets nobody in, is told with what to check", async () => {
    const nobody = open("ws://127.0.0.1:9");
    const options = { tenant: "acme", room: "r", identity: "agent", on: () => undefined };
    const { signal } = new AbortController();
    const code = "room.unavailable";
    await assert.rejects(nobody.join({ ...options, signal }), { code, message: /LIVEKIT_URL/ });
    await nobody[Symbol.asyncDispose]();
    const stopped = media.join({ ...options, room: newRoom(), signal: AbortSignal.timeout(1) });
    await assert.rejects(stopped, { code });
  });

  test("it is told of a connection that breaks and comes back", async () => {
    const wires = new Set<net.Socket>();
    const proxy = net.createServer((wire) => {
      const far = net.connect(Number(new URL(server.url).port), "127.0.0.1");
      for (const end of [wire, far]) wires.add(end.on("error", () => undefined));
      wire.pipe(far).pipe(wire);
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const { port } = proxy.address() as net.AddressInfo;
    const rooms = open(`ws://127.0.0.1:${port}`);
    const events: RoomEvent[] = [];
    const { signal } = new AbortController();
    const on = (event: RoomEvent): void => void events.push(event);
    await rooms.join({ tenant: "acme", room: newRoom(), identity: "agent", signal, on });
    for (const wire of wires) wire.destroy();
    await until("the way back", () => typesOf(events).includes("reconnected"));
    assert.deepEqual(typesOf(events), ["reconnecting", "reconnected"]);
    await rooms[Symbol.asyncDispose]();
    proxy.close();
    for (const wire of wires) wire.destroy();
  });

  test("a connection that is made anew gives tracks new names, and they are heard", async (t) => {
    const room = newRoom();
    const made = t.mock.method(Room.prototype, "connect");
    await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
    const { connection, events } = await join(room);
    const first = sidOf(events);
    const agent = made.mock.calls.at(-1)!.this as Room;
    await agent.simulateScenario(SimulateScenarioKind.SIMULATE_FORCE_TCP);
    await until("the way back", () => typesOf(events).includes("reconnected"));
    assert.ok(events.some((event) => event.type === "track.unpublished" && event.sid === first));
    assert.equal(sidOf(events), `${first}-2`);
    const frames: AudioFrame[] = [];
    const listening = connection.listen(`${first}-2`, (frame) => frames.push(frame));
    const said = caller.say(tone(1_000));
    await until("sound", () => frames.some(({ samples }) => isVoiced(samples)));
    await said;
    await speak(connection, 200);
    await until("the agent", () => caller.heard.some(({ samples }) => isVoiced(samples)));
    listening.close();
    await connection.leave();
  });

  test("an error in one room's listener touches no other room", async () => {
    const room = newRoom();
    const bad = await join(room, () => {
      throw new Error("a bug of one call");
    });
    const other = newRoom();
    const { connection, events } = await join(other);
    await using caller = await LiveKitCaller.join(server, { room: other, identity: "ann" });
    await using guest = await LiveKitCaller.join(server, { room, identity: "eve" });
    await until("both", () => typesOf(events).includes("track.published"));
    const frames: AudioFrame[] = [];
    const listening = connection.listen(sidOf(events), (frame) => frames.push(frame));
    await caller.say(tone(300));
    await until("sound", () => frames.some(({ samples }) => isVoiced(samples)));
    listening.close();
    assert.ok(said.includes("an event of a room failed"));
    await guest.leave();
    await Promise.all([connection.leave(), bad.connection.leave()]);
  });

  test("thirty stays leave nothing behind", { timeout: 120_000 }, async () => {
    const ffi = globalThis._ffiClientInstance!;
    const state = () => ({
      listeners: ffi.listenerCount("ffi_event"),
      files: readdirSync("/proc/self/fd").length,
      threads: readdirSync("/proc/self/task").length,
    });
    const stay = async (i: number): Promise<void> => {
      const room = newRoom();
      await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
      const { connection, events } = await join(room);
      await until("a track", () => typesOf(events).includes("track.published"));
      const frames: AudioFrame[] = [];
      connection.listen(sidOf(events), (frame) => frames.push(frame));
      await Promise.all([speak(connection, 100), caller.say(tone(40))]);
      await until("sound", () => frames.length > 0);
      // Every third is thrown out, which is another way to go.
      if (i % 3 === 0) {
        await roomService(server).removeParticipant(room, "agent");
        await until("the end", () => typesOf(events).includes("disconnected"));
      }
      await connection.leave();
    };
    for (let i = 0; i < 3; i++) await stay(i);
    const before = state();
    for (let i = 0; i < 30; i++) await stay(i);
    assert.equal(state().listeners, before.listeners);
    await until("files as before", () => state().files <= before.files + 5);
    // Those of its pools end when they have been idle for some seconds.
    await until("threads as before", () => state().threads <= before.threads + 5);
  });
});
