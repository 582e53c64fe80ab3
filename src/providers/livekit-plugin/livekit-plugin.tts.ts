import type { tts } from "@livekit/agents";
import { samplesOf } from "../../base/audio.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Tts, TtsEvent, TtsRequest } from "../tts.port.ts";
import { vendorTts } from "../vendor-tts.ts";
import type { LiftTtsOptions } from "./lift-options.ts";
import { connOptions, PluginCalls } from "./plugin-calls.ts";

/** After so much silence a plugin lets go of what it was not told to, or cannot, end. */
const IDLE_MS = 10_000;

type Stream = tts.SynthesizeStream | tts.ChunkedStream;

/** A voice of a LiveKit Agents plugin. */
export function createPluginTts(plugin: tts.TTS, options: LiftTtsOptions): Tts {
  const calls = new PluginCalls(plugin, options);
  const open = plugin.capabilities.streaming && !options.whole ? streamed : whole;
  async function* say(request: TtsRequest): AsyncGenerator<TtsEvent> {
    const { stream, failure } = calls.start(() => open(plugin, request));
    const stop = (): void => stream.close();
    request.signal.addEventListener("abort", stop);
    try {
      for await (const audio of stream) {
        // The end of the text, which is all of it.
        if (typeof audio === "symbol") break;
        yield* framesOf(audio.frame);
      }
      const failed = failure();
      if (failed && !request.signal.aborted) throw failed;
    } finally {
      stop();
    }
  }
  const { vendor, model } = calls;
  const close = (): Promise<void> => plugin.close();
  return vendorTts({ vendor, model, rateHz: plugin.sampleRate, say, close });
}

function streamed(plugin: tts.TTS, { text }: TtsRequest): Stream {
  const stream = plugin.stream({ connOptions: connOptions(IDLE_MS) });
  stream.pushText(text);
  stream.endInput();
  return stream;
}

/** The framework leaves the failure of such a stream unhandled, which would end the process. */
function whole(plugin: tts.TTS, { text, signal }: TtsRequest): Stream {
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
