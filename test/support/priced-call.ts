import { sleep, type Clock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { RoutingSettings } from "../../src/events/routing.events.ts";
import { levelsOf, routed, type Levels } from "../../src/folds/routes.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import type { Llm, LlmEvent, LlmRequest } from "../../src/providers/llm.port.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Stt } from "../../src/providers/stt.port.ts";
import type { Tts } from "../../src/providers/tts.port.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** What a priced model gives to one request. */
interface PricedAnswer {
  readonly text?: string;
  readonly tool?: string;
  readonly fails?: boolean;
  readonly tokens?: readonly [input: number, cached: number, output: number];
}

/** A script that goes under a vendor's name, as the price book has it. */
class PricedLlm implements Llm {
  readonly provider: string;
  readonly model: string;
  readonly #clock: Clock;
  readonly #answers: Iterator<PricedAnswer>;

  constructor(clock: Clock, name: string, answers: readonly PricedAnswer[]) {
    const cut = name.indexOf("/");
    this.provider = name.slice(0, cut);
    this.model = name.slice(cut + 1);
    this.#clock = clock;
    this.#answers = answers.values();
  }

  async *stream(_: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent> {
    const { done, value } = this.#answers.next();
    if (done) throw new AppError("bug", `${this.model} was asked once more than scripted`);
    const { text, tool, fails, tokens = [0, 0, 0] } = value;
    await sleep(this.#clock, 300, signal);
    if (signal.aborted) return;
    // Without a status nobody knows what was made of it: its cost is estimated.
    if (fails) throw new AppError("provider.refused", "scripted");
    if (text !== undefined) yield { type: "text", text };
    if (tool !== undefined) yield { type: "toolCall", call: { id: "1", name: tool, input: {} } };
    const [inputTokens, cacheReadTokens, outputTokens] = tokens;
    const counted = { inputTokens, cacheReadTokens, outputTokens, estimated: false };
    yield { type: "usage", usage: { provider: this.provider, model: this.model, ...counted } };
  }
}

function namedTts(tts: Tts, provider: string, model: string): Tts {
  return {
    provider,
    model,
    rateHz: tts.rateHz,
    voices: tts.voices,
    warm: () => tts.warm(),
    speak: (request) => tts.speak(request),
    [Symbol.asyncDispose]: () => tts[Symbol.asyncDispose](),
  };
}

function namedStt(stt: Stt, provider: string, model: string): Stt {
  return {
    provider,
    model,
    rateHz: stt.rateHz,
    warm: () => stt.warm(),
    open: (on) => {
      const stream = stt.open(on);
      const abort = stream.abort.bind(stream);
      return Object.assign(stream, {
        abort: () => abort().map((usage) => ({ ...usage, provider, model })),
      });
    },
    [Symbol.asyncDispose]: () => stt[Symbol.asyncDispose](),
  };
}

/** A room whose minutes somebody counts. */
export function countedRoom(room: RoomMedia, provider: string): RoomMedia {
  return {
    join: async (options) => Object.assign(await room.join(options), { provider }),
  };
}

const SAYS = "We open at nine in the morning and close at six in the evening every day.";

/**
 * A call whose every line can be written down by hand: an answer that is cut off, a request that is
 * asked ahead and thrown away, a model that fails and another that stands in, a tool, the minutes
 * of the room, and the end.
 */
export async function recordPricedCall(dataDir: string): Promise<void> {
  await using simulation = await openPriced(dataDir);
  simulation.enter("ann");
  await simulation.until(1_000);
  simulation.say("What are your opening hours?");
  await simulation.until(5_000);
  // Cuts the answer off.
  simulation.say("Wait, stop please now.");
  await simulation.quiet();
  // Words that are final, and go on before the turn has ended: what was asked ahead is stale.
  simulation.say("Book me a table please.");
  await simulation.run(1_630);
  simulation.say("For four people please.");
  await simulation.quiet();
  await simulation.host.command({ name: "end", reason: "all done" }, "test");
  await simulation.run(20_000);
}

/** The process dies in the middle of the first answer; another may take the call. */
export async function recordLostAnswer(dataDir: string, isTaken: boolean): Promise<void> {
  await using simulation = await openPriced(dataDir);
  simulation.enter("ann");
  await simulation.until(1_000);
  simulation.say("What are your opening hours?");
  await simulation.until(5_000);
  if (isTaken) await simulation.takeover();
}

function openPriced(dataDir: string): Promise<Simulation> {
  let models: readonly Llm[] | undefined;
  return Simulation.open({
    parts: (_, clock) => ({
      models: (models ??= [luna(clock), haiku(clock)]),
      voices: [
        {
          tts: namedTts(new ScriptedTts(clock), "elevenlabs", "eleven_flash_v2_5"),
          name: "scripted",
        },
      ],
      tools: [BOOK],
      hooks: {},
    }),
    stt: (scripted) => namedStt(scripted, "deepgram", "nova-3"),
    media: (simulated) => countedRoom(simulated, "livekit"),
    broker: (clock) => openEmbedded({ dataDir, clock }),
  });
}

const luna = (clock: Clock): PricedLlm =>
  new PricedLlm(clock, "openai/gpt-6-luna", [
    { text: SAYS, tokens: [1_000, 200, 40] },
    { fails: true },
    { text: "Thrown away.", tokens: [700, 0, 5] },
    { tool: "book", tokens: [1_200, 300, 12] },
    { text: "Done.", tokens: [1_300, 300, 3] },
  ]);

const haiku = (clock: Clock): PricedLlm =>
  new PricedLlm(clock, "anthropic/claude-haiku-5-5", [
    { text: "I have stopped.", tokens: [900, 0, 8] },
  ]);

/** Two typed questions; the rules find the second one complex. */
export async function recordRoutedCall(dataDir: string): Promise<void> {
  let levels: Levels<Llm> | undefined;
  await using simulation = await Simulation.open({
    parts: (_, clock) => {
      levels ??= levelsOf<Llm>({
        simple: new PricedLlm(clock, "openai/gpt-6-luna", [
          { text: "At nine.", tokens: [1_000, 0, 100] },
        ]),
        complex: new PricedLlm(clock, "openai/gpt-6-sol", [
          { text: "It is a long story.", tokens: [2_000, 0, 200] },
        ]),
      });
      return {
        models: routed(levels),
        routing: { settings: RoutingSettings.parse({}), levels },
        voices: [{ tts: new ScriptedTts(clock), name: "scripted" }],
        tools: [],
        hooks: {},
      };
    },
    broker: (clock) => openEmbedded({ dataDir, clock }),
  });
  simulation.enter("ann");
  for (const text of [
    "When do you open?",
    "Why so late? And why not on Sundays? Please explain.",
  ]) {
    simulation.room.type("ann", text);
    await simulation.run(1_000);
    await simulation.quiet();
  }
}

const BOOK = {
  spec: { name: "book", description: "books a table", parameters: {} },
  write: true,
  idempotent: true,
  timeoutMs: 5_000,
  run: () => Promise.resolve({ ok: true }),
};
