import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../src/events/record.ts";
import type { LlmEvent, LlmMessage, ToolCall } from "../../src/providers/llm.port.ts";
import { createReceptionistTools } from "../../src/providers/local/receptionist/tools.ts";
import { createReceptionist } from "../../src/providers/local/receptionist/receptionist.llm.ts";

/** What the caller says, and what must be in the answer: words of it, or fields of a tool call. */
type Exchange = readonly [said: string, expected: RegExp | Readonly<Record<string, Json>>];

const llm = createReceptionist();

interface Answer {
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

async function ask(messages: readonly LlmMessage[]): Promise<Answer> {
  const tools = createReceptionistTools().map((tool) => tool.spec);
  const signal = new AbortController().signal;
  const events = await Array.fromAsync(llm.stream({ messages, tools }, signal));
  assert.equal(events.at(-1)?.type, "usage");
  const pick = <T extends LlmEvent["type"]>(type: T) =>
    events.filter((event): event is LlmEvent & { type: T } => event.type === type);
  return {
    text: pick("text")
      .map((event) => event.text)
      .join(""),
    calls: pick("toolCall").map((event) => event.call),
  };
}

/** A caller's line that is answered by a write runs the tool and asks again, as the host does. */
function openCall() {
  const tools = createReceptionistTools();
  const messages: LlmMessage[] = [{ role: "system", text: "You answer the phone." }];
  const signal = new AbortController().signal;
  const reply = async (): Promise<Answer> => {
    const answer = await ask(messages);
    messages.push({ role: "assistant", text: answer.text, toolCalls: answer.calls });
    for (const { id, name, input } of answer.calls) {
      const tool = tools.find((one) => one.spec.name === name);
      assert.ok(tool?.write);
      const output = await tool.run(input, { key: id, signal });
      messages.push({ role: "tool", callId: id, name, output: output as Json });
    }
    if (answer.calls.length === 0) return answer;
    return { text: (await reply()).text, calls: answer.calls };
  };
  return {
    messages,
    say: (text: string): Promise<Answer> => {
      messages.push({ role: "user", text });
      return reply();
    },
  };
}

const DIALOGUES: Readonly<Record<string, readonly Exchange[]>> = {
  "asks, books and corrects on the way": [
    ["Hi, what are your opening hours on Saturday?", /10 am to 11 pm/],
    ["And on Sunday?", /10 am to 4 pm/],
    ["I'd like to book a table for four.", /table for 4.*what day/i],
    ["Friday at seven.", /on Friday at 7 pm.*name/],
    ["No, I mean Sunday.", /Sundays.*until 3 pm.*what time/i],
    ["Two o'clock.", /Sunday at 2 pm/],
    ["Anna.", { name: "Anna", day: "Sunday", time: "14:00", people: 4 }],
    ["Thanks, goodbye.", /seeing you on Sunday.*goodbye/i],
  ],
  "says what it is, then changes and cancels": [
    ["Good morning. Are you a real person?", /rule-based program, not a large language model/],
    ["Okay. Can I make a reservation for this Friday?", /on Friday.*what time/i],
    ["half past seven", /7:30 pm.*how many/],
    ["to people", /for 2/],
    ["It's under John Smith.", { name: "John Smith", time: "19:30", people: 2 }],
    ["Actually, make it six people.", { people: 6, replaces: "amber 1" }],
    ["What's my booking?", /table for 6 on Friday at 7:30 pm, under John Smith/],
    ["Cancel it please.", { booking: "amber 1" }],
    ["bye", /goodbye/i],
  ],
  "mishears numbers and still books": [
    ["Can I get an appointment on the 3rd of June?", /June 3rd/],
    ["for for people", /table for 4/],
    ["uh, around six thirty", /6:30 pm/],
    ["Smith. S M I T H.", { name: "Smith", day: "June 3", time: "18:30", people: 4 }],
    ["I need to change my reservation.", /what shall I change/i],
    ["the time", /what time/i],
    ["quarter to eight", { time: "19:45", replaces: "amber 1" }],
    ["no", /anything else|goodbye/i],
  ],
  "takes everything at once, in capitals": [
    [
      "BOOK A TABLE FOR TWO ON FRIDAY AT 8 PM UNDER THE NAME OF JAMES",
      { name: "James", day: "Friday", time: "20:00", people: 2 },
    ],
    ["half an hour later", { time: "20:30" }],
    ["and one more person", { people: 3 }],
    ["Move it to Wednesday.", { day: "Wednesday" }],
    ["Change the name to Peter Miller", { name: "Peter Miller" }],
    ["Can you repeat that?", /under Peter Miller/],
    ["that's all, thank you", /you are welcome.*goodbye/i],
  ],
  "answers questions in the middle of a booking": [
    ["yeah hi um can i reserve a table please", /what day/i],
    ["next tuesday", /next Tuesday.*what time/i],
    ["do you have vegan food?", /vegan.*what time/i],
    ["eight pm", /how many/i],
    ["oh and is there wifi", /free for guests.*how many/i],
    ["just me and my wife", /table for 2.*name/],
    ["Where can I park?", /car park.*name/],
    ["Williams", { name: "Williams", day: "next Tuesday", time: "20:00", people: 2 }],
  ],
  "asks which number was meant": [
    ["Do you have a table on Thursday at six for three?", /table for 3 on Thursday at 6 pm/],
    ["Make it five", /5 people, or 5 o'clock/],
    ["people", /table for 5 on Thursday at 6 pm/],
    ["about seven instead", /at 7 pm/],
    ["My name is Bob", { name: "Bob", people: 5, time: "19:00" }],
    ["no, not Thursday, Monday", { day: "Monday" }],
  ],
  "keeps to what the house can do": [
    ["Can I book a table for 20 people on Friday?", /up to 12/],
    ["10", /table for 10 on Friday/],
    ["at midnight", /11:30 am until 9 pm/],
    ["9", /at 9 pm/],
    ["no wait, 8", /at 8 pm/],
    ["Karl", { people: 10, time: "20:00" }],
    ["Are you open on Christmas?", /closed on Christmas/],
  ],
  "asks back and helps": [
    ["colourless green ideas", /did not understand/],
    ["sleep furiously", /hours, prices, parking/],
    ["how much is dinner", /42 dollars/],
    ["where are you", /14 Mill Lane/],
    ["can i talk to a human", /555-0142/],
    ["tell me a joke", /tomato/],
    ["what's the weather", /cannot see/],
  ],
  "cancels a booking of another call": [
    ["I want to cancel my reservation", /name or reference/],
    ["Johnson", { booking: "Johnson" }],
    ["never mind", /stays as it is/],
    ["I'd like a table tonight at 730 p.m.", /tonight at 7:30 pm.*how many/],
    ["two adults and two kids", /table for 4/],
    ["its lee", { name: "Lee", day: "tonight", time: "19:30", people: 4 }],
  ],
  "starts from a name": [
    ["Hi! I'm Daniel.", /hello Daniel/i],
    ["I'd like to come in tomorrow at 6.", /tomorrow at 6 pm, under Daniel/],
    ["for two", { name: "Daniel", day: "tomorrow", time: "18:00", people: 2 }],
    ["thank you", /you are welcome/i],
    ["Is it expensive?", /18 dollars/],
    ["No, thank you", /goodbye/i],
  ],
};

for (const [name, exchanges] of Object.entries(DIALOGUES))
  test(`the receptionist ${name}`, async () => {
    const { say } = openCall();
    for (const [said, expected] of exchanges) {
      const { text, calls } = await say(said);
      const shown = `"${said}" was answered "${text}" ${JSON.stringify(calls)}`;
      assert.ok(text.length > 0 && text.length < 220, `${shown}: too long to listen to`);
      if (expected instanceof RegExp) {
        assert.match(text, expected, shown);
        assert.equal(calls.length, 0, shown);
      } else assert.partialDeepStrictEqual(calls[0]?.input, expected, shown);
    }
  });

test("the confirmation says what the tool gave back, not what was asked for", async () => {
  const { messages } = openCall();
  const input = { name: "Anna", day: "Friday", time: "19:00", people: 4 };
  const call = { id: "a", name: "book", input };
  const output = { ...input, time: "19:30", reference: "cedar 3", changed: false };
  const { text } = await ask([
    ...messages,
    { role: "user", text: "A table for four on Friday at 7 for Anna" },
    { role: "assistant", text: "", toolCalls: [call] },
    { role: "tool", callId: "a", name: "book", output },
  ]);
  assert.match(text, /7:30 pm.*cedar 3/);
});

test("a tool that failed is said so and tried again on request", async () => {
  const { messages } = openCall();
  const said = { role: "user", text: "A table for four on Friday at 7 for Anna" } as const;
  const first = await ask([...messages, said]);
  const calls = first.calls;
  const failed: LlmMessage[] = [
    ...messages,
    said,
    { role: "assistant", text: "", toolCalls: calls },
    { role: "tool", callId: calls[0]!.id, name: "book", output: { status: "failed" } },
  ];
  const { text } = await ask(failed);
  assert.match(text, /sorry.*try again/i);
  const again = await ask([
    ...failed,
    { role: "assistant", text },
    { role: "user", text: "yes please" },
  ]);
  assert.deepEqual(again.calls[0]?.input, calls[0]?.input);
  assert.notEqual(again.calls[0]?.id, calls[0]?.id, "a second try is a call of its own");
});

test("a tool still at work is waited for", async () => {
  const { messages } = openCall();
  const said = { role: "user", text: "A table for four on Friday at 7 for Anna" } as const;
  const { calls } = await ask([...messages, said]);
  const { text, calls: none } = await ask([
    ...messages,
    said,
    { role: "assistant", text: "", toolCalls: calls },
    { role: "tool", callId: calls[0]!.id, name: "book", output: { status: "pending" } },
    { role: "user", text: "hello?" },
  ]);
  assert.match(text, /moment/);
  assert.deepEqual(none, []);
});

test("after an interruption it can say again what was not heard", async () => {
  const { messages, say } = openCall();
  const { text } = await say("what are your opening hours");
  messages.pop();
  messages.push({ role: "assistant", text: "We are open" });
  messages.push({
    role: "system",
    text: "The user interrupted you here; they did not hear the rest.",
  });
  assert.equal((await say("sorry, could you say that again?")).text, text);
});

test("the same request gives the same answer, from any instance", async () => {
  const request: LlmMessage[] = [
    { role: "system", text: "Today is Wednesday." },
    { role: "user", text: "Are you open tomorrow?" },
  ];
  const once = await ask(request);
  assert.deepEqual(await ask(request), once);
  assert.match(once.text, /On Thursday/);
});

test("without a user message it greets", async () => {
  assert.match((await ask([])).text, /^Hello.*Juniper House/);
});

test("without tools it takes no booking", async () => {
  const messages: LlmMessage[] = [
    { role: "user", text: "A table for four on Friday at 7 for Anna" },
  ];
  const signal = new AbortController().signal;
  const events = await Array.fromAsync(llm.stream({ messages, tools: [] }, signal));
  assert.ok(events.every((event) => event.type !== "toolCall"));
});

test("text streams in words, and an abort ends it", async () => {
  const stop = new AbortController();
  const chunks: string[] = [];
  const messages: LlmMessage[] = [{ role: "user", text: "what are your hours" }];
  await assert.rejects(
    async () => {
      for await (const event of llm.stream({ messages, tools: [] }, stop.signal)) {
        if (event.type === "text") chunks.push(event.text);
        if (chunks.length === 3) stop.abort();
      }
    },
    { code: "effect.stopped" },
  );
  assert.deepEqual(chunks, ["We ", "are ", "open "]);
});
