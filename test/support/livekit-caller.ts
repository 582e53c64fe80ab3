import {
  AudioFrame as RtcFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  LocalVideoTrack,
  ParticipantKind,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoSource,
  type RemoteTrack,
} from "@livekit/rtc-node";
import { AccessToken, RoomServiceClient } from "livekit-server-sdk";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { forgetRoom, holdRtc, rtcLogTo } from "../../src/media/livekit/rtc-inside.ts";
import type { LiveKitServer } from "./livekit-server.ts";

export const CALLER_RATE_HZ = 16_000;
const FRAME = CALLER_RATE_HZ / 50;

export interface Caption {
  readonly from: string;
  readonly topic: string;
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What was heard of the other participants: 10 ms pieces with the time they came. */
export interface HeardPiece {
  readonly at: number;
  readonly samples: Int16Array;
}

export interface CallerOptions {
  readonly room: string;
  readonly identity: string;
  readonly kind?: "agent";
  /** False for one who only types. */
  readonly speaks?: boolean;
}

/** A person in a room of a LiveKit server, made with the client library of LiveKit. */
export class LiveKitCaller implements AsyncDisposable {
  readonly #release = holdRtc();
  readonly room = new Room();
  readonly heard: HeardPiece[] = [];
  readonly texts: Caption[] = [];
  readonly states: string[] = [];
  readonly #source = new AudioSource(CALLER_RATE_HZ, 1, 100);
  readonly #track = LocalAudioTrack.createAudioTrack("mic", this.#source);
  #said = Promise.resolve();
  #stop = false;

  static async join(server: LiveKitServer, options: CallerOptions): Promise<LiveKitCaller> {
    rtcLogTo(silentLogger);
    const caller = new LiveKitCaller();
    await caller.#join(server, options);
    return caller;
  }

  async #join(server: LiveKitServer, { identity, room, kind, speaks }: CallerOptions) {
    for (const topic of ["lk.transcription", "lk.chat"])
      this.room.registerTextStreamHandler(topic, (reader, from) => {
        const { attributes = {} } = reader.info;
        void reader.readAll().then(
          (text) => this.texts.push({ from: from.identity, topic, text, attributes }),
          () => undefined,
        );
      });
    this.room.on(RoomEvent.TrackSubscribed, (track) => {
      // It throws where the track is gone by now.
      if (track.kind === TrackKind.KIND_AUDIO) this.#listen(track).catch(() => undefined);
    });
    this.room.on(RoomEvent.ParticipantAttributesChanged, (changed, { kind: of }) => {
      const state = changed["lk.agent.state"];
      if (of === ParticipantKind.AGENT && state !== undefined) this.states.push(state);
    });
    const token = new AccessToken(server.apiKey, server.apiSecret, { identity, ttl: "1h" });
    if (kind) token.kind = kind;
    token.addGrant({ room, roomJoin: true, canUpdateOwnMetadata: true, agent: kind === "agent" });
    await this.room.connect(server.url, await token.toJwt(), {
      autoSubscribe: true,
      dynacast: false,
    });
    // Others see who does neither this nor publish only after seconds.
    await this.room.localParticipant!.setAttributes({ here: "yes" });
    if (speaks === false) return;
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    await this.room.localParticipant!.publishTrack(this.#track, options);
  }

  /** A screen that never changes. */
  async shareScreen(): Promise<void> {
    const track = LocalVideoTrack.createVideoTrack("screen", new VideoSource(64, 64));
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_SCREENSHARE });
    await this.room.localParticipant!.publishTrack(track, options);
  }

  /** Says this after what it says already. */
  say(samples: Int16Array): Promise<void> {
    this.#said = this.#said.then(async () => {
      for (let at = 0; at < samples.length && !this.#stop; at += FRAME) {
        const frame = new Int16Array(FRAME);
        frame.set(samples.subarray(at, at + FRAME));
        await this.#source.captureFrame(new RtcFrame(frame, CALLER_RATE_HZ, 1, FRAME));
      }
      await this.#source.waitForPlayout();
    });
    return this.#said;
  }

  async type(text: string): Promise<void> {
    await this.room.localParticipant!.sendText(text, { topic: "lk.chat" });
  }

  async #listen(track: RemoteTrack): Promise<void> {
    const options = { sampleRate: CALLER_RATE_HZ, numChannels: 1, frameSizeMs: 10 };
    for await (const { data } of new AudioStream(track, options))
      this.heard.push({ at: performance.now(), samples: data });
  }

  async leave(): Promise<void> {
    if (this.#stop) return;
    this.#stop = true;
    await this.room.disconnect();
    await this.#track.close();
    forgetRoom(this.room);
    await this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

export function roomService({ httpUrl, apiKey, apiSecret }: LiveKitServer): RoomServiceClient {
  return new RoomServiceClient(httpUrl, apiKey, apiSecret);
}

const PATIENCE_MS = 20_000;

/** Looks until it is so; what never becomes so fails with `what`. */
export async function until(what: string, is: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!is()) {
    if (performance.now() > end) throw new Error(`it never came: ${what}`);
    await sleep(systemClock, 5);
  }
}
