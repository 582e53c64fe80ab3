import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  AudioFrame,
  AudioSource,
  dispose,
  LocalAudioTrack,
  type Room,
  TrackPublishOptions,
  TrackSource,
} from "@livekit/rtc-node";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import {
  Callers,
  FakeJobs,
  openLine,
  register,
  type Registered,
  start,
  until,
} from "./livekit-bench.ts";

/** LiveKit's own dispatch on a real server: what becomes of a room that wants an agent. */
const found = await findLiveKit();
const path = "path" in found ? found.path : "";

/** Of time that passes ten times as fast. */
const since = systemClock.now();
const hasty: Clock = {
  now: () => since + 10 * (systemClock.now() - since),
  after: (delayMs, fn) => systemClock.after(delayMs / 10, fn),
};

const missing = "missing" in found && found.missing;
suite("LiveKit's dispatch", { skip: missing, concurrency: 6 }, () => {
  let server: LiveKitServer;
  let callers: Callers;
  before(async () => {
    server = await LiveKitServer.start({ path });
    callers = new Callers(server);
  });
  after(async () => {
    await callers[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await dispose();
  });

  const connections = ({ lines }: Registered) =>
    lines.filter(({ message }) => message.includes("Connected to LiveKit"));

  test("a registration is one line in the log, with server and worker", async () => {
    await using px = await register(server, { agentName: "line" });
    const { state } = px.dispatch;
    assert.ok(state.connected);
    assert.match(state.workerId, /^AW_\w+$/);
    const { url } = server;
    const fields = { url, workerId: state.workerId, agentName: "line", per: "room" };
    assert.deepEqual(connections(px), [{ message: "Connected to LiveKit", fields }]);
  });

  test("wrong keys are told with what is wrong, and tried again", async () => {
    const apiSecret = "another-secret-of-at-least-32-characters";
    await using px = start(server, { agentName: "wrong", apiSecret, clock: hasty });
    const told = () => px.lines.filter(({ message }) => message === "no connection to LiveKit");
    await until("it was tried again", () => told().length > 1);
    assert.match(JSON.stringify(told()[0]?.fields), /401/);
    assert.equal(px.dispatch.state.connected, false);
  });

  test("by name: a dispatch becomes an offer in our queue", async () => {
    await using px = await register(server, { agentName: "named", agent: "desk" });
    await callers.dispatches.createDispatch("named", "named", { metadata: '{"a":1}' });
    await until("it is queued", () => px.jobs.queued.length > 0);
    const payload = { agent: "desk", metadata: '{"a":1}' };
    assert.deepEqual(px.jobs.queued, [{ tenant: "acme", room: "named", payload }]);
  });

  test("by name: a new room alone asks for nobody", async () => {
    await using px = await register(server, { agentName: "quiet" });
    await callers.rooms.createRoom({ name: "quiet" });
    await callers.dispatches.createDispatch("asked-later", "quiet");
    await until("the later one is queued", () => px.jobs.of("asked-later").length > 0);
    assert.deepEqual(px.jobs.of("quiet"), []);
  });

  test("by a caller's token", async () => {
    await using px = await register(server, { agentName: "token" });
    await callers.join("by-token", "ann", ["token"]);
    await until("it is queued", () => px.jobs.queued.length > 0);
    const job = { tenant: "acme", room: "by-token", payload: { metadata: "m" } };
    assert.deepEqual(px.jobs.queued, [job]);
  });

  test("automatically: every new room of the pattern, and no other", async () => {
    await using px = await register(server, { agentName: "", rooms: "desk-*" });
    await callers.rooms.createRoom({ name: "office-1" });
    await callers.rooms.createRoom({ name: "desk-1" });
    await callers.rooms.createRoom({ name: "my-desk-2" });
    await callers.join("desk-2", "bob");
    await until("both are queued", () => px.jobs.queued.length === 2);
    assert.deepEqual(px.jobs.queued.map(({ room }) => room).toSorted(), ["desk-1", "desk-2"]);
  });

  test("per publisher: when one publishes, and once for a room", async () => {
    await using px = await register(server, { agentName: "", per: "publisher", rooms: "pub-*" });
    const ann = await callers.join("pub-1", "ann");
    const bob = await callers.join("pub-1", "bob");
    await callers.rooms.createRoom({ name: "pub-2" });
    assert.deepEqual(px.jobs.queued, []);
    await publish(ann);
    await until("it is queued", () => px.jobs.queued.length > 0);
    await publish(bob);
    await until("both are answered", async () => (await callers.jobsOf("pub-1")).length === 2);
    assert.deepEqual(
      px.jobs.queued.map(({ room }) => room),
      ["pub-1"],
    );
  });

  test("a room that has an agent gets no second one, and the first is still ended", async () => {
    await using px = await register(server, { agentName: "twice" });
    const { dispatches } = callers;
    const first = await dispatches.createDispatch("twice", "twice");
    await until("it is queued", () => px.jobs.queued.length > 0);
    const second = await dispatches.createDispatch("twice", "twice");
    const stateOf = async (id: string) =>
      (await dispatches.getDispatch(id, "twice"))?.state?.jobs.map(({ state }) => state?.status);
    // JS_SUCCESS: done with nothing to do.
    await until("the second is answered", async () => (await stateOf(second.id))?.[0] === 2);
    assert.equal(px.jobs.queued.length, 1);
    await dispatches.deleteDispatch(second.id, "twice");
    await dispatches.deleteDispatch(first.id, "twice");
    await until("the call is told to end", () => px.ended.length > 0);
    assert.deepEqual(px.ended, ["twice: dispatch deleted"]);
  });

  test("the end of a call is the success of its job", async () => {
    await using px = await register(server, { agentName: "over" });
    await callers.dispatches.createDispatch("over", "over");
    await until("it runs", async () => (await callers.jobsOf("over")).length > 0);
    const jobs = await callers.jobsOf("over");
    assert.equal(px.end("another"), false);
    assert.equal(px.end("over"), true);
    await until("LiveKit has it", async () => (await callers.endsOf(jobs)).length > 0);
    assert.deepEqual(await callers.endsOf(jobs), ["JS_SUCCESS"]);
  });

  test("an agent that leaves or is taken over ends no call", async () => {
    await using px = await register(server, { agentName: "taken" });
    const dispatch = await callers.dispatches.createDispatch("taken", "taken");
    await until("it runs", async () => (await callers.jobsOf("taken")).length > 0);
    const jobs = await callers.jobsOf("taken");
    await callers.join("taken", "agent");
    await callers.join("taken", "agent");
    await until("LiveKit ends the job", async () => (await callers.endsOf(jobs)).length > 0);
    // A later end, which takes the same way, is the proof that the first has been dealt with.
    const later = await callers.dispatches.createDispatch("taken-later", "taken");
    await until("it is queued", () => px.jobs.queued.length > 1);
    await callers.dispatches.deleteDispatch(later.id, "taken-later");
    await until("it is ended", () => px.ended.length > 0);
    assert.deepEqual(px.ended, ["taken-later: dispatch deleted"]);
    await callers.dispatches.deleteDispatch(dispatch.id, "taken");
  });

  test("ten at once, in one process", async () => {
    await using px = await register(server, { agentName: "burst" });
    const rooms = Array.from({ length: 10 }, (_, i) => `burst-${i}`);
    await Promise.all(rooms.map((room) => callers.dispatches.createDispatch(room, "burst")));
    await until("all are queued", () => px.jobs.queued.length >= 10);
    assert.deepEqual(px.jobs.queued.map(({ room }) => room).toSorted(), rooms);
  });

  test("above its threshold a worker is given nothing while another has room", async () => {
    await using full = await register(server, { agentName: "spread", clock: hasty });
    await using free = await register(server, { agentName: "spread" });
    full.load = 1;
    const told = full.loadAsked;
    await until("the load is told", () => full.loadAsked > told);
    const rooms = Array.from({ length: 6 }, (_, i) => `spread-${i}`);
    for (const room of rooms) await callers.dispatches.createDispatch(room, "spread");
    await until("all are queued", () => free.jobs.queued.length >= 6);
    assert.deepEqual(full.jobs.queued, []);
  });

  test("a worker that is nearly full is given one more", async () => {
    await using px = await register(server, { agentName: "nearly", clock: hasty });
    px.load = 0.95;
    const told = px.loadAsked;
    await until("the load is told", () => px.loadAsked > told);
    await callers.dispatches.createDispatch("nearly", "nearly");
    await until("it is queued", () => px.jobs.queued.length > 0);
  });

  test("a worker that drains is given nothing, and ends what it has", async () => {
    await using px = await register(server, { agentName: "drain" });
    const dispatch = await callers.dispatches.createDispatch("drain-1", "drain");
    await until("it is queued", () => px.jobs.queued.length > 0);
    px.dispatch.drain();
    await callers.dispatches.createDispatch("drain-2", "drain");
    await callers.dispatches.deleteDispatch(dispatch.id, "drain-1");
    await until("the call is told to end", () => px.ended.length > 0);
    assert.equal(px.jobs.queued.length, 1);
  });

  test("asked for while no worker was there: queued when one is, and once", async () => {
    await callers.dispatches.createDispatch("early", "late", { metadata: "hello" });
    const jobs = new FakeJobs();
    await using one = await register(server, { agentName: "late", jobs });
    await until("it is queued", () => one.jobs.queued.length > 0);
    await using other = await register(server, { agentName: "late", jobs });
    await callers.dispatches.createDispatch("after", "late");
    await until("the next is queued", () => jobs.of("after").length > 0);
    assert.deepEqual(
      other.jobs.queued.map(({ room }) => room),
      ["early", "after"],
    );
    assert.deepEqual(jobs.of("early")[0]?.payload, { metadata: "hello" });
  });

  test("while the queue cannot be reached a job waits for it", async () => {
    await using px = await register(server, { agentName: "waits" });
    px.jobs.isDown = true;
    await callers.dispatches.createDispatch("waits", "waits");
    await until("it was tried", () => px.jobs.refused > 1);
    px.jobs.isDown = false;
    await until("it is queued", () => px.jobs.queued.length > 0);
    assert.deepEqual(
      px.jobs.queued.map(({ room }) => room),
      ["waits"],
    );
  });

  test("a job that nobody could queue in time is found again", async () => {
    await using px = await register(server, { agentName: "found-again", clock: hasty });
    px.jobs.isDown = true;
    await callers.dispatches.createDispatch("found-again", "found-again");
    const given = ({ message }: { message: string }) => message.includes("could not be queued");
    await until("it was declined", () => px.lines.some(given));
    px.jobs.isDown = false;
    await until("it is queued", () => px.jobs.queued.length > 0);
    assert.deepEqual(
      px.jobs.queued.map(({ room }) => room),
      ["found-again"],
    );
  });

  test("a connection that is cut comes back, and a dispatch deleted after it ends", async () => {
    await using line = await openLine(Number(new URL(server.url).port));
    await using px = await register(server, { url: line.url, agentName: "cut", clock: hasty });
    const dispatch = await callers.dispatches.createDispatch("cut", "cut");
    await until("it is queued", () => px.jobs.queued.length > 0);
    await until("it runs", async () => (await callers.jobsOf("cut")).length > 0);
    line.cut();
    await until("it is registered again", () => connections(px).length === 2);
    await callers.dispatches.deleteDispatch(dispatch.id, "cut");
    await until("the call is told to end", () => px.ended.length > 0);
    assert.deepEqual(px.ended, ["cut: dispatch deleted"]);
    assert.equal(px.jobs.queued.length, 1);
  });

  test("a server that goes silent is left within three pings", async () => {
    await using line = await openLine(Number(new URL(server.url).port));
    await using px = await register(server, { url: line.url, agentName: "mute", clock: hasty });
    line.silence();
    await until("it is noticed", () => !px.dispatch.state.connected, 2_000);
    await until("it is registered again", () => connections(px).length === 2);
  });
});

test("a LiveKit server that restarts is found again", { skip: missing }, async () => {
  await using server = await LiveKitServer.start({ path });
  await using px = await register(server, { agentName: "restart" });
  await server.kill();
  await until("the loss is seen", () => !px.dispatch.state.connected);
  const { state } = px.dispatch;
  assert.ok(!state.connected && state.why !== "");
  await server.restart();
  await until("it is registered again", () => px.dispatch.state.connected);
  const lines = px.lines.filter(({ message }) => message.includes("Connected to LiveKit"));
  assert.equal(lines.length, 2);
  await using callers = new Callers(server);
  await callers.dispatches.createDispatch("next", "restart");
  await until("the next call works", () => px.jobs.of("next").length > 0);
});

/** One frame of silence is enough to be a publisher. */
async function publish(room: Room): Promise<void> {
  const source = new AudioSource(16_000, 1);
  const track = LocalAudioTrack.createAudioTrack("voice", source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
  await room.localParticipant?.publishTrack(track, options);
  await source.captureFrame(new AudioFrame(new Int16Array(320), 16_000, 1, 320));
}
