import { rules, tool, voiceAgent, z } from "turnfold";

const DAYS = /\b(monday|tuesday|wednesday|thursday|friday)\b/i;

/** Where visits are kept: in memory here, in the shop's own system in real life. */
const visits: string[] = [];

const bookVisit = tool({
  description: "Books a visit to the workshop on a weekday.",
  input: z.object({ day: z.string().regex(DAYS, "a weekday, Monday to Friday") }),
  // It changes the world: it always finishes, and is never run twice for one request.
  write: true,
  sayWhile: "One moment, I am writing that down.",
  timeout: "5s",
  run: ({ day }) => {
    visits.push(day);
    return { day, number: visits.length };
  },
});

export default voiceAgent({
  name: "bike workshop",
  instructions: "You answer the phone of a bicycle workshop. Be short and friendly.",
  greeting: "Hello, this is the bicycle workshop. How can I help?",
  apology: "I am sorry, that did not work. Could you say it again?",
  away: "Are you still there?",
  turn: { endpointing: { minDelay: "500ms" }, silence: { awayAfter: "10s" } },
  tools: { bookVisit },
  hooks: {
    // What is returned is given to the model beside the caller's words.
    async beforeReply({ text }) {
      return /open|hours/i.test(text)
        ? "We are open from nine to six, Monday to Friday."
        : undefined;
    },
  },
  // A model made of rules needs no network and no key; a language model takes its place here.
  model: rules([
    { when: /open|hours/i, say: ({ context }) => context },
    {
      when: DAYS,
      call: { tool: "bookVisit", input: ({ match }) => ({ day: match[1] ?? "" }) },
      tell: "Done: {day} is booked, and your number is {number}.",
    },
    { when: /repair|bike|broken|visit/i, say: "Sure, bring it in. Which day suits you?" },
    { when: /bye|thank/i, say: "Thank you for calling. Goodbye." },
  ]),
});
