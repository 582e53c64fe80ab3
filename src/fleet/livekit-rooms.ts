import { JobType } from "@livekit/protocol";
import { AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";
import type { LiveKitAccess } from "./livekit-socket.ts";

/** A wish for an agent, as LiveKit keeps it for a room. */
export interface Dispatch {
  readonly id: string;
  readonly room: string;
  /** Of the room itself: another of the same name may come after it. */
  readonly roomSid: string;
  readonly metadata: string;
}

const REQUEST_MAX_SEC = 5;
const NS_PER_MS = 1_000_000n;

/** What LiveKit knows of rooms and of the agents they are to have. */
export class LiveKitRooms {
  readonly #rooms: RoomServiceClient;
  readonly #dispatches: AgentDispatchClient;

  constructor({ url, apiKey, apiSecret }: LiveKitAccess) {
    const host = url.replace(/^ws/, "http");
    const options = { requestTimeout: REQUEST_MAX_SEC };
    this.#rooms = new RoomServiceClient(host, apiKey, apiSecret, options);
    this.#dispatches = new AgentDispatchClient(host, apiKey, apiSecret, options);
  }

  /** Dispatches made at `sinceMs` or later that no worker was given a job for. */
  async *unserved(
    agentName: string,
    jobType: JobType,
    sinceMs: number,
  ): AsyncGenerator<Dispatch, void> {
    for (const { name: room, sid: roomSid, numPublishers } of await this.#rooms.listRooms()) {
      // Without a publisher nobody asks for one of those yet.
      if (jobType === JobType.JT_PUBLISHER && numPublishers === 0) continue;
      for (const { id, agentName: asked, metadata, state } of await this.#list(room)) {
        const isServed = state?.jobs.some(({ type }) => type === jobType) ?? false;
        const isNew = Number((state?.createdAt ?? 0n) / NS_PER_MS) >= sinceMs;
        if (asked === agentName && isNew && !isServed) yield { id, room, roomSid, metadata };
      }
    }
  }

  /** `deleted` where it was taken back while its room goes on, `over` with the room. */
  async fateOf({ id, room, roomSid }: Dispatch): Promise<"wanted" | "deleted" | "over"> {
    const [now] = await this.#rooms.listRooms([room]);
    if (now?.sid !== roomSid) return "over";
    const isThere = (await this.#list(room)).some((dispatch) => dispatch.id === id);
    return isThere ? "wanted" : "deleted";
  }

  /** None for a room that has ended meanwhile. */
  async #list(room: string) {
    try {
      return await this.#dispatches.listDispatch(room);
    } catch (error) {
      if ((await this.#rooms.listRooms([room])).length > 0) throw error;
      return [];
    }
  }
}
