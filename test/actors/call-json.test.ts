import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Hooks } from "../../src/actors/agent-parts.ts";
import { EffectRunner } from "../../src/actors/effect-runner.ts";
import { AppError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Json, StoredInput } from "../../src/events/record.ts";
import type { ToolCall } from "../../src/providers/llm.port.ts";
import { ToolResult, type Tool } from "../../src/providers/tool.port.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/** What user code returns need not be JSON; the call goes on and its log stays whole. */
const CIRCULAR: Record<string, unknown> = {};
CIRCULAR["self"] = CIRCULAR;
const DAY = new Date("2026-01-02T03:04:05.000Z");

function returning(output: unknown): Tool {
  return {
    spec: { name: "look", description: "", parameters: {} },
    write: false,
    idempotent: false,
    timeoutMs: 5_000,
    run: () => Promise.resolve(output as Json),
  };
}

/** A call with one tool call; returns what the model was told of its output. */
async function told(output: unknown, more: object = { input: {} }): Promise<Json> {
  const wants = { toolCalls: [{ id: "1", name: "look", ...more } as ToolCall] };
  await using stage = await Stage.open({
    answer: (_, index) => (index === 0 ? wants : { text: ANSWER }),
    tools: [returning(output)],
  });
  await stage.say(0, "What are your opening hours?", { ms: 1_000 });
  await stage.close();
  assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  const message = stage.requests[1]?.messages.find(({ role }) => role === "tool");
  assert.ok(message?.role === "tool");
  return message.output;
}

/** The end of the afterTurn of a call with these hooks. */
async function afterTurnEnd(hooks: Hooks) {
  await using stage = await Stage.open({ texts: { greeting: GREETING }, hooks });
  await stage.say(0, "What are your opening hours?", { ms: 1_000 });
  await stage.close();
  const end = stage.simulation.records.find(({ input }) =>
    (input["effect"] as string | undefined)?.endsWith("afterTurn.2"),
  );
  const { how, error } = end!.input;
  return { how, error, text: end!.text?.value };
}

suite("what is no JSON", () => {
  test("of a tool is told as JSON says it", async () => {
    assert.deepEqual(await told({ a: undefined, at: DAY, n: Number.NaN }), {
      at: DAY.toISOString(),
      n: null,
    });
    assert.deepEqual(await told(undefined), null);
    assert.deepEqual(await told(new ToolResult({ at: DAY } as never, { handoff: undefined! })), {
      at: DAY.toISOString(),
    });
  });

  test("of a tool that cannot be said: the model is told the fix", async () => {
    const fixes = [
      [CIRCULAR, "holds itself"],
      [{ n: 1n }, "BigInt"],
      [() => 1, "function"],
      [{ map: new Map() }, "Object.fromEntries"],
    ] as const;
    for (const [output, fix] of fixes) {
      const { error, code } = (await told(output)) as { error: string; code: string };
      assert.ok(error.includes(fix), error);
      assert.equal(code, "tool.failed");
    }
  });

  test("fits or lies in the blobs, to the byte", async () => {
    const most = LIMITS.recordBytesMax / 2 - JSON.stringify({ output: "" }).length;
    assert.equal(await told("x".repeat(most)), "x".repeat(most));
    for (const large of ["x".repeat(most + 1), "ü".repeat(most / 2 + 1)]) {
      const output = (await told(large)) as { blob: string; bytes: number };
      assert.equal(output.bytes, Buffer.byteLength(JSON.stringify(large)));
    }
  });

  test("as a tool's input counts as null", async () => {
    assert.deepEqual(await told({ ok: true }, {}), { ok: true });
  });

  test("of afterTurn is logged as JSON says it, or as its failure", async () => {
    const gives = (output: unknown): Hooks => ({ afterTurn: () => output as Json });
    assert.deepEqual(await afterTurnEnd(gives({ at: DAY, gone: undefined })), {
      how: "done",
      error: undefined,
      text: { output: { at: DAY.toISOString() } },
    });
    for (const output of [CIRCULAR, 1n, () => 1]) {
      const end = await afterTurnEnd(gives(output));
      assert.deepEqual(end, { how: "failed", error: "tool.failed", text: undefined });
    }
  });

  test("of beforeReply is its failure, and the answer is made without it", async () => {
    const hooks: Hooks = { beforeReply: () => ({ a: 1 }) as never };
    await using stage = await Stage.open({ hooks });
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    const contexts = stage.simulation.records
      .map(({ input }) => input["event"] as { type: string; how: string } | undefined)
      .filter((event) => event?.type === "reply.context");
    assert.deepEqual(
      contexts.map((event) => event?.how),
      ["failed"],
    );
  });

  test("offered to the host is refused before it is folded", async () => {
    await using stage = await Stage.open();
    const { host } = stage.simulation;
    const before = host.fold.tail;
    const input = { type: "host.failed", failures: 1 };
    const unfit = [
      { input: { ...input, failures: Number.NaN } },
      { input: { ...input, failures: undefined as never } },
      { input, text: { at: DAY as never } },
      { input, text: CIRCULAR as never },
    ];
    for (const offer of unfit) await assert.rejects(host.offer(offer), { code: "record.invalid" });
    assert.deepEqual(host.fold.tail, before);
    await stage.close();
  });

  test("at the end of an effect ends it as failed, once", async () => {
    const offered: StoredInput[] = [];
    const entry = { actor: "room", child: "x", src: "x", input: null, seq: 1 } as const;
    const runner = new EffectRunner({
      runners: { x: { run: () => Promise.resolve({ result: { a: undefined as never } }) } },
      call: () => ({}) as never,
      offer: ({ input }) => {
        offered.push(input);
        const refused = new AppError("record.invalid", "no JSON");
        return offered.length === 1 ? Promise.reject(refused) : new Promise(() => undefined);
      },
      live: () => undefined,
      warn: () => undefined,
    });
    const start = [{ ...entry, id: "1.0.x", phase: "open" as const }];
    runner.take({ start, stop: [], tell: [], changes: [] }, 1);
    runner.acked(1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(offered.slice(1), [
      { type: "effect.ended", effect: "1.0.x", how: "failed", error: "record.invalid" },
    ]);
  });
});
