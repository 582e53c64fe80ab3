import type { LogRecord } from "../src/events/record.ts";
import { Simulation, type SimulationOptions } from "../src/testing/simulation.ts";

/**
 * Conversations as calls have them, recorded by the simulation: the real host and charts over a
 * simulated caller. The same turns give the same records.
 */
const QUESTIONS = [
  "what are your opening hours on Sunday?",
  "and can I still get a table for four people at eight?",
  "my name is Ann Miller and my number is 555 0182",
  "that sounds good, do you have anything outside?",
  "no, thank you, could you say the address again?",
];
const ANSWERS = [
  "We open at nine in the morning. On Sundays we close at six.",
  "Yes, there is a table by the window. Shall I book it?",
  "Thank you. I have noted that down for tonight.",
];
const INTERRUPT_EVERY = 5;
const TOOL_EVERY = 7;
const THINKING_MS = 1_500;

const BOOK = {
  spec: { name: "book", description: "books a table", parameters: {} },
  write: true,
  idempotent: true,
  timeoutMs: 5_000,
  run: () => Promise.resolve({ ok: true, table: 4, at: "20:00" }),
};

export interface ConversationOptions {
  readonly broker?: NonNullable<SimulationOptions["broker"]>;
  /** Ends after so many questions of the caller, */
  readonly turns?: number;
  /** or after so much time of the call. */
  readonly ms?: number;
}

export async function recordConversation(
  options: ConversationOptions,
): Promise<readonly LogRecord[]> {
  const { broker, turns = Infinity, ms = Infinity } = options;
  await using simulation = await Simulation.open({
    texts: { greeting: "Hello, how can I help?", farewell: "Goodbye." },
    tools: [BOOK],
    answer: (request, index) =>
      index % TOOL_EVERY === TOOL_EVERY - 1 && request.messages.at(-1)?.role === "user"
        ? { toolCalls: [{ id: `${index}`, name: "book", input: { people: 4, at: "20:00" } }] }
        : { text: ANSWERS[index % ANSWERS.length]! },
    settings: { interruption: { echoGuard: 0 } },
    ...(broker && { broker }),
  });
  simulation.enter();
  await simulation.quiet();
  for (let turn = 0; turn < turns && simulation.ms < ms; turn++) {
    simulation.say(QUESTIONS[turn % QUESTIONS.length]!);
    if (turn % INTERRUPT_EVERY === INTERRUPT_EVERY - 1) {
      await simulation.run(6_000);
      simulation.say("wait, stop, I meant another day");
    }
    await simulation.run(1_000);
    await simulation.quiet();
    await simulation.run(THINKING_MS);
  }
  await simulation.host.command({ name: "end", reason: "all done" }, "bench");
  await simulation.run(20_000);
  return simulation.records;
}
