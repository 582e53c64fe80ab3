import {
  AudioFrame as RtcFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  type RemoteTrack,
} from "@livekit/rtc-node";
import { AccessToken } from "livekit-server-sdk";
import { samplesOf } from "../../src/base/audio.ts";
import { holdRtc } from "../../src/media/livekit/rtc-inside.ts";
import { RATE_HZ, ToneListener, utterance } from "./tones.ts";

/** Where a LiveKit server is, and who may mint tokens for it. */
export interface RoomPlace {
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

/** The voice of one agent as its track was heard: when it came, what it said. */
export interface HeardTrack {
  readonly sid: string;
  readonly identity: string;
  /** When the caller learned of it, by `performance.now()`. */
  readonly publishedAt: number;
  /** When it was gone again. */
  goneAt?: number;
  readonly sounds: ToneListener;
}

interface CallerOptions {
  readonly identity?: string;
  readonly onTrack?: () => void;
}

const FRAME_MS = 20;

/**
 * A caller in a real room whose speech is tones: the sound goes on without gaps as a microphone's
 * does, and every voice in the room is written down with its times.
 */
export class ToneCaller implements AsyncDisposable {
  /** Tracks of agents, in the order they came. */
  readonly heard: HeardTrack[] = [];
  readonly #room: Room;
  readonly #source = new AudioSource(RATE_HZ, 1, 100);
  readonly #over = new AbortController();
  #saying: Int16Array = new Int16Array(0);
  readonly #letGo = holdRtc();
  #sending = Promise.resolve();

  private constructor(room: Room) {
    this.#room = room;
  }

  /** `onTrack` is called when a voice comes or goes. */
  static async join(
    place: RoomPlace,
    name: string,
    { identity = "ann", onTrack = () => undefined }: CallerOptions = {},
  ): Promise<ToneCaller> {
    const room = new Room();
    const caller = new ToneCaller(room);
    room.on(RoomEvent.TrackSubscribed, (track, { sid }, { identity: who }) => {
      caller.#listen(track, sid!, who);
      onTrack();
    });
    room.on(RoomEvent.TrackUnsubscribed, (_, { sid }) => {
      const heard = caller.heard.find((one) => one.sid === sid);
      if (heard) heard.goneAt = performance.now();
      onTrack();
    });
    await room.connect(place.url, await tokenFor(place, name, identity), {
      autoSubscribe: true,
      dynacast: false,
    });
    await room.localParticipant!.setAttributes({ seen: "at once" });
    const track = LocalAudioTrack.createAudioTrack("microphone", caller.#source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    await room.localParticipant!.publishTrack(track, options);
    caller.#sending = caller.#send();
    return caller;
  }

  /** Utterance `n`, from now on. */
  say(n: number, ms = 1_000): void {
    this.#saying = utterance(n, ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    await this.#sending.catch(() => undefined);
    await this.#room.disconnect();
    await this.#letGo();
  }

  async #send(): Promise<void> {
    const size = samplesOf(FRAME_MS, RATE_HZ);
    while (!this.#over.signal.aborted) {
      const frame = new Int16Array(size);
      frame.set(this.#saying.subarray(0, size));
      this.#saying = this.#saying.slice(size);
      await this.#source.captureFrame(new RtcFrame(frame, RATE_HZ, 1, size));
    }
  }

  #listen(track: RemoteTrack, sid: string, identity: string): void {
    if (track.kind !== TrackKind.KIND_AUDIO) return;
    const publishedAt = performance.now();
    const sounds = new ToneListener();
    this.heard.push({ sid, identity, publishedAt, sounds });
    void this.#read(track, sounds).catch(() => undefined);
  }

  async #read(track: RemoteTrack, sounds: ToneListener): Promise<void> {
    const stream = new AudioStream(track, {
      sampleRate: RATE_HZ,
      numChannels: 1,
      frameSizeMs: FRAME_MS,
    });
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      sounds.push({ samples: value.data, rateHz: RATE_HZ }, performance.now());
    }
  }
}

async function tokenFor(place: RoomPlace, room: string, identity: string): Promise<string> {
  const token = new AccessToken(place.apiKey, place.apiSecret, { identity, ttl: "1h" });
  token.addGrant({ room, roomJoin: true, canPublish: true, canSubscribe: true });
  return token.toJwt();
}
