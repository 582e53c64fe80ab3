import { stt } from "@livekit/agents";
import { AudioFrame as RtcFrame } from "@livekit/rtc-node";
import { frameMs, type AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Stt, SttEvent, SttStream, SttUsage, TimedWord } from "../stt.port.ts";
import type { LiftSttOptions } from "./lift-options.ts";
import { connOptions, PluginCalls } from "./plugin-calls.ts";

const CONNECT_MS = 10_000;
/** How long the last words may take once they were asked for. */
const LAST_WORDS_MS = 2_000;
/** Words end a little before what sounds like speech does. */
const SLACK_MS = 300;
const RATE_HZ = 16_000;

/** Speech to text of a LiveKit Agents plugin. */
export function createPluginStt(
  plugin: stt.STT,
  options: LiftSttOptions & { readonly clock: Clock },
): Stt {
  const calls = new PluginCalls(plugin, options);
  const { clock } = options;
  if (!plugin.capabilities.streaming)
    throw new AppError("config.invalid", `${calls.vendor.provider}: it does not listen in streams`);
  return {
    provider: calls.vendor.provider,
    model: calls.model,
    rateHz: options.rateHz ?? RATE_HZ,
    warm: async () => undefined,
    open: (on) => new PluginSttStream(plugin, calls, { clock, on }),
    [Symbol.asyncDispose]: () => plugin.close(),
  };
}

interface StreamPorts {
  readonly clock: Clock;
  readonly on: (event: SttEvent) => void;
}

/** A plugin mends its connection by itself where it can, untold; what it cannot is `failed`. */
class PluginSttStream implements SttStream {
  readonly #calls: PluginCalls;
  readonly #stream: stt.SpeechStream;
  readonly #failure: () => AppError | undefined;
  readonly #ports: StreamPorts;
  readonly #read: Promise<void>;
  #pushedMs = 0;
  #toldMs = 0;
  #state: "open" | "finishing" | "over" = "open";
  #how: SttUsage["how"];
  /** There was speech whose last final has not come; its end, where that was told. */
  #isOpenSpeech = false;
  #speechToMs: number | undefined;
  #isRefused = false;
  #onFinal: (() => void) | undefined;

  constructor(plugin: stt.STT, calls: PluginCalls, ports: StreamPorts) {
    this.#calls = calls;
    this.#ports = ports;
    const started = calls.start(() => plugin.stream({ connOptions: connOptions(CONNECT_MS) }));
    this.#stream = started.stream;
    this.#failure = started.failure;
    this.#read = this.#readAll();
  }

  push({ samples, rateHz }: AudioFrame): void {
    if (this.#state !== "open") return;
    this.#pushedMs += frameMs({ samples, rateHz });
    // Plugins send all of the buffer below, so it is one of its own.
    const frame = new RtcFrame(samples.slice(), rateHz, 1, samples.length);
    this.#give((stream) => stream.pushFrame(frame));
  }

  speechStarted(): void {
    this.#isOpenSpeech = true;
    this.#speechToMs = undefined;
  }

  /** Servers that wait for silence do not always get it: plugins may keep it back. */
  speechEnded(toMs: number): void {
    this.#speechToMs = toMs;
    if (this.#state === "open") this.#give((stream) => stream.flush());
  }

  async finish(): Promise<readonly SttUsage[]> {
    const { clock } = this.#ports;
    // One whose connection broke may never end by itself.
    const late = clock.after(LIMITS.sttFinishMsMax, () => this.#fail());
    if (this.#state === "open") {
      this.#state = "finishing";
      this.#give((stream) => stream.flush());
      if (this.#isOpenSpeech) await this.#lastWords();
      if (this.#isOpen) this.#give((stream) => stream.endInput());
    }
    await this.#read;
    late();
    return this.#usage();
  }

  abort(): readonly SttUsage[] {
    if (this.#state !== "over") this.#how = "stopped";
    this.#close();
    return this.#usage();
  }

  /** Some plugins hang up at the first message after the end, whichever it is. */
  async #lastWords(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onFinal = resolve;
    const late = this.#ports.clock.after(LAST_WORDS_MS, resolve);
    await Promise.race([promise, this.#read]);
    late();
  }

  /** A stream that has just ended by itself takes nothing more; its events tell why it did. */
  #give(what: (stream: stt.SpeechStream) => void): void {
    try {
      what(this.#stream);
    } catch {
      // Told by `#readAll`.
    }
  }

  async #readAll(): Promise<void> {
    await Promise.resolve();
    // When its connection is there a plugin does not say.
    if (this.#isOpen) this.#ports.on({ type: "up" });
    for await (const event of this.#stream) {
      if (!this.#isOpen) break;
      this.#take(event);
    }
    if (this.#state === "open" || this.#failure()) this.#fail();
    this.#close();
  }

  get #isOpen(): boolean {
    return this.#state !== "over";
  }

  #take({ type, alternatives, recognitionUsage }: stt.SpeechEvent): void {
    this.#toldMs += (recognitionUsage?.audioDuration ?? 0) * 1000;
    const heard = alternatives?.[0];
    if (!heard || heard.text === "") return;
    const span = { fromMs: msOf(heard.startTime), toMs: msOf(heard.endTime), text: heard.text };
    if (type === stt.SpeechEventType.FINAL_TRANSCRIPT) {
      const endMs = (this.#speechToMs ?? this.#pushedMs) - SLACK_MS;
      if (span.toMs >= endMs) this.#isOpenSpeech = false;
      this.#ports.on({ type: "final", ...span, words: (heard.words ?? []).map(wordOf) });
      if (!this.#isOpenSpeech) this.#onFinal?.();
    } else if (type === stt.SpeechEventType.INTERIM_TRANSCRIPT) {
      this.#isOpenSpeech = true;
      this.#ports.on({ type: "interim", ...span, stableWords: 0 });
    }
  }

  #fail(): void {
    const { provider } = this.#calls.vendor;
    const ended = new AppError("provider.unavailable", `${provider}: it listens no more`);
    if (!this.#isOpen) return;
    this.#how = "failed";
    this.#close();
    const error = this.#failure() ?? ended;
    this.#isRefused = error.detail["status"] !== undefined;
    this.#ports.on({ type: "failed", error });
  }

  #close(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#stream.close();
  }

  /** What it sent the plugin tells now and then: of one that ended early, what it was given. */
  #usage(): readonly SttUsage[] {
    if (this.#isRefused) return [];
    const { vendor, model } = this.#calls;
    const estimated = this.#how !== undefined || this.#toldMs === 0;
    const audioMs = estimated ? this.#pushedMs : this.#toldMs;
    const how = this.#how && { how: this.#how };
    return [{ provider: vendor.provider, model, audioMs, ...(estimated && { estimated }), ...how }];
  }
}

function msOf(seconds: number): number {
  return Math.round(seconds * 1000);
}

type PluginWord = NonNullable<stt.SpeechData["words"]>[number];

function wordOf({ text, startTime = 0, endTime = 0 }: PluginWord): TimedWord {
  return { text, fromMs: msOf(startTime), toMs: msOf(endTime) };
}
