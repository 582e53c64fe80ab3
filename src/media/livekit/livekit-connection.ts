import {
  DisconnectReason,
  ParticipantKind,
  RoomEvent,
  TrackKind,
  TrackSource,
  type Participant,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  type Room,
} from "@livekit/rtc-node";
import type { AudioFrame } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { RoomSeat } from "../room-seat.ts";
import type { RoomConnection, RoomEvent as Told, RoomText } from "../room.port.ts";
import { ChatIn } from "./chat-in.ts";
import { LiveKitSpeaker } from "./livekit-speaker.ts";
import { Outbox } from "./outbox.ts";
import { forgetRoom, guardRoom } from "./rtc-inside.ts";
import { TrackSound } from "./track-sound.ts";

export interface SeatOptions {
  readonly rateHz: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For the logger. */
  readonly name: string;
  readonly provider: string;
  readonly onLeft: () => void;
}

interface Published {
  readonly publication: RemoteTrackPublication;
  /** The sid it was told under. */
  readonly told: string;
}

/** After these the agent has no place in the room any more. */
const FINAL: ReadonlySet<DisconnectReason> = new Set([
  DisconnectReason.CLIENT_INITIATED,
  DisconnectReason.DUPLICATE_IDENTITY,
  DisconnectReason.PARTICIPANT_REMOVED,
  DisconnectReason.ROOM_DELETED,
  DisconnectReason.ROOM_CLOSED,
]);

/**
 * An agent in a room of a LiveKit server. Whatever goes wrong in here is told to the logger and
 * touches no other room. M3: what was dropped is counted, and told when the room is left.
 */
export class LiveKitConnection extends RoomSeat implements RoomConnection {
  readonly provider: string;
  readonly speaker: LiveKitSpeaker;
  readonly #room: Room;
  readonly #options: SeatOptions;
  readonly #outbox: Outbox;
  /** By the sid that LiveKit knows them by. */
  readonly #published = new Map<string, Published>();
  readonly #sounds = new Map<string, TrackSound>();
  /** How often a sid was published: after a break of the connection the same comes again. */
  readonly #times = new Map<string, number>();
  readonly #dropped: Record<string, number> = {};
  #chats = 0;
  #left: Promise<void> | undefined;

  constructor(room: Room, on: (event: Told) => void, options: SeatOptions) {
    super(on);
    this.#room = room;
    this.#options = options;
    this.provider = options.provider;
    const { rateHz, clock } = options;
    const onDrop = (what: string, count: number): void => this.#drop(what, count);
    this.speaker = new LiveKitSpeaker({ rateHz, clock, onDrop });
    this.#outbox = new Outbox(clock, (error) => this.#drop("sendings", 1, error));
    guardRoom(room, (error) => this.#warn("an event of a room failed", error));
    this.#follow();
  }

  /** Once connected: shows itself, and tells who is there. */
  async settle(): Promise<void> {
    const me = this.#room.localParticipant!;
    // Others see who does neither only after seconds (measured: 2.9).
    const seen = me.setAttributes({ "lk.agent.state": "initializing" });
    await Promise.all([seen, this.speaker.publish(this.#room)]);
    for (const participant of this.#room.remoteParticipants.values()) {
      this.#joined(participant);
      for (const publication of participant.trackPublications.values())
        this.#publish(publication as RemoteTrackPublication, participant);
    }
  }

  override listen(sid: string, on: (frame: AudioFrame) => void): { close(): void } {
    const listening = super.listen(sid, on);
    const own = ownSid(sid);
    const { rateHz, clock } = this.#options;
    const sound = new TrackSound({
      rateHz,
      clock,
      deliver: (frame) => this.hear(sid, frame),
      onDrop: (ms) => this.#drop("heardMs", ms),
      onError: (error) => this.#warn("a track failed", error),
    });
    this.#sounds.get(own)?.close();
    this.#sounds.set(own, sound);
    this.#subscribe(own, true);
    return {
      close: () => {
        listening.close();
        sound.close();
        if (this.#sounds.get(own) !== sound) return;
        this.#sounds.delete(own);
        this.#subscribe(own, false);
      },
    };
  }

  sendText(text: RoomText): void {
    if (text.topic === "lk.chat") {
      const send = (): Promise<unknown> =>
        this.#room.localParticipant!.sendText(text.text, { topic: text.topic });
      return this.#outbox.put(`chat.${this.#chats++}`, send);
    }
    this.#outbox.put(`segment.${text.segment}`, () => this.#caption(text));
  }

  setAttribute(name: string, value: string): void {
    const send = (): Promise<void> => this.#room.localParticipant!.setAttributes({ [name]: value });
    this.#outbox.put(`attribute.${name}`, send);
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    this.close();
    this.#outbox.close();
    for (const sound of this.#sounds.values()) sound.close();
    this.#sounds.clear();
    this.speaker.clear();
    const { clock, logger, name } = this.#options;
    const thrownOut = this.#room.localParticipant !== undefined && !this.#room.isConnected;
    try {
      const away = new AbortController();
      const left = this.#room.disconnect().finally(() => away.abort());
      await Promise.race([left, sleep(clock, LIMITS.roomLeaveMsMax, away.signal)]);
      await this.speaker.close(thrownOut);
    } catch (error) {
      this.#warn("leaving a room failed", error);
    } finally {
      forgetRoom(this.#room);
      this.#options.onLeft();
    }
    if (Object.keys(this.#dropped).length > 0)
      logger.log("warn", "dropped in a room", { room: name, ...this.#dropped });
  }

  #follow(): void {
    const room = this.#room;
    room.on(RoomEvent.ParticipantConnected, (participant) => this.#joined(participant));
    room.on(RoomEvent.ParticipantDisconnected, (participant) => this.#parted(participant));
    room.on(RoomEvent.TrackPublished, (publication, from) => this.#publish(publication, from));
    room.on(RoomEvent.TrackUnpublished, ({ sid }) => this.#unpublish(sid!));
    room.on(RoomEvent.TrackSubscribed, (track, { sid }) => this.#open(sid!, track));
    room.on(RoomEvent.Reconnecting, () => this.tell({ type: "reconnecting" }));
    room.on(RoomEvent.Reconnected, () => this.tell({ type: "reconnected" }));
    room.on(RoomEvent.Disconnected, (reason) => {
      const name = DisconnectReason[reason] ?? "UNKNOWN_REASON";
      const words = name.toLowerCase().replaceAll("_", " ");
      this.tell({ type: "disconnected", reason: words, lost: !FINAL.has(reason) });
    });
    const chat = {
      clock: this.#options.clock,
      tell: (identity: string, text: string) => {
        const from = room.remoteParticipants.get(identity);
        if (from && isPerson(from)) this.tell({ type: "text.received", identity, text });
      },
      onDrop: (error?: unknown) => this.#drop("texts", 1, error),
    };
    new ChatIn(room, chat);
  }

  #joined(participant: RemoteParticipant): void {
    const { identity, name } = participant;
    if (isPerson(participant))
      this.tell({ type: "participant.joined", identity, name: name || identity });
  }

  #parted(participant: RemoteParticipant): void {
    if (!isPerson(participant)) return;
    for (const sid of participant.trackPublications.keys()) this.#unpublish(sid);
    this.tell({ type: "participant.left", identity: participant.identity });
  }

  #publish(publication: RemoteTrackPublication, from: RemoteParticipant | undefined): void {
    const kind = kindOf(publication);
    const { sid } = publication;
    if (!kind || !sid || !from || !isPerson(from) || this.#published.has(sid)) return;
    // For a chart a track that has ended stays so.
    const times = (this.#times.get(sid) ?? 0) + 1;
    this.#times.set(sid, times);
    const told = times === 1 ? sid : `${sid}-${times}`;
    this.#published.set(sid, { publication, told });
    this.tell({ type: "track.published", sid: told, identity: from.identity, kind });
  }

  #unpublish(sid: string): void {
    const published = this.#published.get(sid);
    if (!published) return;
    this.#published.delete(sid);
    this.tell({ type: "track.unpublished", sid: published.told });
  }

  /** Nothing is sent to us, or decoded, that nobody here listens to. */
  #subscribe(sid: string, wanted: boolean): void {
    const { publication } = this.#published.get(sid) ?? {};
    if (!publication || this.gone) return;
    try {
      publication.setSubscribed(wanted);
      const { track } = publication as { readonly track?: RemoteTrack };
      if (wanted && track) this.#open(sid, track);
    } catch (error) {
      this.#warn("a track is gone", error);
    }
  }

  #open(sid: string, track: RemoteTrack): void {
    try {
      this.#sounds.get(sid)?.open(track);
    } catch (error) {
      this.#warn("a track is gone", error);
    }
  }

  async #caption(text: Extract<RoomText, { readonly topic: "lk.transcription" }>): Promise<void> {
    const sid = text.of ? ownSid(text.of.sid) : this.speaker.sid;
    const stream = await this.#room.localParticipant!.streamText({
      topic: text.topic,
      ...(text.of && { senderIdentity: text.of.identity }),
      attributes: {
        "lk.segment_id": text.segment,
        "lk.transcription_final": String(text.final),
        ...(sid !== undefined && { "lk.transcribed_track_id": sid }),
      },
    });
    await stream.write(text.text);
    await stream.close();
  }

  #drop(what: string, count: number, error?: unknown): void {
    this.#dropped[what] = (this.#dropped[what] ?? 0) + count;
    if (error !== undefined) this.#warn(`${what} dropped`, error);
  }

  #warn(message: string, error: unknown): void {
    const { logger, name } = this.#options;
    logger.log("warn", message, { room: name, error: String(error) });
  }
}

/** The sid without what tells one time from another. */
function ownSid(sid: string): string {
  return sid.split("-")[0]!;
}

/** Other agents and recorders are nobody to talk to. */
function isPerson({ kind }: Participant): boolean {
  return kind !== ParticipantKind.AGENT && kind !== ParticipantKind.EGRESS;
}

/** A camera, and the sound of a shared screen, are neither. */
function kindOf({ kind, source }: RemoteTrackPublication): "audio" | "screen" | undefined {
  if (source === TrackSource.SOURCE_SCREENSHARE) return "screen";
  if (kind !== TrackKind.KIND_AUDIO || source === TrackSource.SOURCE_SCREENSHARE_AUDIO)
    return undefined;
  return "audio";
}
