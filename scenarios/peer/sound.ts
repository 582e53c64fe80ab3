import { ReadableStream, type ReadableStreamDefaultController } from "node:stream/web";
import { voice } from "@livekit/agents";
import { AudioFrame } from "@livekit/rtc-node";
import type { AudioFrame as Frame } from "../../src/base/audio.ts";
import { joinSamples, samplesOf } from "../../src/base/audio.ts";
import type { Clock } from "../../src/base/clock.ts";
import { PacedSpeaker, type SpeakerSink } from "../../src/media/paced-speaker.ts";

/** What the caller says, handed to the peer frame by frame. */
export class PeerEar extends voice.AudioInput {
  #controller: ReadableStreamDefaultController<AudioFrame> | undefined;

  constructor() {
    super();
    this.multiStream.addInputStream(
      new ReadableStream<AudioFrame>({
        start: (controller) => {
          this.#controller = controller;
        },
      }),
    );
  }

  hear({ samples, rateHz }: Frame): void {
    this.#controller?.enqueue(new AudioFrame(samples, rateHz, 1, samples.length));
  }

  end(): void {
    this.#controller?.close();
    this.#controller = undefined;
  }
}

/** As much as the peer's own room output queues. */
const QUEUE_MS = 200;

/**
 * The peer's speaker, as its own room output is, but paced by the same code as ours and kinder in
 * one thing: a pause silences at once, and what was queued is kept and played when it goes on.
 */
export class PeerSpeaker extends voice.AudioOutput {
  readonly #speaker: PacedSpeaker;
  /** The segment that is being played. */
  #frames: Int16Array[] = [];
  #baseMs = 0;
  #open = false;
  #held: Int16Array | undefined;
  #resumed = Promise.withResolvers<void>();
  #segment = 0;
  /** When it was last silenced, by `performance.now()`. */
  silencedAt = 0;

  constructor({ rateHz, clock, sink }: { rateHz: number; clock: Clock; sink: SpeakerSink }) {
    super(rateHz, undefined, { pause: true });
    this.#speaker = new PacedSpeaker({ rateHz, clock, aheadMs: QUEUE_MS, sink });
    this.#resumed.resolve();
  }

  override async captureFrame(frame: AudioFrame): Promise<void> {
    const segment = this.#segment;
    await this.#resumed.promise;
    if (segment !== this.#segment) return;
    await super.captureFrame(frame);
    if (!this.#open) {
      this.#open = true;
      this.#baseMs = this.#speaker.playedMs;
      this.onPlaybackStarted(Date.now());
    }
    this.#frames.push(frame.data);
    await this.#speaker.write({ samples: frame.data, rateHz: frame.sampleRate });
  }

  override flush(): void {
    super.flush();
    if (this.#open) void this.#finish(this.#segment);
  }

  override clearBuffer(): void {
    this.silencedAt = performance.now();
    if (!this.#open) return;
    this.#speaker.clear();
    this.#close(true);
  }

  override pause(): void {
    super.pause();
    this.silencedAt = performance.now();
    if (this.#held) return;
    const { rateHz } = this.#speaker;
    const written = joinSamples(this.#frames);
    const queued = samplesOf(this.#speaker.queuedMs, rateHz);
    this.#held = written.subarray(written.length - queued);
    this.#speaker.clear();
    this.#resumed = Promise.withResolvers();
  }

  override resume(): void {
    super.resume();
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    const { rateHz } = this.#speaker;
    if (held.length > 0) void this.#speaker.write({ samples: held, rateHz });
    this.#resumed.resolve();
  }

  /** All of a segment has been handed over: it is finished once it was played. */
  async #finish(segment: number): Promise<void> {
    do {
      await this.#resumed.promise;
      await this.#speaker.drained();
    } while (segment === this.#segment && this.#held);
    if (segment === this.#segment) this.#close(false);
  }

  #close(interrupted: boolean): void {
    const playbackPosition = (this.#speaker.playedMs - this.#baseMs) / 1000;
    this.#segment++;
    this.#open = false;
    this.#frames = [];
    if (this.#held) this.#held = new Int16Array();
    this.onPlaybackFinished({ playbackPosition, interrupted });
  }
}
