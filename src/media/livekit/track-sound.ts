import { AudioStream, type RemoteTrack } from "@livekit/rtc-node";
import type { AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import { MicrophoneLine } from "../microphone-line.ts";

export interface SoundOptions {
  readonly rateHz: number;
  readonly clock: Clock;
  readonly deliver: (frame: AudioFrame) => void;
  readonly onDrop: (ms: number) => void;
  readonly onError: (error: unknown) => void;
}

type SoundReader = ReadableStreamDefaultReader<{ readonly data: Int16Array }>;

/**
 * The sound of one track while somebody listens, without gaps: also before the track was subscribed
 * to, and while the connection is down. A frame is handed on as it comes, so nothing is queued.
 */
export class TrackSound {
  readonly #options: SoundOptions;
  readonly #line: MicrophoneLine;
  #reader: SoundReader | undefined;
  #track: RemoteTrack | undefined;

  constructor(options: SoundOptions) {
    this.#options = options;
    this.#line = new MicrophoneLine(options);
  }

  /** Throws where the track is gone by now (T4). */
  open(track: RemoteTrack): void {
    if (this.#track === track) return;
    this.#stop();
    this.#track = track;
    const { rateHz } = this.#options;
    const stream = new AudioStream(track, {
      sampleRate: rateHz,
      numChannels: 1,
      frameSizeMs: LIMITS.frameMs,
    });
    this.#reader = stream.getReader();
    this.#read(this.#reader).catch(this.#options.onError);
  }

  close(): void {
    this.#line.close();
    this.#stop();
  }

  #stop(): void {
    this.#reader?.cancel().catch(this.#options.onError);
    this.#reader = undefined;
    this.#track = undefined;
  }

  async #read(reader: SoundReader): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#reader !== reader) return;
      this.#line.push(value.data);
    }
  }
}
