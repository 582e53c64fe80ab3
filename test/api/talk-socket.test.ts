import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";
import { replay } from "../../src/actors/replay.ts";
import { SimulatedClock, systemClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { CallRef, LogRecord } from "../../src/events/record.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { openTalkServer, QUESTION, RATE_HZ, type TalkServer } from "./talk-bench.ts";

const ANSWER = "We are open every day, from ten in the morning until eleven in the evening.";

function open(broker = openMemory({ clock: systemClock })): Promise<TalkServer> {
  return openTalkServer(broker, ANSWER);
}

interface Message {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A page without a window: what it was told, and how much sound it got. */
class Client implements Disposable {
  readonly socket: WebSocket;
  readonly told: Message[] = [];
  soundMs = 0;
  closed: { code: number; reason: string } | undefined;

  constructor({ url }: TalkServer, options: { readonly autoPong?: boolean } = {}) {
    const to = `${url.replace("http", "ws")}/api/talk`;
    this.socket = new WebSocket(to, { origin: url, ...options });
    this.socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.soundMs += (data.length / 2 / RATE_HZ) * 1000;
      else this.told.push(JSON.parse(data.toString()) as Message);
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on("error", () => undefined);
  }

  async send(message: object | string | Buffer): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, "open");
    const isRaw = typeof message === "string" || Buffer.isBuffer(message);
    this.socket.send(isRaw ? message : JSON.stringify(message));
  }

  async join(identity: string, more: object = {}): Promise<CallRef> {
    await this.send({ type: "join", identity, speaks: true, ...more });
    const { tenant, call } = (await this.next("joined")) as unknown as CallRef & Message;
    return { tenant, call };
  }

  async next(type: string): Promise<Message> {
    await until(`a message ${type}`, () => this.told.some((message) => message.type === type));
    return this.told.find((message) => message.type === type)!;
  }

  /** Says the question, frame by frame, faster than real time only where it may. */
  async speak(): Promise<void> {
    const sound = (value: number) => Buffer.from(new Int16Array(160).fill(value).buffer);
    for (let i = 0; i < 40; i++) {
      await this.send(sound(i < 30 ? 1 : 0));
      await wait(20);
    }
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

/** Waits for a fact, at most half a minute. */
async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.now() + 30_000;
  while (!(await is())) {
    assert.ok(systemClock.now() < end, `waited in vain for ${what}`);
    await wait(10);
  }
}

function untilRecord(
  { records }: TalkServer,
  ref: CallRef,
  is: (record: LogRecord) => boolean,
): Promise<void> {
  return until("a record", async () => (await records(ref)).some(is));
}

function eventOf({ input }: LogRecord): Message | undefined {
  return input["event"] as Message | undefined;
}

const isGreeted = ({ outcome }: LogRecord): boolean =>
  outcome.emitted.some(({ type, n }) => type === "turn.ended" && n === 1);

suite("a talk over the socket", () => {
  test("speech is understood, answered with sound, cut when interrupted, and replays", async () => {
    await using server = await open();
    using page = new Client(server);
    const ref = await page.join("ann");
    await untilRecord(server, ref, isGreeted);
    await until("the greeting", () => page.soundMs > 0);
    const greeting = page.soundMs;
    await page.speak();
    await until("the answer", () => page.soundMs > greeting + 500);
    const cleared = page.told.filter(({ type }) => type === "clear").length;
    await page.speak();
    await until("a clear", () => page.told.filter((m) => m.type === "clear").length > cleared);
    await page.send({ type: "hangUp" });
    await untilRecord(server, ref, ({ input }) => input.type === "call.ended");
    const records = await server.records(ref);
    const turns = turnSummaries(records);
    assert.equal(turns[1]?.userText, QUESTION);
    assert.equal(turns[1]?.status, "cutOff");
    assert.ok(turns[1].heardText.length < ANSWER.length);
    assert.ok(turns[1].heardText.length > 0);
    const { verdict } = await replay(records, { machines: MACHINES, deep: true });
    assert.equal(verdict, "reproduced");
  });

  test("typed words are answered with sound", async () => {
    await using server = await open();
    using page = new Client(server);
    const ref = await page.join("ann", { speaks: false });
    await page.send({ type: "text", text: "Hello there" });
    await untilRecord(server, ref, (r) => eventOf(r)?.type === "text.received");
    await untilRecord(server, ref, (r) => eventOf(r)?.type === "reply.position");
    await until("the sound", () => page.soundMs > 0);
    assert.equal((await page.next("joined"))["rateHz"], RATE_HZ);
  });

  test("who comes back in time goes on with the same call, and is not greeted again", async () => {
    await using server = await open();
    const first = new Client(server);
    const ref = await first.join("ann");
    await untilRecord(server, ref, isGreeted);
    first.socket.terminate();
    await untilRecord(server, ref, (r) => eventOf(r)?.type === "participant.left");
    using second = new Client(server);
    assert.deepEqual(await second.join("ann"), ref);
    await second.send({ type: "text", text: "Are you still there?" });
    await until("an answer", () => second.soundMs > 0);
    const turns = turnSummaries(await server.records(ref));
    assert.deepEqual(
      turns.map(({ agentText }) => agentText),
      ["Hello.", ANSWER],
    );
  });

  test("two pages of one person: one call, the later one has it", async () => {
    await using server = await open();
    using first = new Client(server);
    using second = new Client(server);
    const refs = await Promise.all([first.join("ann"), second.join("ann")]);
    assert.deepEqual(refs[0], refs[1]);
    await until("a dismissal", () => [first, second].some(({ closed }) => closed !== undefined));
    const [gone] = [first, second].filter(({ closed }) => closed !== undefined);
    assert.deepEqual(gone?.told.at(-1), { type: "dismissed", why: "replaced" });
    assert.equal((await server.broker.log.calls()).length, 1);
  });

  test("after the server died its call goes on with a new one", async () => {
    const broker = openMemory({ clock: systemClock });
    let ref: CallRef;
    {
      await using server = await open(broker);
      using page = new Client(server);
      ref = await page.join("ann");
      await untilRecord(server, ref, isGreeted);
      await page.speak();
      await untilRecord(server, ref, (r) => eventOf(r)?.type === "reply.position");
    }
    await using server = await open(broker);
    using stranger = new Client(server);
    assert.notDeepEqual(await stranger.join("eve", { last: ref }), ref);
    using page = new Client(server);
    assert.deepEqual(await page.join("ann", { last: ref }), ref);
    await page.speak();
    await until("an answer", () => page.soundMs > 300);
    const records = await server.records(ref);
    const { verdict } = await replay(records, { machines: MACHINES, deep: true });
    assert.equal(verdict, "reproduced");
    assert.equal(records.filter(({ input }) => input.type === "owner.changed").length, 1);
    assert.equal(turnSummaries(records).filter((t) => t.agentText === "Hello.").length, 1);
  });

  test("a call that has ended is not gone on with", async () => {
    await using server = await open();
    using first = new Client(server);
    const ref = await first.join("ann");
    await first.send({ type: "hangUp" });
    await untilRecord(server, ref, ({ input }) => input.type === "call.ended");
    using second = new Client(server);
    assert.notDeepEqual(await second.join("ann", { last: ref }), ref);
  });

  test("no more calls at a time than the limit", async () => {
    await using server = await open();
    const pages = Array.from({ length: LIMITS.pageCallsMax }, () => new Client(server));
    await Promise.all(pages.map((page, i) => page.join(`p${i}`)));
    using late = new Client(server);
    await late.send({ type: "join", identity: "late", speaks: false });
    assert.equal((await late.next("error"))["code"], "page.full");
    await until("the end", () => late.closed?.code === 1013);
    for (const page of pages) page[Symbol.dispose]();
  });
});

suite("what a page does wrong", () => {
  const joined = { type: "join", identity: "ann", speaks: true };
  const FLOOD = Array.from({ length: LIMITS.pageTextsPerMinuteMax + 1 }, () => ({
    type: "text",
    text: "!",
  }));
  const WRONG: readonly (readonly [string, readonly (object | string | Buffer)[]])[] = [
    ["no JSON", ["hello"]],
    ["an unknown type", [{ type: "shout" }]],
    ["an unknown field", [{ ...joined, admin: true }]],
    ["an identity that is no token", [{ ...joined, identity: "../../etc" }]],
    ["sound before joining", [Buffer.alloc(320)]],
    ["words before joining", [{ type: "text", text: "hello" }]],
    ["joining twice", [joined, joined]],
    ["a text that is too long", [joined, { type: "text", text: "x".repeat(2_001) }]],
    ["half a sample", [joined, Buffer.alloc(321)]],
    ["too much sound at once", [joined, Buffer.alloc(6_402)]],
    ["a flood of texts", [joined, ...FLOOD]],
    ["a position that is none", [joined, { type: "played", stream: 1, ms: -1 }]],
  ];

  test("is told, and ends its socket alone", async () => {
    await using server = await open();
    using other = new Client(server);
    await other.join("bob");
    for (const [what, messages] of WRONG) {
      using page = new Client(server);
      for (const message of messages) {
        await page.send(message);
        if (message === joined && messages.length > 1) await page.next("joined");
      }
      const error = await page.next("error");
      assert.equal(error["code"], "input.invalid", what);
      assert.ok(String(error["message"]).length > 5, what);
      await until("the end", () => page.closed !== undefined);
      assert.deepEqual(page.closed, { code: 1008, reason: "input.invalid" }, what);
    }
    const before = other.soundMs;
    await other.send({ type: "text", text: "Hello there" });
    await until("an answer", () => other.soundMs > before);
    assert.equal(other.closed, undefined);
  });

  test("a message beyond the limit ends its socket", async () => {
    await using server = await open();
    using page = new Client(server);
    await page.join("ann");
    await page.send(Buffer.alloc(LIMITS.pageMessageBytesMax + 2));
    await until("the end", () => page.closed?.code === 1009);
  });

  test("who never joins, and who is gone without a word, is let go", async () => {
    const clock = new SimulatedClock();
    const broker = openMemory({ clock: systemClock });
    await using server = await openTalkServer(broker, ANSWER, clock);
    using idle = new Client(server);
    await once(idle.socket, "open");
    using gone = new Client(server, { autoPong: false });
    using there = new Client(server);
    const ref = await gone.join("ann");
    const bob = await there.join("bob");
    const pinged = Promise.all([gone, there].map(({ socket }) => once(socket, "ping")));
    await clock.advance(10_000);
    await until("the idle one's end", () => idle.closed?.code === 1001);
    await pinged;
    // The answer to a ping is on its way before these words, so it has come when they have.
    await there.send({ type: "text", text: "I am here" });
    await untilRecord(server, bob, (r) => eventOf(r)?.type === "text.received");
    await clock.advance(10_000);
    await until("the lost one's end", () => gone.closed !== undefined);
    await untilRecord(server, ref, (r) => eventOf(r)?.type === "participant.left");
    assert.equal(there.closed, undefined);
  });

  test("a socket from elsewhere, or to elsewhere, is refused", async () => {
    await using server = await open();
    const { port } = new URL(server.url);
    const refused = async (path: string, options: object): Promise<number> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
      const [, response] = (await once(socket, "unexpected-response")) as [
        unknown,
        { statusCode: number },
      ];
      socket.on("error", () => undefined);
      socket.terminate();
      return response.statusCode;
    };
    assert.equal(await refused("/api/talk", { origin: "https://evil.example" }), 403);
    assert.equal(await refused("/api/talk", {}), 403);
    const host = { origin: server.url, headers: { host: "evil.example" } };
    assert.equal(await refused("/api/talk", host), 403);
    assert.equal(await refused("/api/other", { origin: server.url }), 404);
  });
});
