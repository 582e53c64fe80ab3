import type { tts } from "@livekit/agents";
import { samplesOf } from "../../base/audio.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Tts, TtsEvent, TtsRequest } from "../tts.port.ts";
import { connOptions, PluginCalls, type LiftOptions } from "./plugin-calls.ts";

export interface LiftTtsOptions extends LiftOptions {
  /** What logs call the voice; default: the model's name. The plugin has a voice of its own. */
  readonly voice?: string;
  /** Sends each sentence as one request even where the plugin could stream its words. */
  readonly whole?: boolean;
}

/** After so much silence a plugin lets go of what it was not told to, or cannot, end. */
const IDLE_MS = 10_000;

type Stream = tts.SynthesizeStream | tts.ChunkedStream;

/** A voice of a LiveKit Agents plugin. */
export function createPluginTts(plugin: tts.TTS, options: LiftTtsOptions): Tts {
  const calls = new PluginCalls(plugin, options);
  const { vendor, model } = calls;
  const streams = plugin.capabilities.streaming && !options.whole;
  async function* speak({ text, signal }: TtsRequest): AsyncGenerator<TtsEvent> {
    const stopped = (): AppError => new AppError("effect.stopped", `${vendor.provider}: stopped`);
    if (signal.aborted) throw stopped();
    const own = new AbortController();
    const { stream, failure } = calls.start(() =>
      streams ? streamed(plugin, text) : whole(plugin, text, own.signal),
    );
    const stop = (): void => {
      own.abort();
      stream.close();
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const audio of stream) {
        if (signal.aborted) throw stopped();
        // The end of the text, which is all of it.
        if (typeof audio === "symbol") break;
        yield* framesOf(audio.frame);
      }
      if (signal.aborted) throw stopped();
      const failed = failure();
      if (failed) throw failed;
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }
  return {
    provider: vendor.provider,
    model,
    rateHz: plugin.sampleRate,
    voices: [],
    warm: async () => undefined,
    speak,
    [Symbol.asyncDispose]: () => plugin.close(),
  };
}

function streamed(plugin: tts.TTS, text: string): Stream {
  const stream = plugin.stream({ connOptions: connOptions(IDLE_MS) });
  stream.pushText(text);
  stream.endInput();
  return stream;
}

/** The framework leaves the failure of such a stream unhandled, which would end the process. */
function whole(plugin: tts.TTS, text: string, signal: AbortSignal): Stream {
  const stream = plugin.synthesize(text, connOptions(IDLE_MS), signal);
  const inner = stream as unknown as { mainTask?: () => Promise<void> };
  const run = inner.mainTask?.bind(stream);
  if (run) inner.mainTask = () => run().catch(() => undefined);
  return stream;
}

/** In frames of our own length, so that a cut is heard at once. */
function* framesOf({ data, sampleRate: rateHz }: tts.SynthesizedAudio["frame"]) {
  const size = samplesOf(LIMITS.frameMs, rateHz);
  for (let at = 0; at < data.length; at += size) {
    const samples = data.subarray(at, at + size);
    yield { type: "audio", frame: { samples, rateHz } } satisfies TtsEvent;
  }
}
