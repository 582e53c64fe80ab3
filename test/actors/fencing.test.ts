import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { CallHost } from "../../src/actors/call-host.ts";
import { seededRandom } from "../../src/base/id.ts";
import { openFaulty, type FaultyBroker } from "../../src/broker/faulty/faulty-broker.ts";
import type { Fault } from "../../src/broker/faulty/faults.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { SimulationOptions } from "../../src/testing/simulation.ts";
import { ANSWER, Stage } from "./support/stage.ts";

/** The log is the fence: who loses it stops, who cannot reach it finds out (L1, L2). */
const QUESTION = "What are your opening hours?";

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

function fence(host: CallHost): string | undefined {
  return host.fenced?.code;
}

suite("an owner that lives on after another took its call", () => {
  test("is fenced by its next append and stops all it runs", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    const { simulation } = stage;
    const old = simulation.host;
    const ended = assert.rejects(old.ended, { code: "owner.fenced" });
    await simulation.takeover("takeover", "lives");
    assert.equal(fence(old), undefined, "nobody told it");
    // Its next word to the log is the playout position, at most 250 ms away.
    await simulation.run(250);
    assert.equal(fence(old), "owner.fenced");
    await ended;
    await stage.close();
    const { agentSound } = simulation.room;
    const after = agentSound.filter(({ at }) => at >= stage.startedAt + 4_250);
    for (const [i, { at, ms }] of after.entries())
      assert.ok(at + ms <= (after[i + 1]?.at ?? Infinity) + 0.5, "only one voice speaks");
    assert.equal(stage.turns[1]?.status, "completed");
  });

  test("answers nobody any more, not even for what it had taken in", async () => {
    await using stage = await Stage.open();
    const { simulation } = stage;
    const old = simulation.host;
    await stage.until(1_000);
    await simulation.takeover("takeover", "lives");
    const say = { name: "say", ref: "n.1", chars: 5, now: false } as const;
    await assert.rejects(old.command(say, "test", "Hello"), { code: "owner.fenced" });
    await assert.rejects(old.command(say, "test", "Hello"), { code: "owner.fenced" });
    await simulation.run(5_000);
    assert.ok(simulation.room.agentSound.every(({ at }) => at < stage.startedAt));
    await stage.close();
  });

  test("runs no tool that it asked for with a record that lost", async () => {
    let runs = 0;
    const tool = {
      spec: { name: "book", description: "", parameters: {} },
      write: true,
      idempotent: true,
      timeoutMs: 5_000,
      run: () => Promise.resolve({ runs: ++runs }),
    };
    const wants = { toolCalls: [{ id: "1", name: "book", input: null }] };
    const answer = (_: unknown, index: number) => (index === 0 ? wants : { text: ANSWER });
    await using stage = await Stage.open({ tools: [tool], answer });
    await ask(stage);
    // The request is under way and belongs to the old one: its end loses against the new owner.
    await stage.until(1_590);
    const old = stage.simulation.host;
    await stage.simulation.takeover("takeover", "lives");
    await stage.until(1_650);
    assert.deepEqual([fence(old), runs], ["owner.fenced", 0]);
    await stage.close();
  });

  test("two that take over at once: one has the call, the other is fenced", async () => {
    await using stage = await Stage.open();
    const { simulation } = stage;
    await stage.until(1_000);
    await simulation.takeover("takeover", "lives");
    const second = simulation.host;
    await simulation.takeover("takeover", "lives");
    await stage.say(3_000, QUESTION, { ms: 1_000 });
    await stage.until(6_000);
    assert.equal(fence(second), "owner.fenced");
    assert.equal((await stage.close()).epochs, 3);
  });
});

interface Faulty {
  readonly options: SimulationOptions;
  readonly rates: { [fault in Fault]?: number };
  readonly counts: () => FaultyBroker["counts"];
  readonly inner: () => Broker;
}

/** A broker that works until the test sets the rates of its faults. */
function faulty(seed: number): Faulty {
  const rates: { [fault in Fault]?: number } = {};
  let inner: Broker | undefined;
  let outer: FaultyBroker | undefined;
  const random = seededRandom(seed);
  const options: SimulationOptions = {
    broker: (clock) => {
      inner = openMemory({ clock });
      const lateMs = { min: 20, max: 400 };
      outer = openFaulty(inner, { clock, random, faults: rates, lateMs });
      return Promise.resolve(outer);
    },
  };
  return { options, rates, counts: () => outer!.counts, inner: () => inner! };
}

/** A whole call under the rates; then the log is asked without faults. */
async function callUnder(rates: Faulty["rates"], seed: number): Promise<FaultyBroker["counts"]> {
  const broker = faulty(seed);
  await using stage = await Stage.open(broker.options);
  Object.assign(broker.rates, rates);
  await ask(stage);
  await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
  await stage.say(16_000, "And where can I park?", { ms: 1_000 });
  await stage.until(30_000);
  for (const fault of Object.keys(broker.rates) as Fault[]) broker.rates[fault] = 0;
  assert.equal(fence(stage.simulation.host), undefined, `seed ${seed}`);
  const { epochs } = await stage.close();
  assert.equal(epochs, 1);
  assert.deepEqual(stage.turns.at(-1)?.heardText, ANSWER, `seed ${seed}`);
  return broker.counts();
}

suite("an append whose fate is not known", () => {
  const cases: readonly (readonly [string, Faulty["rates"]])[] = [
    ["it landed, the acknowledgement was lost", { ackLost: 0.3 }],
    ["it was lost, and is written again", { appendLost: 0.3 }],
    ["it lands after all, and not twice", { landedLater: 0.3 }],
    ["the acknowledgement is late", { ackLate: 0.6 }],
    ["the tail that was read is an old one", { ackLost: 0.2, appendLost: 0.2, staleTail: 0.4 }],
    [
      "all of it",
      { ackLost: 0.1, appendLost: 0.1, landedLater: 0.1, ackLate: 0.2, staleTail: 0.3 },
    ],
  ];
  for (const [name, rates] of cases)
    test(name, async () => {
      for (let seed = 1; seed <= 12; seed++) {
        const counts = await callUnder(rates, seed);
        for (const fault of Object.keys(rates) as Fault[])
          assert.ok(counts[fault] > 0, `${fault} never struck`);
      }
    });

  test("a conflict is never unknown: the owner stops for good", async () => {
    const broker = faulty(1);
    await using stage = await Stage.open(broker.options);
    await ask(stage);
    await stage.until(4_000);
    broker.rates.conflict = 1;
    await stage.until(4_300);
    broker.rates.conflict = 0;
    assert.equal(fence(stage.simulation.host), "owner.fenced");
    const { seq } = await broker.inner().log.tail(stage.simulation.host.ref);
    await stage.until(20_000);
    assert.equal((await broker.inner().log.tail(stage.simulation.host.ref)).seq, seq);
    await stage.simulation.takeover();
    await stage.close();
  });

  test("another owner's record behind the lost answer fences, landed or not", async () => {
    const broker = faulty(1);
    await using stage = await Stage.open(broker.options);
    const { simulation } = stage;
    await stage.until(1_000);
    // It cannot see that its record has landed before the other one is there.
    Object.assign(broker.rates, { ackLost: 1, staleTail: 1 });
    const old = simulation.host;
    const say = { name: "say", ref: "n.1", chars: 5, now: false } as const;
    const said = assert.rejects(old.command(say, "test", "Hello"), { code: "owner.fenced" });
    await simulation.run(10);
    Object.assign(broker.rates, { ackLost: 0, staleTail: 0 });
    await simulation.takeover("takeover", "lives");
    await simulation.run(1_000);
    await said;
    assert.equal(fence(old), "owner.fenced");
    // The command is in the log: the new owner says what the old one promised nobody.
    await stage.close();
    assert.deepEqual(stage.turns.map(({ heardText }) => heardText).slice(1), ["Hello"]);
  });

  test("a log that never answers ends this owner, and another can go on", async () => {
    const broker = faulty(1);
    await using stage = await Stage.open(broker.options);
    await ask(stage);
    await stage.until(3_000);
    broker.rates.appendLost = 1;
    await stage.until(20_000);
    assert.equal(fence(stage.simulation.host), "owner.fenced");
    broker.rates.appendLost = 0;
    await stage.simulation.takeover();
    await stage.say(27_000, "And where can I park?", { ms: 1_000 });
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  });

  test("a takeover that read a stale log is fenced at once; the next try has it", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const broker = faulty(seed);
      await using stage = await Stage.open(broker.options);
      await ask(stage);
      await stage.until(3_000);
      broker.rates.staleRead = 1;
      await assert.rejects(stage.simulation.takeover(), (error) => {
        const { code } = error as { code?: unknown };
        return code === "owner.fenced" || code === "log.conflict";
      });
      broker.rates.staleRead = 0;
      await stage.simulation.takeover();
      assert.equal((await stage.close()).epochs, 2);
      assert.ok(stage.turns[1]?.heardText.endsWith(ANSWER));
    }
  });
});
