import { RoomEvent, type Room, type TextStreamHandler } from "@livekit/rtc-node";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";

/** What clients of before the text streams send as data, beside or instead of a stream. */
const LEGACY_TOPIC = "lk-chat-topic";

export interface ChatPorts {
  readonly clock: Clock;
  readonly tell: (identity: string, text: string) => void;
  readonly onDrop: (error?: unknown) => void;
}

interface LegacyChat {
  readonly message?: unknown;
  readonly ignoreLegacy?: unknown;
}

type Reader = Parameters<TextStreamHandler>[0];

/**
 * Typed words in every form that clients send them: a text stream on `lk.chat`, a chat message, and
 * the data packets of older ones. M3: a text has a length, so many may be on their way at a time,
 * and so many come in a minute; more are dropped and counted.
 */
export class ChatIn {
  readonly #ports: ChatPorts;
  #open = 0;
  #texts = 0;
  #minute = 0;

  constructor(room: Room, ports: ChatPorts) {
    this.#ports = ports;
    room.registerTextStreamHandler("lk.chat", (reader, { identity }) => {
      this.#read(reader, identity).catch(ports.onDrop);
    });
    room.on(RoomEvent.ChatMessage, ({ message }, from) => this.#take(from?.identity, message));
    room.on(RoomEvent.DataReceived, (...[bytes, from, , topic]) => {
      if (topic === LEGACY_TOPIC) this.#legacy(bytes, from?.identity);
    });
  }

  async #read(reader: Reader, identity: string): Promise<void> {
    if (this.#open >= LIMITS.roomTextsOpenMax) return this.#ports.onDrop();
    this.#open++;
    try {
      this.#take(identity, await reader.readAll());
    } finally {
      this.#open--;
    }
  }

  #legacy(bytes: Uint8Array, identity: string | undefined): void {
    const { message, ignoreLegacy } = parseLegacy(bytes);
    if (message === undefined) return this.#ports.onDrop();
    // Who says so has sent a stream as well.
    if (!ignoreLegacy) this.#take(identity, message);
  }

  #take(identity: string | undefined, text: string): void {
    const { clock, tell, onDrop } = this.#ports;
    if (identity === undefined) return onDrop();
    if (clock.now() - this.#minute > 60_000) {
      this.#minute = clock.now();
      this.#texts = 0;
    }
    const fits = Buffer.byteLength(text) <= LIMITS.roomTextBytesMax;
    if (!fits || ++this.#texts > LIMITS.roomTextsPerMinuteMax) return onDrop();
    tell(identity, text);
  }
}

function parseLegacy(bytes: Uint8Array): { message?: string; ignoreLegacy?: boolean } {
  try {
    const { message, ignoreLegacy } = JSON.parse(new TextDecoder().decode(bytes)) as LegacyChat;
    if (typeof message === "string") return { message, ignoreLegacy: ignoreLegacy === true };
  } catch {
    // Counted as any other that cannot be read.
  }
  return {};
}
