import { Room } from "@livekit/rtc-node";
import { AccessToken } from "livekit-server-sdk";
import { sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import type { JoinOptions, RoomConnection, RoomMedia } from "../room.port.ts";
import { LiveKitConnection } from "./livekit-connection.ts";
import { providerOf } from "./room-provider.ts";
import { holdRtc, rtcLogTo } from "./rtc-inside.ts";

export interface LiveKitOptions {
  /** `ws://` or `wss://`. */
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly rateHz: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rooms of a LiveKit server, any number at a time in one process. */
export class LiveKitMedia implements RoomMedia, AsyncDisposable {
  readonly #options: LiveKitOptions;
  readonly #connections = new Set<LiveKitConnection>();
  readonly #release = holdRtc();

  constructor(options: LiveKitOptions) {
    this.#options = options;
    rtcLogTo(options.logger);
  }

  /** Errors: `room.unavailable`. */
  async join(options: JoinOptions): Promise<RoomConnection> {
    const { signal } = options;
    const token = await this.#token(options);
    const room = new Room();
    const { rateHz, clock, logger } = this.#options;
    const provider = providerOf(this.#options.url);
    const seat = { rateHz, clock, logger, name: options.room, provider };
    const forget = (): void => void this.#connections.delete(connection);
    const connection = new LiveKitConnection(room, options.on, { ...seat, onLeft: forget });
    this.#connections.add(connection);
    const entered = this.#enter(room, token).then(() => connection.settle());
    const over = new AbortController();
    const late = sleep(clock, LIMITS.roomJoinMsMax, AbortSignal.any([signal, over.signal]));
    try {
      const inTime = await Promise.race([entered.then(() => true), late.then(() => false)]);
      if (!inTime) throw unavailable(options, signal.aborted ? "stopped" : "no answer in time");
    } catch (error) {
      // A connection that still comes to be is left at once.
      void entered.then(
        () => connection.leave(),
        () => connection.leave(),
      );
      if (error instanceof AppError) throw error;
      throw unavailable(options, error instanceof Error ? error.message : String(error));
    } finally {
      over.abort();
    }
    signal.addEventListener("abort", () => void connection.leave(), { once: true });
    return connection;
  }

  /** Leaves all rooms; then the process may end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.leave()));
    await this.#release();
  }

  #enter(room: Room, token: string): Promise<void> {
    return room.connect(this.#options.url, token, {
      autoSubscribe: false,
      dynacast: false,
      dataStream: { maxPayloadByteLength: LIMITS.roomTextBytesMax },
    });
  }

  #token({ identity, room }: JoinOptions): Promise<string> {
    const { apiKey, apiSecret } = this.#options;
    const token = new AccessToken(apiKey, apiSecret, { identity, ttl: "1h" });
    token.kind = "agent";
    token.addGrant({
      room,
      roomJoin: true,
      agent: true,
      canPublish: true,
      canSubscribe: true,
      canPublishData: true,
      canUpdateOwnMetadata: true,
    });
    return token.toJwt();
  }
}

function unavailable({ room }: JoinOptions, why: string): AppError {
  const message = `room ${room}: ${why}: check LIVEKIT_URL and its keys`;
  return new AppError("room.unavailable", message);
}
