import { sleep, type Cancel } from "../../base/clock.ts";
import { resample } from "../../base/audio.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Json } from "../../events/record.ts";
import { wordsOf } from "../../folds/features.ts";
import { spreadWordEnds } from "../../folds/heard.ts";
import {
  historyFor,
  requestDigest,
  type HistoryMessage,
  type ReplyInput,
} from "../../folds/history.ts";
import type { Llm, ToolCall } from "../../providers/llm.port.ts";
import type { Tool } from "../../providers/tool.port.ts";
import type { Tts } from "../../providers/tts.port.ts";
import type { EffectResult, Runner, RunningEffect } from "../effect.ts";
import { quietly, type CallMedia } from "./call-media.ts";
import { Playout } from "./playout.ts";
import { SentenceSplitter, splitSentences } from "./sentences.ts";

/**
 * E9: the whole answer is one durable effect: model, text, speech, playout. A sentence is in the
 * log before its first frame leaves. A speculative reply holds its text until it is told `commit`.
 * Stop and pause silence the speaker within the call that tells them.
 */
export interface ReplyPorts {
  readonly llm: Llm;
  readonly tts: Tts;
  readonly voice: string;
  readonly tools: readonly Tool[];
  readonly media: CallMedia;
}

export function replyRunner(ports: ReplyPorts): Runner<ReplyInput, Prepared> {
  return {
    prepare: (input, { transcript }) =>
      input.saying === null
        ? { messages: historyFor(transcript, input), texts: [] }
        : { messages: [], texts: input.saying.map((ref) => transcript.textOf(ref)) },
    run: async (effect, prepared) => {
      const connection = await ports.media.connected();
      const reply = new Reply(ports, effect, (onStart) => new Playout(connection.speaker, onStart));
      return reply.run(prepared);
    },
  };
}

interface Prepared {
  readonly messages: readonly HistoryMessage[];
  /** What is said without a model; empty for an answer. */
  readonly texts: readonly string[];
}

class Reply {
  readonly #ports: ReplyPorts;
  readonly #effect: RunningEffect<ReplyInput>;
  readonly #playout: Playout;
  readonly #committed = Promise.withResolvers<void>();
  readonly #usage: Usage[] = [];
  readonly #toolCalls: ToolCall[] = [];
  /** Sentences are logged in order, and spoken in order, each after it was logged. */
  #logged: Promise<void> = Promise.resolve();
  #speech: Promise<void> = Promise.resolve();
  #segments = 0;
  #requestedAt = 0;
  #firstTokenAt: number | undefined;
  #characters = 0;
  #positions: Cancel | undefined;

  constructor(
    ports: ReplyPorts,
    effect: RunningEffect<ReplyInput>,
    openPlayout: (onStart: () => void) => Playout,
  ) {
    this.#ports = ports;
    this.#effect = effect;
    this.#playout = openPlayout(() => this.#tellPosition());
    if (!effect.input.speculative) this.#committed.resolve();
    effect.signal.addEventListener("abort", () => this.#stop(), { once: true });
    effect.onTell((command) => {
      if (command === "pause") this.#playout.pause();
      else if (command === "resume") this.#playout.resume();
      else this.#committed.resolve();
    });
  }

  async run({ messages, texts }: Prepared): Promise<EffectResult> {
    if (this.#effect.signal.aborted) this.#stop();
    try {
      if (this.#effect.input.saying === null) await this.#ask(messages);
      else for (const sentence of texts.flatMap(splitSentences)) this.#say(sentence);
      await this.#speech;
      // A speculative reply that has nothing to say waits all the same: its tools may not run yet.
      await this.#committed.promise;
      this.#playout.finish();
      await this.#playout.done;
    } catch (error) {
      this.#playout.stop();
      if (!this.#effect.signal.aborted) throw error;
    } finally {
      this.#positions?.();
    }
    return this.#result();
  }

  #stop(): void {
    this.#playout.stop();
    this.#positions?.();
    this.#committed.resolve();
  }

  async #ask(messages: readonly HistoryMessage[]): Promise<void> {
    const { llm, tools } = this.#ports;
    const { signal, call } = this.#effect;
    const specs = tools.map(({ spec }) => spec);
    const names = specs.map(({ name }) => name);
    this.#requestedAt = call.clock.now();
    const { provider, model } = llm;
    const digest = requestDigest(messages, names);
    const asked = { provider, model, digest, tools: names, upTo: this.#effect.upTo };
    quietly(this.#effect.progress({ type: "reply.requested", ...asked }));
    const splitter = new SentenceSplitter();
    for await (const event of llm.stream({ messages, tools: specs }, signal)) {
      if (signal.aborted) return;
      if (event.type === "text") {
        this.#firstTokenAt ??= call.clock.now();
        this.#effect.live("reply", { turn: this.#effect.input.turn, text: event.text });
        for (const sentence of splitter.push(event.text)) this.#say(sentence);
      } else if (event.type === "toolCall") this.#toolCalls.push(event.call);
      else this.#noteTokens(event.usage);
    }
    for (const sentence of splitter.finish()) this.#say(sentence);
  }

  #noteTokens(usage: {
    provider: string;
    model: string;
    inputTokens: number;
    outputTokens: number;
    estimated: boolean;
  }): void {
    const { provider, model, estimated, inputTokens, outputTokens } = usage;
    const meter = { service: "llm", provider, model, estimated } as const;
    this.#usage.push({ ...meter, meter: "inputTokens", quantity: inputTokens });
    this.#usage.push({ ...meter, meter: "outputTokens", quantity: outputTokens });
  }

  /** A sentence goes into the log as it comes, and is spoken in its turn; any failure ends all. */
  #say(sentence: string): void {
    const index = this.#segments++;
    const ref = `${this.#effect.id}.${index}`;
    this.#logged = this.#logged.then(() => this.#log(sentence, ref, index));
    const before = Promise.all([this.#speech, this.#logged]);
    this.#speech = before.then(() => this.#speak(sentence, ref, index));
    this.#logged.catch(() => undefined);
    this.#speech.catch(() => undefined);
  }

  /** So a new owner finds all that was to be said, and not only what was said already (L5). */
  async #log(text: string, ref: string, index: number): Promise<void> {
    await this.#committed.promise;
    if (this.#effect.signal.aborted) return;
    const words = wordsOf(text).length;
    const segment = { ref, chars: text.length, words, question: text.trimEnd().endsWith("?") };
    const first = index === 0 && this.#firstTokenAt !== undefined;
    const ttftMs = (this.#firstTokenAt ?? 0) - this.#requestedAt;
    const event = { type: "reply.segment", ...segment, ...(first && { ttftMs }) };
    await this.#effect.progress(event, { text });
  }

  async #speak(text: string, ref: string, index: number): Promise<void> {
    if (this.#effect.signal.aborted) return;
    await this.#synthesise(text, ref, index);
    await this.#keepPace();
  }

  async #synthesise(text: string, ref: string, index: number): Promise<void> {
    const { tts, voice } = this.#ports;
    const { signal, call } = this.#effect;
    const startedAt = call.clock.now();
    const connection = await this.#ports.media.connected();
    let ms = 0;
    let ttfbMs: number | undefined;
    let ends: readonly number[] | undefined;
    this.#characters += text.length;
    for await (const event of tts.speak({ text, voice, signal })) {
      if (signal.aborted) return;
      if (event.type === "alignment") {
        ends = event.wordEndsMs;
        continue;
      }
      ttfbMs ??= call.clock.now() - startedAt;
      ms += (event.frame.samples.length * 1000) / event.frame.rateHz;
      this.#playout.write(resample(event.frame, connection.speaker.rateHz).samples);
    }
    if (signal.aborted) return;
    const wordEndsMs = [...(ends ?? spreadWordEnds(text, ms))].map(Math.round);
    const timing = index === 0 && ttfbMs !== undefined ? { ttfbMs } : {};
    const measured = { ref, ms: Math.round(ms), wordEndsMs, estimated: ends === undefined };
    quietly(this.#effect.progress({ type: "speech.segment", ...measured, ...timing }));
  }

  /** M3: speech is not synthesised further ahead than the buffer holds. */
  async #keepPace(): Promise<void> {
    const { signal, call } = this.#effect;
    while (!signal.aborted && this.#playout.aheadMs > LIMITS.speechBufferMsMax)
      await sleep(call.clock, LIMITS.positionEveryMs, signal);
  }

  /** The first one says that sound has begun; then one each `positionEveryMs` while it plays. */
  #tellPosition(): void {
    if (this.#effect.signal.aborted) return;
    const ms = Math.round(this.#playout.positionMs);
    if (this.#playout.isPlaying || ms === 0)
      quietly(this.#effect.progress({ type: "reply.position", ms }));
    this.#positions = this.#effect.call.clock.after(LIMITS.positionEveryMs, () =>
      this.#tellPosition(),
    );
  }

  #result(): EffectResult {
    const { tts } = this.#ports;
    if (this.#characters > 0)
      this.#usage.push({
        service: "tts",
        provider: tts.provider,
        model: tts.model,
        meter: "characters",
        quantity: this.#characters,
        estimated: false,
      });
    const ended = { position: Math.round(this.#playout.positionMs), usage: this.#usage };
    if (this.#toolCalls.length === 0 || this.#effect.signal.aborted) return ended;
    const inputs: Record<string, Json> = {};
    const toolCalls = this.#toolCalls.map(({ name, input }, index) => {
      // Our own id: a model's may come again, and it names the effect and its key.
      const call = `${this.#effect.id}.${index}`;
      inputs[call] = { name, input };
      const tool = this.#ports.tools.find(({ spec }) => spec.name === name);
      const { write = false, idempotent = false } = tool ?? {};
      return { call, name, write, idempotent };
    });
    return { ...ended, result: { toolCalls }, text: inputs };
  }
}
