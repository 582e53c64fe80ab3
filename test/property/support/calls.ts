import type { DueMeasure } from "../../../src/events/budget.events.ts";
import type { Simulation, SimulationOptions } from "../../../src/testing/simulation.ts";
import type { Tool } from "../../../src/providers/tool.port.ts";

/** Simulated calls of many kinds: what happens when, in ms since the call was opened. */
export interface ScriptedCall {
  readonly name: string;
  readonly options?: SimulationOptions;
  readonly steps: readonly (readonly [number, (call: Simulation) => unknown])[];
}

const LONG = "We open at nine in the morning. We close at six in the evening. Will that do?";
const greeted = { texts: { greeting: "Hello there, how can I help you today?", farewell: "Bye." } };
const chatty: SimulationOptions = { ...greeted, answer: () => ({ text: LONG }) };

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  spec: { name, description: name, parameters: {} },
  write: false,
  idempotent: false,
  timeoutMs: 5_000,
  run: () => Promise.resolve({ ok: true }),
  ...more,
});
const asks = (name: string): SimulationOptions => ({
  ...greeted,
  answer: (_, index) =>
    index % 2 === 0
      ? { toolCalls: [{ id: `${index}`, name, input: { at: "ten" } }] }
      : { text: "That is done for you." },
});

const enter = [100, (call: Simulation) => call.enter()] as const;
const say = (at: number, text: string, more = {}) =>
  [at, (call: Simulation) => call.say(text, more)] as const;
const command = (at: number, given: Parameters<Simulation["host"]["command"]>[0], text?: string) =>
  [at, (call: Simulation) => call.host.command(given, "test", text)] as const;
const end = (at: number) => command(at, { name: "end", reason: "all done" });

const budget = (at: number, measure: DueMeasure) =>
  [
    at,
    (call: Simulation) =>
      call.host.offer({
        input: { type: "budget.changed", measure, node: "call:c1", ...SUMS },
      }),
  ] as const;
const SUMS = { limitPico: "100", spentPico: "97", heldPico: "1" };

export const CALLS: readonly ScriptedCall[] = [
  {
    name: "happy",
    options: chatty,
    steps: [enter, say(4_000, "What are your hours?"), end(14_000)],
  },
  {
    name: "barge-in",
    options: chatty,
    steps: [enter, say(4_000, "What are your hours?"), say(8_500, "No, on Sunday."), end(20_000)],
  },
  {
    name: "speech while thinking",
    options: { ...greeted, answer: () => ({ text: LONG, afterMs: 1_500 }) },
    steps: [enter, say(4_000, "Are you open?"), say(5_700, "On Sunday."), end(20_000)],
  },
  {
    name: "cough",
    options: chatty,
    steps: [enter, say(4_000, "Are you open?"), say(8_000, "", { ms: 300 }), end(20_000)],
  },
  {
    name: "back-channel",
    options: chatty,
    steps: [enter, say(4_000, "Are you open?"), say(8_000, "uh-huh"), end(20_000)],
  },
  {
    name: "goes on",
    options: chatty,
    steps: [enter, say(4_000, "I want to book"), say(5_200, "a table."), end(18_000)],
  },
  {
    name: "digits",
    steps: [enter, say(1_000, "five five five"), say(2_600, "one two."), end(9_000)],
  },
  { name: "silence", options: { texts: { away: "Hello?", farewell: "Bye." } }, steps: [enter] },
  {
    name: "final that never comes",
    options: chatty,
    steps: [enter, say(4_000, "Are you there?", { finalAfterMs: null }), end(18_000)],
  },
  {
    name: "late final",
    options: chatty,
    steps: [enter, say(4_000, "Are you there now?", { finalAfterMs: 4_000 }), end(18_000)],
  },
  {
    name: "read tool",
    options: { ...asks("look"), tools: [tool("look")] },
    steps: [enter, say(4_000, "Look it up, please."), end(15_000)],
  },
  {
    name: "slow read tool, cut",
    options: {
      ...asks("look"),
      tools: [tool("look", { run: (_, { signal }) => never(signal) })],
    },
    steps: [enter, say(4_000, "Look it up."), say(7_500, "No, never mind that."), end(20_000)],
  },
  {
    name: "write tool",
    options: { ...asks("book"), tools: [tool("book", { write: true, idempotent: true })] },
    steps: [enter, say(4_000, "Book it, please."), end(15_000)],
  },
  {
    name: "tool that throws",
    options: {
      ...asks("book"),
      tools: [tool("book", { write: true, run: () => Promise.reject(new TypeError("no")) })],
    },
    steps: [enter, say(4_000, "Book it, please."), end(15_000)],
  },
  {
    name: "model fails",
    options: { ...greeted, answer: () => ({ fails: true }) },
    steps: [enter, say(4_000, "Are you open?"), say(9_000, "Hello?"), end(15_000)],
  },
  {
    name: "voice fails",
    options: { ...chatty, ttsFails: (text) => text.startsWith("We close") },
    steps: [enter, say(4_000, "Are you open?"), end(18_000)],
  },
  {
    name: "empty answers",
    options: { ...greeted, answer: () => ({ text: "" }) },
    steps: [enter, say(4_000, "Are you open?"), end(15_000)],
  },
  {
    name: "leaves and is gone",
    options: { ...chatty, settings: { participant: { grace: 3_000 } } },
    steps: [enter, say(4_000, "Are you open?"), [8_000, (call) => call.room.leave("ann")]],
  },
  {
    name: "commands",
    options: chatty,
    steps: [
      enter,
      command(4_000, { name: "say", ref: "s.1", chars: 8, now: false }, "A notice."),
      say(6_000, "Are you open?"),
      command(9_000, { name: "interrupt", force: false }),
      command(10_000, { name: "mute" }),
      command(11_000, { name: "unmute" }),
      command(11_500, { name: "say", ref: "s.2", chars: 8, now: true }, "Another one."),
      end(15_000),
    ],
  },
  {
    name: "two people and typed words",
    options: chatty,
    steps: [
      enter,
      [200, (call) => call.enter("bob")],
      say(4_000, "Are you open?"),
      say(4_200, "And on Sunday?", { identity: "bob" }),
      [12_000, (call) => call.room.type("bob", "Do you take cards?")],
      end(24_000),
    ],
  },
  {
    name: "a budget runs out",
    options: { ...chatty, texts: { ...greeted.texts, overBudget: "I have to go." } },
    steps: [
      enter,
      budget(3_500, "shorterAnswers"),
      say(4_000, "Are you open?"),
      budget(8_000, "farewell"),
    ],
  },
];

/** Virtual ms in which each of them has come to its end. */
export const CALL_MAX_MS = 90_000;

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(new TypeError("aborted")), { once: true }),
  );
}
