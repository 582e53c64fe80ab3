import { aborted, sleep, type Cancel } from "../../base/clock.ts";
import { AppError, codeOf } from "../../base/errors.ts";
import { frameMs, resample, type AudioFrame } from "../../base/audio.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Json } from "../../events/record.ts";
import { wordsOf } from "../../folds/features.ts";
import {
  historyFor,
  messagesOf,
  requestDigest,
  withContext,
  type History,
  type ReplyInput,
} from "../../folds/history.ts";
import type { Llm, ToolCall } from "../../providers/llm.port.ts";
import type { Tts } from "../../providers/tts.port.ts";
import { charactersOf } from "../../providers/tts.port.ts";
import type { Guard } from "../../providers/breaker.port.ts";
import type { RoomConnection } from "../../media/room.port.ts";
import type { AgentParts, PartsOf, Voice } from "../agent-parts.ts";
import type { EffectResult, Runner, RunningEffect } from "../effect.ts";
import type { Purse } from "../purse.ts";
import { streamAnswer, type Left } from "./answer-stream.ts";
import { estimatedTokens } from "./asked-model.ts";
import { quietly, type CallMedia } from "./call-media.ts";
import { contextOf } from "./hook.runner.ts";
import { modelRoute } from "./model-route.ts";
import { Playout } from "./playout.ts";
import type { Retried } from "./retry.ts";
import { SentenceVoice, type LivingVoices, type Spoken } from "./sentence-voice.ts";
import { SentenceSplitter, splitSentences } from "./sentences.ts";
import { requestedTools } from "./tool.runner.ts";

/**
 * E9: the whole answer is one durable effect: model, text, speech, playout. A sentence is in the
 * log before its first frame leaves. A speculative reply holds its text until it is told `commit`.
 * Stop and pause silence the speaker within the call that tells them. A filler is the same with a
 * text of its own, beside the reply.
 */
export interface ReplyPorts {
  readonly partsOf: PartsOf;
  readonly media: CallMedia;
  /** Of the process: whom its calls have found to keep failing. */
  readonly guard?: Guard;
}

export function replyRunner(ports: ReplyPorts): Runner<ReplyInput, Prepared> {
  return {
    prepare: (input, { transcript }) =>
      input.saying === null
        ? { history: historyFor(transcript, input), texts: [] }
        : { history: undefined, texts: input.saying.map((ref) => transcript.textOf(ref)) },
    run: async (effect, prepared) => {
      // Stopped before there is a room to speak in, it asks and says nothing.
      const connection = await Promise.race([ports.media.connected(), aborted(effect.signal)]);
      if (!connection || effect.signal.aborted) return { position: 0 };
      const parts = ports.partsOf(effect.input.agent);
      return new Reply(parts, effect, { connection, ...ports }).run(prepared);
    },
  };
}

/** What becomes of one that failed, in words. */
const THEN = { again: "it is asked again", next: "it is left" } as const;

interface Prepared {
  /** What a model is asked; undefined where given texts are said. */
  readonly history: History | undefined;
  readonly texts: readonly string[];
}

class Reply {
  readonly #parts: AgentParts;
  readonly #effect: RunningEffect<ReplyInput>;
  readonly #guard: Guard | undefined;
  readonly #playout: Playout;
  readonly #voice: SentenceVoice;
  readonly #rateHz: number;
  /** What its records are called by: `reply` or `filler`. */
  readonly #kind: string;
  /** Whatever fails ends all that still works for it. */
  readonly #failed = new AbortController();
  /** Aborted when it is stopped, and when it fails. */
  readonly #signal: AbortSignal;
  /** Aborted where a budget lets no more be said: the model need not go on. */
  readonly #enough = new AbortController();
  readonly #committed = Promise.withResolvers<void>();
  readonly #usage: Usage[] = [];
  readonly #toolCalls: ToolCall[] = [];
  /** Sentences are logged in order, and spoken in order, each after it was logged. */
  #logged: Promise<void> = Promise.resolve();
  #speech: Promise<void> = Promise.resolve();
  /** The voice that the log was told of last. */
  #toldVoice: Voice | undefined;
  /** The sentence that the voice was given last. */
  #speaking: Promise<Spoken> | undefined;
  #segments = 0;
  /** Sentences that may be said: the first so many. */
  #admitted = 0;
  /** Where the sentence that is spoken now begins. */
  #sentenceMs = 0;
  #writtenMs = 0;
  #requestedAt = 0;
  #firstTokenAt: number | undefined;
  #positions: Cancel | undefined;
  #toldMs = -1;

  constructor(
    parts: AgentParts,
    effect: RunningEffect<ReplyInput>,
    { connection, media, guard }: Omit<ReplyPorts, "partsOf"> & { connection: RoomConnection },
  ) {
    this.#parts = parts;
    this.#effect = effect;
    this.#guard = guard;
    this.#signal = AbortSignal.any([effect.signal, this.#failed.signal]);
    this.#kind = effect.child === "filler" ? "filler" : "reply";
    this.#rateHz = connection.speaker.rateHz;
    this.#playout = new Playout(connection.speaker, media.speakers, () => this.#tellPosition());
    this.#voice = this.#openVoice(media.living);
    if (!effect.input.speculative) this.#committed.resolve();
    effect.signal.addEventListener("abort", () => this.#stop(), { once: true });
    effect.onTell((command) => {
      if (command === "pause") this.#playout.pause();
      else if (command === "resume") this.#playout.resume();
      else this.#committed.resolve();
    });
  }

  async run({ history, texts }: Prepared): Promise<EffectResult> {
    const { signal } = this.#effect;
    if (signal.aborted) this.#stop();
    try {
      if (history) await this.#ask(history);
      else for (const sentence of texts.flatMap(splitSentences)) this.#say(sentence);
      await this.#speech;
      // A speculative reply that has nothing to say waits all the same: its tools may not run yet.
      await this.#committed.promise;
      this.#playout.finish();
      await this.#playout.done;
      return signal.aborted ? this.#measured() : { ...this.#measured(), ...this.#wanted() };
    } catch (error) {
      this.#failed.abort();
      this.#playout.stop();
      // What the voice was given to say is known once it has left off.
      await this.#speaking?.catch(() => undefined);
      const measured = this.#measured();
      if (signal.aborted) return measured;
      this.#effect.warn(`the ${this.#kind} failed`, error);
      return { ...measured, error: codeOf(error, "provider.failed") };
    } finally {
      this.#positions?.();
    }
  }

  #openVoice(living: LivingVoices): SentenceVoice {
    const { call } = this.#effect;
    return new SentenceVoice({
      voices: this.#parts.voices,
      clock: call.clock,
      signal: this.#signal,
      firstAudioMs: call.settings.answer.firstAudio,
      living,
      agent: this.#effect.input.agent,
      guard: this.#guard,
      random: () => call.ids.random(),
      mayBeText: true,
      write: (frame) => this.#write(frame),
      cutTo: (ms) => this.#cutTo(ms),
      onRetry: (voice, retried) => this.#retried("voice", nameOf(voice), retried),
      onSwitch: (from, to, left) =>
        this.#switched("voice", { from: nameOf(from), to: to ? nameOf(to) : "text", ...left }),
      onFailure: (voice, error, then) =>
        this.#effect.warn(`the voice ${nameOf(voice)} failed: ${THEN[then]}`, error),
    });
  }

  #stop(): void {
    this.#playout.stop();
    this.#positions?.();
    this.#committed.resolve();
  }

  #write(frame: AudioFrame): void {
    this.#writtenMs += frameMs(frame);
    this.#playout.write(resample(frame, this.#rateHz).samples);
  }

  #cutTo(ms: number): number {
    this.#writtenMs = this.#playout.cutTo(this.#sentenceMs + ms);
    return this.#writtenMs - this.#sentenceMs;
  }

  #retried(what: "model" | "voice", of: string, how: Retried): void {
    quietly(this.#effect.progress({ type: "reply.retried", what, of, ...how }));
  }

  #switched(what: "model" | "voice", how: { from: string; to: string } & Left): void {
    quietly(this.#effect.progress({ type: "reply.switched", what, ...how }));
  }

  async #ask(history: History): Promise<void> {
    const { tools, hooks } = this.#parts;
    const { call } = this.#effect;
    const signal = this.#signal;
    if (signal.aborted) return;
    const context = await contextOf(this.#effect, hooks, messagesOf(history));
    if (signal.aborted) return;
    const asked = context ? withContext(history, context) : history;
    const messages = messagesOf(asked);
    const route = modelRoute(this.#parts, messages, call.settings.language);
    const { told } = route;
    const specs = tools.map(({ spec }) => spec);
    const names = specs.map(({ name }) => name);
    this.#requestedAt = call.clock.now();
    const digest = requestDigest(asked, names);
    const splitter = new SentenceSplitter();
    const request = { messages, tools: specs };
    const inputTokens = estimatedTokens(request);
    const answer = streamAnswer(request, {
      models: this.#inBudget(route.models),
      admit: call.purse && ((model) => this.#admit(model, inputTokens)),
      clock: call.clock,
      signal: AbortSignal.any([signal, this.#enough.signal]),
      awaited: this.#committed.promise,
      firstTokenMs: call.settings.answer.firstToken,
      totalMs: call.settings.answer.total,
      guard: this.#guard,
      random: () => call.ids.random(),
      onAsk: ({ provider, model }) => {
        const { upTo } = this.#effect;
        const asked = { provider, model, digest, tools: names, upTo, inputTokens, ...told };
        quietly(this.#effect.progress({ type: "reply.requested", ...asked }));
      },
      onRetry: ({ model }, retried) => this.#retried("model", model, retried),
      onSwitch: (from, to, left) =>
        this.#switched("model", { from: from.model, to: to.model, ...left }),
      onFailure: ({ model }, error, then) =>
        this.#effect.warn(`the model ${model} failed: ${THEN[then]}`, error),
      onUsage: (usage) => this.#usage.push(...usage),
    });
    for await (const event of answer) {
      if (signal.aborted) return;
      if (event.type === "toolCall") {
        this.#toolCalls.push(event.call);
        continue;
      }
      this.#firstTokenAt ??= call.clock.now();
      this.#effect.live("reply", { turn: this.#effect.input.turn, text: event.text });
      for (const sentence of splitter.push(event.text)) this.#say(sentence);
    }
    for (const sentence of splitter.finish()) this.#say(sentence);
  }

  /** A sentence goes into the log as it comes, and is spoken in its turn; any failure ends all. */
  #say(sentence: string): void {
    const index = this.#segments++;
    const ref = `${this.#effect.id}.${index}`;
    this.#logged = this.#logged.then(() => this.#log(sentence, ref, index));
    const before = Promise.all([this.#speech, this.#logged]);
    this.#speech = before.then(() => this.#speak(sentence, ref, index));
    this.#logged.catch(() => undefined);
    // A voice that fails ends the answer, so its model need not go on.
    this.#speech.catch(() => this.#failed.abort());
  }

  /** So a new owner finds all that was to be said, and not only what was said already (L5). */
  async #log(text: string, ref: string, index: number): Promise<void> {
    await this.#committed.promise;
    if (this.#signal.aborted || this.#enough.signal.aborted) return;
    const { purse } = this.#effect.call;
    if (purse && !(await this.#mayBeSaid(text, purse))) return this.#endBefore(index);
    this.#admitted = index + 1;
    const words = wordsOf(text).length;
    const segment = { ref, chars: text.length, words, question: text.trimEnd().endsWith("?") };
    const first = index === 0 && this.#firstTokenAt !== undefined;
    const ttftMs = (this.#firstTokenAt ?? 0) - this.#requestedAt;
    const event = {
      type: `${this.#kind}.segment`,
      ...segment,
      ...(first && { ttftMs }),
      ...this.#nextVoice(),
    };
    await this.#effect.progress(event, { text });
  }

  /** Who will say the next sentence, where that is not who says the one before. */
  #nextVoice(): { voice?: { provider: string; model: string } } {
    const next = this.#voice.next;
    if (!next || next === this.#toldVoice) return {};
    this.#toldVoice = next;
    const { provider, model } = next.tts;
    return { voice: { provider, model } };
  }

  async #speak(text: string, ref: string, index: number): Promise<void> {
    const signal = this.#signal;
    if (signal.aborted || index >= this.#admitted) return;
    this.#sentenceMs = this.#writtenMs;
    this.#speaking = this.#voice.speak(text);
    const { ttfbMs, ...measured } = await this.#speaking;
    if (signal.aborted) return;
    const timing = index === 0 && ttfbMs !== undefined ? { ttfbMs } : {};
    quietly(this.#effect.progress({ type: "speech.segment", ref, ...measured, ...timing }));
    await this.#keepPace();
  }

  /** What a budget asks for: the cheapest goes first. */
  #inBudget(models: readonly Llm[]): readonly Llm[] {
    const { input, call } = this.#effect;
    const isThrifty = input.measure !== undefined && input.measure !== "warn";
    return (isThrifty && call.purse?.cheapestFirst(this.#parts.models)) || models;
  }

  #admit(model: Llm, inputTokens: number): Promise<number | undefined> {
    const { id: effect, call, input } = this.#effect;
    const { turn, measure } = input;
    const voices = this.#ttsOf();
    return call.purse!.admitModel({ effect, turn, model, voices, inputTokens, measure });
  }

  #mayBeSaid(text: string, purse: Purse): Promise<boolean> {
    const { id: effect, input } = this.#effect;
    const voices = this.#ttsOf();
    const isFixed = input.saying !== null && this.#kind === "reply";
    const ask = { effect, turn: input.turn, voices, characters: charactersOf(text), isFixed };
    return purse.admitSpeech(ask);
  }

  #ttsOf(): readonly Tts[] {
    return this.#parts.voices.map(({ tts }) => tts);
  }

  /** Where a budget ends, so does the answer, behind what is said; without a word it has failed. */
  #endBefore(index: number): void {
    this.#enough.abort();
    if (index === 0) throw new AppError("budget.spent", "no budget for the voice");
  }

  /** M3: speech is not synthesised further ahead than the buffer holds. */
  async #keepPace(): Promise<void> {
    const { clock } = this.#effect.call;
    const signal = this.#signal;
    while (!signal.aborted && this.#playout.aheadMs > LIMITS.speechBufferMsMax)
      await sleep(clock, LIMITS.positionEveryMs, signal);
  }

  /** The first one says that sound has begun; then one each `positionEveryMs` while it plays. */
  #tellPosition(): void {
    if (this.#effect.signal.aborted) return;
    const ms = Math.round(this.#playout.positionMs);
    // One that does not grow is no sign of life: the chart waits for the next sound.
    if (ms > this.#toldMs && (this.#playout.isPlaying || ms === 0)) {
      this.#toldMs = ms;
      quietly(this.#effect.progress({ type: `${this.#kind}.position`, ms }));
    }
    this.#positions = this.#effect.call.clock.after(LIMITS.positionEveryMs, () =>
      this.#tellPosition(),
    );
  }

  /** What it came to and cost, however it ended. */
  #measured(): EffectResult {
    const usage = [...this.#usage, ...this.#voice.usage];
    return { position: Math.round(this.#playout.positionMs), usage };
  }

  /** The tools it asks for, if it does. */
  #wanted(): EffectResult {
    if (this.#toolCalls.length === 0) return {};
    const { toolCalls, inputs } = requestedTools(this.#effect, this.#toolCalls, this.#parts.tools);
    return { result: { toolCalls: toolCalls as unknown as Json }, text: inputs };
  }
}

function nameOf({ tts, name }: Voice): string {
  return `${tts.provider}/${name}`;
}
