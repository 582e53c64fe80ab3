import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { AppError, type ErrorCode } from "../../src/base/errors.ts";
import type { Usage } from "../../src/events/effect.events.ts";
import type { Llm, LlmEvent, LlmRequest, LlmUsage } from "../../src/providers/llm.port.ts";
import type { LlmEmulator } from "../emulators/llm-emulator.ts";
import type { Fault } from "../emulators/vendor-server.ts";

/** What every language model keeps, whoever serves it: through its real SDK, to a real socket. */
export interface LlmBench extends AsyncDisposable {
  readonly llm: Llm;
  readonly emulator: LlmEmulator;
}

export interface LlmAdapter {
  readonly name: string;
  readonly open: (effort?: string) => Promise<LlmBench>;
  /** The vendor tells what it writes to its cache. */
  readonly countsCacheWrites: boolean;
  /** The vendor tells the input before the first word, so that it is known of an aborted answer. */
  readonly tellsInputFirst: boolean;
  /** Of an answer of three words, the piece that says it is whole. */
  readonly endPiece: number;
}

/** Long enough to be looked for in errors. */
export const KEY = "sk-test-0123456789abcdef0123456789abcdef";

const MANY_REQUESTS = 1000;
const BEAT_MS = 20;
const LOOKS_MAX = 5_000;

export function llmContract(adapter: LlmAdapter): void {
  const { name, open } = adapter;
  describe(`${name}: the language model`, () => {
    it("gives the first words before the last are made", async () => {
      await using bench = await open();
      const { llm, emulator } = bench;
      emulator.answers.push({ text: "one two three four five six" });
      let billedAtFirst = 0;
      const text: string[] = [];
      for await (const event of llm.stream(asked("Count."), never())) {
        if (event.type !== "text") continue;
        if (text.length === 0) billedAtFirst = emulator.server.total("outputTokens");
        text.push(event.text);
      }
      assert.equal(text.join(""), "one two three four five six");
      assert.ok(billedAtFirst < emulator.server.total("outputTokens"));
    });

    it("asks with the key it was given, and for its model", async () => {
      await using bench = await open();
      assert.equal(textOf(await all(bench.llm, asked("Hello."))), "You said: Hello.");
      const [seen] = bench.emulator.server.seen;
      const sent = JSON.stringify([seen!.path, seen!.headers, seen!.body]);
      assert.ok(sent.includes(KEY) && sent.includes(bench.llm.model));
    });

    usage(adapter);
    stopping(adapter);
    failing(adapter);
    tools(adapter);

    it(`leaves no socket and no listener behind in ${MANY_REQUESTS} requests`, async () => {
      await using bench = await open();
      const { llm, emulator } = bench;
      emulator.server.script.everyMs = 0;
      const { signal } = new AbortController();
      for (let n = 0; n < 10; n++) await all(llm, asked("Hi"), signal);
      const { openSockets, socketsEver } = emulator.server;
      for (let n = 0; n < MANY_REQUESTS; n++) await all(llm, asked("Hi"), signal);
      assert.ok(emulator.server.openSockets <= openSockets, "open sockets");
      assert.ok(emulator.server.socketsEver <= socketsEver + 2, "sockets ever");
      assert.equal(getEventListeners(signal, "abort").length, 0);
    });
  });
}

function usage({ open, countsCacheWrites }: LlmAdapter): void {
  it("counts what is billed, each token in one class", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    const cacheWriteTokens = countsCacheWrites ? 8 : 0;
    const counts = { cacheReadTokens: 20, cacheWriteTokens, reasoningTokens: 33 };
    emulator.answers.push({ text: "It is a quarter past four.", ...counts });
    const words = "What time is it? ".repeat(20);
    const told = usageOf(await all(llm, asked(words)));
    assert.deepEqual(told, billed(emulator));
    assert.deepEqual(
      [told.cacheReadTokens, told.cacheWriteTokens, told.reasoningTokens],
      [20, cacheWriteTokens, 33],
    );
    assert.ok(told.inputTokens! > 0 && told.outputTokens! > 0);
  });

  it("names the model that answered; a dated one is the asked one", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    emulator.answers.push({ text: "a", model: "another-model" });
    emulator.answers.push({ text: "b", model: `${llm.model}-2026-09-22` });
    const told = [...(await all(llm, asked("1"))), ...(await all(llm, asked("2")))];
    const models = told.flatMap((event) => (event.type === "usage" ? [event.usage.model] : []));
    assert.deepEqual([...new Set(models)], ["another-model", llm.model]);
  });

  it("waits for counts that come late", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    emulator.server.script.faults.push({ kind: "lateUsage", ms: 40 });
    assert.deepEqual(usageOf(await all(llm, asked("Hello."))), billed(emulator));
  });

  it("gives what it used before it says that it refuses", async () => {
    await using bench = await open();
    bench.emulator.answers.push({ text: "I will", refused: true });
    const { events, error } = await failed(bench.llm, asked("Something bad."));
    assert.equal(error.code, "provider.refused");
    assert.deepEqual(usageOf(events), billed(bench.emulator));
  });

  it("ends an answer at the most tokens asked for, without an error", async () => {
    await using bench = await open();
    bench.emulator.answers.push({ text: "abcdefghijklmnop" });
    const events = await all(bench.llm, { ...asked("Letters."), maxOutputTokens: 2 });
    assert.equal(textOf(events), "abcdefgh");
    assert.equal(usageOf(events).outputTokens, 2);
  });
}

function stopping({ open, tellsInputFirst }: LlmAdapter): void {
  it("stopped, it ends, closes its socket, and at most two more pieces leave", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    const { server } = emulator;
    server.script.everyMs = BEAT_MS;
    emulator.answers.push({ text: "word ".repeat(200) });
    const stop = new AbortController();
    let atStop = 0;
    const { events, error } = await failed(llm, asked("Talk."), {
      signal: stop.signal,
      onEvent: (told) => {
        if (told.filter(({ type }) => type === "text").length !== 3 || atStop > 0) return;
        atStop = server.billed.length;
        stop.abort();
      },
    });
    assert.equal(error.code, "effect.stopped");
    await until(() => server.openSockets === 0);
    assert.ok(server.billed.length <= atStop + 2, "pieces that left after it");
    assert.equal(server.aborted, 1);
    assert.equal(getEventListeners(stop.signal, "abort").length, 0);
    const told = usageOf(events);
    if (tellsInputFirst) assert.equal(told.inputTokens, server.total("inputTokens"));
    assert.ok((told.outputTokens ?? 0) <= server.total("outputTokens"));
  });

  it("stopped while nothing comes any more, it ends too", async () => {
    const faults: readonly Fault[] = [
      { kind: "slow", ms: 100 },
      { kind: "halfOpen", after: 0 },
      { kind: "halfOpen", after: 3 },
    ];
    for (const fault of faults) {
      await using bench = await open();
      const { server } = bench.emulator;
      server.script.faults.push(fault);
      const stop = new AbortController();
      const ended = failed(bench.llm, asked("Hello, you there."), stop);
      await until(() => server.seen.length === 1);
      stop.abort();
      assert.equal((await ended).error.code, "effect.stopped");
      await until(() => server.openSockets === 0);
    }
  });

  it("stopped before it is asked, it asks nobody", async () => {
    await using bench = await open();
    const { error } = await failed(bench.llm, asked("Hello."), { signal: AbortSignal.abort() });
    assert.equal(error.code, "effect.stopped");
    assert.equal(bench.emulator.server.seen.length, 0);
  });

  it("left by its reader, it closes its socket", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    emulator.server.script.everyMs = BEAT_MS;
    emulator.answers.push({ text: "word ".repeat(200) });
    const { signal } = new AbortController();
    for await (const event of llm.stream(asked("Talk."), signal)) if (event.type === "text") break;
    await until(() => emulator.server.openSockets === 0);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
}

const STATUSES: readonly (readonly [number, ErrorCode])[] = [
  [400, "provider.refused"],
  [401, "provider.rejected"],
  [402, "provider.rejected"],
  [403, "provider.rejected"],
  [404, "provider.refused"],
  [408, "provider.timeout"],
  [429, "provider.limited"],
  [500, "provider.failed"],
  [503, "provider.failed"],
  [504, "provider.timeout"],
  [529, "provider.failed"],
];

/** What breaks an answer off, and what it may be called. */
const BREAKS: readonly Fault[] = [
  { kind: "drop", after: 0 },
  { kind: "drop", after: 4 },
  { kind: "garbage", after: 0 },
  { kind: "garbage", after: 4 },
  { kind: "cut", after: 0 },
  { kind: "cut", after: 4 },
];

function failing({ open, endPiece }: LlmAdapter): void {
  it("tells each refusal by its code, once, and never shows the key", async () => {
    await using bench = await open();
    const { server } = bench.emulator;
    const { errorBody } = server;
    server.errorBody = (status, message, after) =>
      errorBody(status, `${message} for the key ${KEY}`, after);
    for (const [status, code] of STATUSES) {
      server.script.faults.push({ kind: "status", status, retryAfterS: 7 });
      const { events, error } = await failed(bench.llm, asked("Hello."));
      assert.deepEqual([status, error.code, events], [status, code, []]);
      assert.ok(error.message.includes(`scripted ${status}`), error.message);
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(KEY), `${status}`);
      assert.equal(error.detail["retryAfterMs"], 7000);
    }
    assert.equal(server.seen.length, STATUSES.length);
    assert.equal(server.billed.length, 0);
  });

  it("tells an error that comes within the answer by its code", async () => {
    await using bench = await open();
    for (const [fails, code] of [
      [429, "provider.limited"],
      [500, "provider.failed"],
    ] as const) {
      bench.emulator.answers.push({ text: "one two", fails });
      const { events, error } = await failed(bench.llm, asked("Count."));
      assert.deepEqual([textOf(events), error.code], ["one two", code]);
      assert.ok(error.message.endsWith(`: scripted ${fails}`), error.message);
    }
  });

  it("broken off, it is an error and no shorter answer", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    for (const fault of BREAKS) {
      emulator.server.script.faults.push(fault);
      emulator.answers.push({ text: "one two three four five" });
      const { events, error } = await failed(llm, asked("Count."));
      const known = ["provider.unavailable", "provider.garbled"].includes(error.code);
      assert.ok(known, `${inspect(fault)}: ${inspect(error)}`);
      assert.ok(!inspect(error, { depth: 9 }).includes(KEY));
      assert.ok(textOf(events).length < "one two three four five".length);
    }
  });

  it("broken off before its end alone, it is an error too", async () => {
    await using bench = await open();
    const { server } = bench.emulator;
    // All its words are given: the piece with its end is what lacks.
    server.script.faults.push({ kind: "cut", after: endPiece });
    const { events, error } = await failed(bench.llm, asked("Hello."));
    assert.equal(textOf(events), "You said: Hello.");
    assert.equal(error.code, "provider.unavailable");
  });

  it("slow is no failure", async () => {
    await using bench = await open();
    bench.emulator.server.script.faults.push({ kind: "slow", ms: 30 });
    assert.equal(textOf(await all(bench.llm, asked("Hello."))), "You said: Hello.");
  });

  it("with nobody there, it is not available", async () => {
    const bench = await open();
    await bench[Symbol.asyncDispose]();
    const { error } = await failed(bench.llm, asked("Hello."));
    assert.equal(error.code, "provider.unavailable");
  });
}

function tools({ open }: LlmAdapter): void {
  const book = { table: { seats: 4, note: 'by the "window", naïve ☕' }, at: ["19:00", null] };
  const spec = { type: "object", properties: { table: { type: "object" } } };
  const offered = { name: "book_table", description: "Books a table.", parameters: spec };

  it("gives the tool calls of an answer, each whole, in their order", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    const toolCalls = [
      { name: "book_table", input: book },
      { name: "opening_hours", input: {} },
    ];
    emulator.answers.push({ text: "One moment.", toolCalls });
    const events = await all(llm, { ...asked("Book it."), tools: [offered] });
    const calls = events.flatMap((event) => (event.type === "toolCall" ? [event.call] : []));
    assert.deepEqual(
      calls.map(({ name, input }) => ({ name, input })),
      toolCalls,
    );
    assert.equal(new Set(calls.map(({ id }) => id)).size, 2);
    assert.equal(textOf(events), "One moment.");
    assert.deepEqual(usageOf(events), billed(emulator));
  });

  it("is told what its tools gave, whatever ids the calls have", async () => {
    await using bench = await open();
    const { llm, emulator } = bench;
    const { messages } = asked("Book it.");
    emulator.answers.push({ toolCalls: [{ name: "book_table", input: book }] });
    await all(llm, { messages, tools: [offered] });
    const id = "c1/turn:12/reply.1~a very long id of our own, with all that it holds.0";
    const called = [
      ...messages,
      {
        role: "assistant",
        text: "",
        toolCalls: [
          { id, name: "book_table", input: book },
          { id: `${id}1`, name: "opening_hours", input: null },
        ],
      },
      { role: "tool", callId: id, name: "book_table", output: { reference: "R-17" } },
      { role: "tool", callId: `${id}1`, name: "opening_hours", output: "daily" },
    ] as const;
    emulator.answers.push({ text: "Done." });
    assert.equal(textOf(await all(llm, { messages: called, tools: [offered] })), "Done.");
    const sent = JSON.stringify(emulator.server.seen[1]!.body);
    assert.ok(sent.includes("R-17") && sent.includes("daily") && !sent.includes(id));
  });

  it("takes a conversation that begins or ends with the agent's words, or has none", async () => {
    await using bench = await open();
    const system = { role: "system", text: "Be kind." } as const;
    const hello = { role: "assistant", text: "Hello!" } as const;
    for (const messages of [
      [system],
      [system, hello],
      [hello, system],
      [hello, ...asked("Hi").messages],
    ]) {
      bench.emulator.answers.push({ text: "Fine." });
      assert.equal(textOf(await all(bench.llm, { messages, tools: [] })), "Fine.");
    }
  });

  it("an input that is cut off at the limit is an error", async () => {
    await using bench = await open();
    bench.emulator.answers.push({
      badCalls: true,
      toolCalls: [{ name: "book_table", input: book }],
    });
    const { error } = await failed(bench.llm, { ...asked("Book it."), tools: [offered] });
    assert.equal(error.code, "provider.garbled");
    assert.ok(!error.message.includes("naïve"));
  });
}

export function asked(text: string): LlmRequest {
  const system = { role: "system", text: "You are a receptionist." } as const;
  return { messages: [system, { role: "user", text }], tools: [] };
}

function never(): AbortSignal {
  return new AbortController().signal;
}

export async function all(
  llm: Llm,
  request: LlmRequest,
  signal = never(),
): Promise<readonly LlmEvent[]> {
  return Array.fromAsync(llm.stream(request, signal));
}

interface Watching {
  readonly signal?: AbortSignal;
  readonly onEvent?: (events: readonly LlmEvent[]) => void;
}

/** What came before the error, and the error. */
async function failed(
  llm: Llm,
  request: LlmRequest,
  { signal = never(), onEvent }: Watching = {},
): Promise<{ readonly events: readonly LlmEvent[]; readonly error: AppError }> {
  const events: LlmEvent[] = [];
  try {
    for await (const event of llm.stream(request, signal)) {
      events.push(event);
      onEvent?.(events);
    }
  } catch (error) {
    assert.ok(error instanceof AppError, inspect(error));
    return { events, error };
  }
  throw new AppError("bug", `no error, but ${inspect(events)}`);
}

export function textOf(events: readonly LlmEvent[]): string {
  return events.map((event) => (event.type === "text" ? event.text : "")).join("");
}

const TOKENS = [
  "inputTokens",
  "outputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "reasoningTokens",
] as const satisfies readonly (keyof LlmUsage & Usage["meter"])[];
type Counts = Readonly<Partial<Record<(typeof TOKENS)[number], number>>>;

function usageOf(events: readonly LlmEvent[]): Counts {
  const told = events.flatMap((event) => (event.type === "usage" ? [event.usage] : []));
  assert.ok(told.every(({ estimated }) => !estimated));
  return counts((name) => told.reduce((sum, one) => sum + (one[name] ?? 0), 0));
}

function billed({ server }: LlmEmulator): Counts {
  return counts((name) => server.total(name));
}

function counts(of: (name: (typeof TOKENS)[number]) => number): Counts {
  return Object.fromEntries(TOKENS.map((name) => [name, of(name)]));
}

/** Looks until it is so; what never becomes so fails. */
async function until(isSo: () => boolean): Promise<void> {
  for (let looks = 0; !isSo(); looks++) {
    assert.ok(looks < LOOKS_MAX, `never: ${String(isSo)}`);
    await wait(1);
  }
}
