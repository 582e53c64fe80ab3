import type { Act } from "../../src/cli/simulate/script.ts";
import type { Json } from "../../src/events/record.ts";
import type { SimulationOptions } from "../../src/testing/simulation.ts";

/** The call that is killed: the same agent before and after. */
const ANSWER = "Doors open early each morning. Dinner runs late every evening. Fridays stay busy.";

export const CRASH_CALL: SimulationOptions = {
  texts: { greeting: "Hello and welcome to our small house by the river." },
  answer: ({ messages }) => {
    const last = messages.at(-1);
    const books = last?.role === "user" && /\bbook\b/i.test(last.text);
    return books ? { toolCalls: [{ id: "1", name: "book", input: null }] } : { text: ANSWER };
  },
  tools: [
    {
      spec: { name: "book", description: "books a table", parameters: {} },
      write: true,
      idempotent: true,
      timeoutMs: 5_000,
      run: (): Promise<Json> => Promise.resolve({ booked: true }),
    },
  ],
};

/** What the caller of a spoken call says, each with a word that only it has. */
export const AUDIO_ACTS: readonly Act[] = [
  { kind: "say", text: "What are your opening hours on Saturday?" },
  { kind: "say", text: "And where can I park my car?" },
];
