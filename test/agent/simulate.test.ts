import assert from "node:assert/strict";
import { AssertionError } from "node:assert";
import { suite, test } from "node:test";
import {
  hangUp,
  rules,
  tool,
  voiceAgent,
  z,
  type AgentOptions,
  type Llm,
} from "../../src/index.ts";
import { after, returns, scripted, simulate, type Fake } from "../../src/testing/index.ts";
import { run } from "../support/run-cli.ts";

const HOURS = "We are open from nine in the morning until five in the afternoon.";

function cafe(more: Partial<AgentOptions> = {}) {
  return voiceAgent({
    name: "cafe",
    instructions: "You take bookings.",
    greeting: "Hello, this is the cafe.",
    filler: "One moment.",
    model: rules([
      { when: "hours", say: HOURS },
      {
        when: /table for (\w+)/,
        call: { tool: "book", input: ({ match }) => ({ people: match[1]! }) },
        tell: ({ table }) => `You have table ${Number(table)}.`,
      },
      { when: "bye", call: { tool: "end" }, tell: "Goodbye." },
    ]),
    tools: {
      book: tool({
        description: "Books a table",
        input: z.object({ people: z.string() }),
        write: true,
        run: () => ({ table: 1 }),
      }),
      end: tool({ description: "Ends the call", input: z.object({}), run: () => hangUp() }),
    },
    ...more,
  });
}

/** What a failing check says. */
function faultOf(check: () => unknown): AssertionError {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof AssertionError);
    return error;
  }
  throw new assert.AssertionError({ message: "it should have failed" });
}

suite("simulate", () => {
  test("a call with a tool of the agent's own, then with a fake in its place", async () => {
    await using own = await simulate(cafe());
    await own.says("A table for two, please.");
    own.heard("table 1").tool("book").once().calledWith({ people: "two" });
    await using faked = await simulate(cafe(), { tools: { book: returns({ table: 9 }) } });
    await faked.says("A table for four, please.");
    faked
      .heard(/table 9\.$/)
      .tool("book")
      .calledWith({ people: "four" });
    await faked.replaysExactly();
  });

  test("a barge-in after so many words cuts there, and both answers are looked at", async () => {
    await using call = await simulate(cafe());
    await call.says("What are your opening hours?", { until: "speaks" });
    call.state("turn", "speaking");
    await call.bargeIn("A table for two", { afterWords: 4 });
    call.state("turn.2", "cutOff").state("turn", "completed");
    call.heard("We are open from", { turn: 2 }).heard("table 1").agentSaid(HOURS);
    assert.ok(call.turns[1]!.heardText.length < HOURS.length);
    await call.replaysExactly();
  });

  test("the greeting can be listened to", async () => {
    await using call = await simulate(cafe());
    await call.listens();
    call.heard("Hello, this is the cafe.").state("turn", "completed");
  });

  test("a fake sees the checked input, and what it throws is told to the model", async () => {
    const seen: string[] = [];
    const book = ({ people }: { people: string }): never => {
      seen.push(people);
      return assert.fail("no table left");
    };
    await using call = await simulate(cafe(), {
      tools: { book, end: ({ why }) => ({ why: why ?? null }) },
    });
    await call.says("A table for two");
    assert.deepEqual(seen, ["two"]);
    assert.match(call.timeline(), /tool book done: .*no table left/);
    await call.replaysExactly();
  });

  test("the greeting can be interrupted", async () => {
    await using call = await simulate(cafe());
    await call.bargeIn("What are your opening hours?", { afterWords: 2 });
    call.state("turn.1", "cutOff").heard("Hello, this").heard(HOURS);
  });

  test("a pause within the caller's words is waited for", async () => {
    const waits = cafe({ turn: { endpointing: { minDelay: "900ms" } } });
    await using call = await simulate(waits, { llm: scripted(["Fine."]) });
    await call.says(["I would like a table.", "700ms", "For two, please."]);
    assert.equal(call.turns.length, 2);
    assert.equal(call.turns[1]?.userText, "I would like a table. For two, please.");
  });

  test("a fake may take its time, and the wait is covered", async () => {
    await using call = await simulate(cafe(), { tools: { book: () => after("4s", { table: 3 }) } });
    await call.says("A table for two");
    call.heard("One moment.").heard("table 3");
    assert.ok(call.timeline().includes("tool book done"));
  });

  test("a tool that waits for the real world is waited for", async () => {
    const { promise, resolve } = Promise.withResolvers<{ table: number }>();
    await using call = await simulate(cafe(), { tools: { book: () => promise } });
    setImmediate(() => setImmediate(() => setImmediate(() => resolve({ table: 8 }))));
    await call.says("A table for two");
    call.heard("table 8").maxGap("1s");
  });

  test("a model that waits for the real world is waited for", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    setImmediate(() => setImmediate(() => setImmediate(() => resolve("Here I am."))));
    const slow: Llm = {
      provider: "own",
      model: "slow",
      stream: async function* () {
        yield { type: "text", text: await promise };
      },
    };
    await using call = await simulate(cafe(), { llm: slow });
    await call.says("Hello?");
    call.heard("Here I am.").maxGap("1s");
  });

  test("a model that throws at once is left for the next one", async () => {
    const stream = (): never => assert.fail("no key");
    const model = [
      { provider: "own", model: "broken", stream },
      rules([{ when: /./, say: "Hi." }]),
    ];
    await using call = await simulate(cafe({ model }));
    await call.says("Hello?");
    call.heard("Hi.");
  });

  test("a typed question, silence, a cough, and the end", async () => {
    const away = cafe({ away: "Are you there?", turn: { silence: { awayAfter: "5s" } } });
    await using call = await simulate(away);
    await call.types("opening hours");
    call.heard(HOURS);
    await call.noise();
    await call.silence("7s");
    call.heard("Are you there?");
    await call.says("Good bye");
    call.heard("Goodbye.").tool("end").once();
    call.state("room", "closed");
    await assert.rejects(call.says("Hello?"), /the call has ended/);
  });

  test("hooks run, and what they gave is in the request", async () => {
    const told: unknown[] = [];
    const agent = cafe({
      model: rules([{ when: "hours", say: ({ context }) => context }]),
      hooks: {
        beforeReply: () => Promise.resolve("Ten to four."),
        afterTurn: ({ heardText }) => Promise.resolve(void told.push(heardText)),
      },
    });
    await using call = await simulate(agent);
    await call.says("Your hours?");
    call.heard("Ten to four.");
    assert.deepEqual(told, ["Ten to four."]);
  });

  test("a scripted model gives its answers once each, whatever was asked in between", async () => {
    const llm = scripted([
      "First answer.",
      { call: { tool: "book", input: { people: "2" } } },
      "End.",
    ]);
    await using call = await simulate(cafe(), { llm });
    await call.says("One");
    call.heard("First answer.");
    await call.says("Two");
    call.heard("End.").tool("book").once();
    assert.equal(llm.unused, 0);
    await assert.rejects(call.says("Three"), /asked for answer 4, and the script has 3/);
  });

  test("an answer meant for certain words is given to them, also after a merged turn", async () => {
    const llm = scripted([
      { to: "I would like a table.", say: "For how many?" },
      { to: "I would like a table. For two, please.", say: "Fine, for two." },
      "Goodbye.",
    ]);
    const hasty = cafe({ turn: { endpointing: { minDelay: "100ms" } } });
    await using call = await simulate(hasty, { llm });
    await call.says(["I would like a table.", "700ms", "For two, please."]);
    call.heard("Fine, for two.");
    await call.says("Bye.");
    call.heard("Goodbye.");
    await using whole = await simulate(cafe(), { llm: scripted([{ to: "a", say: "b" }, "c"]) });
    await whole.says("Else.");
    whole.heard("b");
  });

  test("the same call has the same log each time", async () => {
    const hashes = await Promise.all(
      [1, 2].map(async () => {
        await using call = await simulate(cafe());
        await call.says("A table for two");
        return call.records.at(-1)?.hash;
      }),
    );
    assert.equal(hashes[0], hashes[1]);
  });
});

suite("a red check", () => {
  test("says what was expected and what was, shows the call and leaves its log", async () => {
    await using call = await simulate(cafe());
    await call.says("A table for two");
    const fault = faultOf(() => call.heard("table 2"));
    assert.match(fault.message, /expected {2}table 2\n {2}actual {4}You have table 1\./);
    assert.match(fault.message, /caller: A table for two/);
    const file = /turnfold show (\S+)$/m.exec(fault.message)?.[1];
    assert.ok(file);
    const shown = await run(["show", file]);
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /You have table 1\./);
    assert.equal((await run(["replay", file, "--deep"])).code, 0);
  });

  test("comes from each kind of check", async () => {
    await using call = await simulate(cafe());
    await call.says("A table for two");
    const wrong: readonly (() => unknown)[] = [
      () => call.heard(/table 2/),
      () => call.heard("Hello"),
      () => call.agentSaid("table 2"),
      () => call.agentSaid("table 1", { turn: 1 }),
      () => call.state("turn", "cutOff"),
      () => call.state("turn.7", "completed"),
      () => call.tool("book").never(),
      () => call.tool("book").times(2),
      () => call.tool("book").calledWith({ people: "three" }),
      () => call.maxGap("100ms"),
    ];
    for (const check of wrong) faultOf(check);
    await assert.rejects(call.bargeIn("No"), /the agent was not speaking/);
  });

  test("a tool, an actor or a state that there is not is no green check", async () => {
    await using call = await simulate(cafe());
    await call.says("A table for two", { until: "speaks" });
    assert.throws(() => call.tool("bok").never(), /no tool bok; there are: book, end/);
    assert.throws(() => call.state("rom", "closed"), /no actor rom; there are: room, track, turn/);
    assert.throws(() => call.state("turn.2", "cutoff"), /no state cutoff; it has: .*, cutOff/);
    assert.throws(() => call.state("room", "cutOff"), /a room has no state cutOff/);
    call.state("turn", "answering").state("turn", "speaking").state("room", "engaged");
  });

  test("comes from an error of the agent's own code, though a call would go on", async () => {
    const breaks = rules([{ when: "hours", say: () => assert.fail("a planted bug") }]);
    await using call = await simulate(cafe({ model: breaks }));
    await assert.rejects(call.says("Your hours?"), /a planted bug/);
    const hooks = { afterTurn: () => Promise.reject(new assert.AssertionError({ message: "oh" })) };
    await using hooked = await simulate(cafe({ hooks }));
    await assert.rejects(hooked.says("Your hours?"), /the agent's hook afterTurn threw[^]*oh/);
  });

  test("comes from an error of a tool, unless it is meant", async () => {
    const book = tool({
      description: "Books a table",
      input: z.object({ people: z.literal("two") }),
      run: () => (undefined as unknown as { table: number }).table,
    });
    const end = tool({ description: "Ends", input: z.object({}), run: () => hangUp() });
    const agent = cafe({ tools: { book, end } });
    await using call = await simulate(agent);
    await assert.rejects(
      call.says("A table for two"),
      /the agent's tool book threw[^]*properties of undefined/,
    );
    await using meant = await simulate(agent, { toolErrors: /of undefined/ });
    await meant.says("A table for two");
    meant.heard("You have table").tool("book").once();
    await using other = await simulate(agent, { toolErrors: /no table left/ });
    await assert.rejects(other.says("A table for two"), /the agent's tool book threw/);
    await using refused = await simulate(agent);
    await refused.says("A table for four");
    refused.tool("book").once();
  });

  test("a fake that is no function is refused with the right form", async () => {
    const wrong = (fake: unknown) =>
      simulate(cafe(), { tools: { book: fake } as unknown as Record<string, Fake> });
    await assert.rejects(
      wrong(after("4s", 1)),
      /tools\.book: .*`returns\(after\("4s", output\)\)`/,
    );
    await assert.rejects(wrong({ table: 7 }), /tools\.book: .*`returns\(output\)`/);
  });

  test("a fake of no tool, and a model that is not here, are refused", async () => {
    await assert.rejects(simulate(cafe(), { tools: { bok: returns(1) } }), /tools.bok.*book, end/);
    await assert.rejects(simulate(cafe({ model: "gpt-9" })), /model 'gpt-9' is not known/);
  });
});
