import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fixedShelf, partsOf } from "../../src/agent/shelf.ts";
import { callOf } from "../../src/agent/voice-agent.ts";
import {
  AppError,
  handoff,
  rules,
  tool,
  voiceAgent,
  z,
  type AgentOptions,
} from "../../src/index.ts";

const BASE = { name: "cafe", instructions: "You take bookings." } as const;
const book = tool({
  description: "Books a table",
  input: z.object({ people: z.number() }),
  run: ({ people }) => ({ table: people }),
});

/** What is refused, and the words that say where. */
const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["no instructions", { name: "cafe" }, /instructions/],
  ["an empty greeting", { ...BASE, greeting: " " }, /greeting/],
  ["a field that is not there", { ...BASE, greting: "Hi" }, /greting/],
  [
    "a time without unit",
    { ...BASE, turn: { endpointing: { minDelay: 500 } } },
    /'500ms' or '500s'$/,
  ],
  [
    "a time that is too long",
    { ...BASE, turn: { vad: { minSpeech: "9s" } } },
    /^turn\.vad\.minSpeech: give '2s' or less$/,
  ],
  [
    "a time that is too short",
    { ...BASE, turn: { vad: { minSpeech: "1ms" } } },
    /^turn\.vad\.minSpeech: give '32ms' or more$/,
  ],
  [
    "a time of hours",
    { ...BASE, turn: { listening: { max: "61m" } } },
    /^turn\.listening\.max: give '10m' or less$/,
  ],
  [
    "a finished turn that waits longer than an unfinished one",
    { ...BASE, turn: { endpointing: { minDelay: "4s" } } },
    /^turn\.endpointing\.minDelay: must not be longer than endpointing\.maxDelay/,
  ],
  [
    "an unknown setting",
    { ...BASE, turn: { endpointing: { mindelay: "1s" } } },
    /turn.endpointing/,
  ],
  ["an unknown group", { ...BASE, turn: { endpoints: {} } }, /turn/],
  ["a tool that is a function", { ...BASE, tools: { book: () => 1 } }, /tools.book: make it with/],
  ["a tool's name with a space", { ...BASE, tools: { "book it": book } }, /tools/],
  ["a hook that is not there", { ...BASE, hooks: { afterTurns: () => 1 } }, /hooks.afterTurns/],
  ["another agent that is none", { ...BASE, agents: { boss: {} } }, /agents.boss: make it with/],
  ["a model that is none", { ...BASE, model: {} }, /model: give a name/],
  [
    "a rule that calls no tool of the agent",
    { ...BASE, model: rules([{ when: "table", call: { tool: "bok" } }]), tools: { book } },
    /calls the tool bok; there are: book/,
  ],
];

suite("voiceAgent", () => {
  for (const [what, options, message] of REFUSED)
    test(`refuses ${what}, and names the place`, () => {
      assert.throws(
        () => voiceAgent(options as AgentOptions),
        (error) => {
          assert.ok(error instanceof AppError);
          assert.equal(error.code, "config.invalid");
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test("gives settings in ms, and the defaults for what it does not name", () => {
    const turn = { endpointing: { minDelay: "0.3s" }, silence: { prompts: 2 } } as const;
    const { settings } = voiceAgent({ ...BASE, language: "de", turn });
    assert.equal(settings.language, "de");
    assert.equal(settings.endpointing.minDelay, 300);
    assert.equal(settings.endpointing.maxDelay, 3_000);
    assert.equal(settings.silence.prompts, 2);
  });

  test("has a hash that changes with anything in it", () => {
    const hashOf = (more: Partial<AgentOptions>): string => voiceAgent({ ...BASE, ...more }).hash;
    const rule = (say: string) => rules([{ when: /hi/, say }]);
    const hashes = [
      hashOf({}),
      hashOf({ greeting: "Hi" }),
      hashOf({ tools: { book } }),
      hashOf({ model: rule("Hello") }),
      hashOf({ model: rule("Hey") }),
      hashOf({ hooks: { beforeReply: () => Promise.resolve("a") } }),
      hashOf({ hooks: { beforeReply: () => Promise.resolve("b") } }),
    ];
    assert.equal(new Set(hashes).size, hashes.length);
    assert.equal(hashOf({ model: rule("Hey") }), hashOf({ model: rule("Hey") }));
  });

  test("a tool without a description, or with an input that is no object, is refused", () => {
    const whole = { description: "Books", input: z.object({}), run: () => 1 };
    const asObject = /^input: give a schema, as z\.object\(\{…\}\)$/;
    for (const [wrong, message] of [
      [{ input: undefined }, asObject],
      [{ input: { people: "number" } }, asObject],
      [{ input: z.string() }, asObject],
      [{ input: z.object({ day: z.date() }) }, /^input: a model cannot be told this schema: Date/],
      [{ description: undefined }, /^description: say what/],
      [{ description: " " }, /^description: say what/],
    ] as const)
      assert.throws(() => tool({ ...whole, ...wrong } as never), {
        code: "config.invalid",
        message,
      });
    tool({ ...whole, input: z.object({ a: z.string() }).refine(({ a }) => a !== "") });
  });

  test("a write that a barge-in is to cancel is refused", () => {
    const input = z.object({});
    const write = {
      description: "Books",
      input,
      write: true,
      onBargeIn: "cancel",
      run: () => 1,
    } as const;
    assert.throws(() => tool(write), /onBargeIn/);
  });
});

suite("parts of one's own", () => {
  const tts = { provider: "own", model: "own", rateHz: 16_000, voices: [] } as const;
  const voice = {
    name: "mine",
    tts: {
      ...tts,
      warm: async () => undefined,
      speak: async function* () {},
      [Symbol.asyncDispose]: async () => undefined,
    },
  };

  test("a voice may be an object, beside names", () => {
    const agent = voiceAgent({ ...BASE, voice: [voice, "slt"] });
    const local = { ...voice, name: "slt" };
    const { voices } = partsOf(agent, fixedShelf({}, { slt: local }));
    assert.deepEqual(voices, [voice, local]);
  });

  test("what is no voice and no speech to text is refused by its field", () => {
    const refused = { code: "config.invalid" };
    // @ts-expect-error no voice
    assert.throws(() => voiceAgent({ ...BASE, voice: { name: "x" } }), {
      ...refused,
      message: /voice/,
    });
    // @ts-expect-error no speech to text
    assert.throws(() => voiceAgent({ ...BASE, stt: { provider: "x" } }), {
      ...refused,
      message: /stt/,
    });
    assert.throws(() => voiceAgent({ ...BASE, voice: [] }), refused);
  });
});

suite("types, which the compiler holds too", () => {
  test("a time needs its unit", () => {
    // @ts-expect-error a number has no unit
    assert.throws(() => voiceAgent({ ...BASE, turn: { endpointing: { minDelay: 500 } } }));
    voiceAgent({ ...BASE, turn: { endpointing: { minDelay: "500ms" } } });
  });

  test("what counts is a number", () => {
    voiceAgent({ ...BASE, turn: { interruption: { minWords: 2 }, endpointing: { sure: 0.8 } } });
    // @ts-expect-error words are counted
    assert.throws(() => voiceAgent({ ...BASE, turn: { interruption: { minWords: "2ms" } } }));
  });

  test("a tool's run gets what its schema gives", () => {
    tool({
      description: "Books",
      input: z.object({ people: z.coerce.number(), name: z.string().optional() }),
      run: ({ people, name }, { key, signal }) => {
        const count: number = people;
        const who: string | undefined = name;
        const stopped: boolean = signal.aborted;
        // @ts-expect-error it is a number
        const wrong: string = people;
        return { count, who: who ?? null, wrong, key, stopped };
      },
    });
  });

  test("a tool gives JSON or what follows from it", () => {
    const input = z.object({});
    tool({ description: "Books", input, run: () => handoff("boss") });
    // @ts-expect-error a date is no JSON
    tool({ description: "Books", input, run: () => new Date(0) });
  });

  test("instructions are wanted", () => {
    // @ts-expect-error an agent without instructions
    assert.throws(() => voiceAgent({ name: "cafe" }));
  });
});

test("who has no words to end by has some where a budget is used up, in their language", () => {
  const textsOf = (more: Partial<AgentOptions>) => callOf(voiceAgent({ ...BASE, ...more })).texts;
  assert.match(textsOf({})["overBudget"] ?? "", /Goodbye/);
  assert.match(textsOf({ language: "de" })["overBudget"] ?? "", /Auf Wiederhören/);
  assert.equal(textsOf({ farewell: "Bye." })["overBudget"], undefined);
  assert.equal(textsOf({ overBudget: "No more." })["overBudget"], "No more.");
  const cook = voiceAgent({ ...BASE, name: "cook" });
  assert.equal(textsOf({ agents: { cook } })["cook/overBudget"], undefined);
});
