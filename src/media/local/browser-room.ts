import type { AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import type { BrowserRooms, Guest, Page, Seat } from "../browser.port.ts";
import { RoomSeat } from "../room-seat.ts";
import type { JoinOptions, RoomConnection, RoomEvent, RoomMedia } from "../room.port.ts";
import { MicrophoneLine } from "../microphone-line.ts";
import { BrowserSpeaker } from "./browser-speaker.ts";

interface Options {
  readonly clock: Clock;
  readonly rateHz: number;
}

/**
 * A room of one agent and one person at a page. The person may leave and come back, with another
 * page or the same one: each stay has a track of its own. Hanging up closes the room.
 */
export class BrowserRoom implements RoomMedia {
  readonly #options: Options;
  #stay: Stay | undefined;
  #enteredAt = 0;
  #connection: Connection | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  join({ on, signal }: JoinOptions): Promise<RoomConnection> {
    const speaker = new BrowserSpeaker({ ...this.#options, page: () => this.#stay?.page });
    const connection = new Connection(on, speaker);
    this.#connection = connection;
    signal.addEventListener("abort", () => void connection.leave(), { once: true });
    if (this.#stay) this.#announce(this.#stay);
    return Promise.resolve(connection);
  }

  enter(guest: Guest, page: Page): Seat {
    this.dismiss("replaced");
    // Never given twice, not by another process either: a track that has ended stays so.
    this.#enteredAt = Math.max(this.#enteredAt + 1, this.#options.clock.now());
    const sid = guest.speaks ? `TR_${this.#enteredAt.toString(36)}` : undefined;
    const stay: Stay = { ...guest, sid, page, line: undefined };
    const deliver = (frame: AudioFrame): void => this.#connection?.hear(sid ?? "", frame);
    if (sid) stay.line = new MicrophoneLine({ ...this.#options, deliver });
    this.#stay = stay;
    this.#connection?.speaker.changePage();
    this.#announce(stay);
    return this.#seatOf(stay);
  }

  /** Sends the page away, if there is one. */
  dismiss(why: "replaced" | "ended"): void {
    const stay = this.#stay;
    if (!stay) return;
    this.#leave(stay);
    stay.page.dismiss(why);
  }

  #seatOf(stay: Stay): Seat {
    const here = (): boolean => this.#stay === stay;
    const speaker = (): BrowserSpeaker | undefined => this.#connection?.speaker;
    return {
      get stream() {
        return speaker()?.stream ?? 1;
      },
      hear: (samples) => here() && stay.line?.push(samples),
      type: (text) => {
        if (here()) this.#tell({ type: "text.received", identity: stay.identity, text });
      },
      played: (stream, ms) => here() && speaker()?.played(stream, ms),
      leave: () => this.#leave(stay),
      hangUp: () => {
        if (!here()) return;
        this.#leave(stay);
        this.#tell({ type: "disconnected", reason: "hung up" });
      },
    };
  }

  #announce({ identity, name, sid }: Stay): void {
    this.#tell({ type: "participant.joined", identity, name });
    if (sid) this.#tell({ type: "track.published", sid, identity, kind: "audio" });
  }

  #leave(stay: Stay): void {
    if (this.#stay !== stay) return;
    this.#stay = undefined;
    stay.line?.close();
    if (stay.sid) this.#tell({ type: "track.unpublished", sid: stay.sid });
    this.#tell({ type: "participant.left", identity: stay.identity });
  }

  #tell(event: RoomEvent): void {
    this.#connection?.tell(event);
  }
}

/** The rooms of this process, by call. */
export class LocalBrowserRooms implements BrowserRooms {
  readonly #options: Options;
  readonly #rooms = new Map<string, BrowserRoom>();

  constructor(options: Options) {
    this.#options = options;
  }

  of(call: string): BrowserRoom {
    let room = this.#rooms.get(call);
    if (!room) this.#rooms.set(call, (room = new BrowserRoom(this.#options)));
    return room;
  }

  enter(call: string, guest: Guest, page: Page): Seat {
    return this.of(call).enter(guest, page);
  }

  close(call: string): void {
    this.#rooms.get(call)?.dismiss("ended");
    this.#rooms.delete(call);
  }
}

interface Stay extends Guest {
  readonly sid: string | undefined;
  readonly page: Page;
  line: MicrophoneLine | undefined;
}

class Connection extends RoomSeat implements RoomConnection {
  readonly speaker: BrowserSpeaker;

  constructor(on: (event: RoomEvent) => void, speaker: BrowserSpeaker) {
    super(on);
    this.speaker = speaker;
  }

  /** The page reads the log. */
  sendText(): void {}
  setAttribute(): void {}

  leave(): Promise<void> {
    if (this.close()) this.speaker.clear();
    return Promise.resolve();
  }
}
