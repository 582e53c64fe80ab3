import { readFile } from "node:fs/promises";
import net from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { Room } from "@livekit/rtc-node";
import { RoomAgentDispatch, RoomConfiguration } from "@livekit/protocol";
import { AccessToken, AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";
import { type Clock, sleep, systemClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Job, Jobs } from "../../src/broker/jobs.port.ts";
import {
  LiveKitDispatch,
  type DispatchOptions,
  type DispatchPorts,
} from "../../src/fleet/livekit-dispatch.ts";
import type { LiveKitServer } from "../support/livekit-server.ts";

const WAIT_MAX_MS = 15_000;

/** A queue as far as one who offers sees it (J1), and what it was offered. */
export class FakeJobs implements Pick<Jobs, "offer"> {
  readonly queued: Job[] = [];
  isDown = false;
  refused = 0;
  readonly #open = new Set<string>();

  async offer(job: Job): Promise<"queued" | "exists"> {
    if (this.isDown) {
      this.refused++;
      throw new AppError("broker.unavailable", "the test took it down");
    }
    if (this.#open.has(job.room)) return "exists";
    this.#open.add(job.room);
    this.queued.push(job);
    return "queued";
  }

  of(room: string): readonly Job[] {
    return this.queued.filter((job) => job.room === room);
  }

  finish(room: string): void {
    this.#open.delete(room);
  }
}

export interface Registered extends AsyncDisposable {
  readonly dispatch: LiveKitDispatch;
  readonly jobs: FakeJobs;
  /** Room and reason of each call that was told to end. */
  readonly ended: readonly string[];
  /** Messages of its log, with their fields. */
  readonly lines: readonly { readonly message: string; readonly fields: object }[];
  load: number;
  loadAsked: number;
  /** The call of a room is over. */
  end: (room: string) => boolean;
}

interface Given extends Partial<DispatchOptions> {
  /** Each test's own: LiveKit keeps the wishes of rooms that the one before has left. */
  readonly agentName: string;
  readonly jobs?: FakeJobs;
  readonly clock?: Clock;
}

/** A dispatch that LiveKit has taken, over a queue of the test. */
export async function register(server: LiveKitServer, given: Given): Promise<Registered> {
  const registered = start(server, given);
  try {
    await until("it is registered", () => registered.dispatch.state.connected);
    return registered;
  } catch (error) {
    await registered[Symbol.asyncDispose]();
    throw error;
  }
}

/** One that LiveKit may not have taken yet, or never takes. */
export function start(server: LiveKitServer, given: Given): Registered {
  const { jobs = new FakeJobs(), clock = systemClock, ...more } = given;
  const { url, apiKey, apiSecret } = server;
  const access = { url, apiKey, apiSecret, version: "0.0.1" };
  const options = { ...access, tenant: "acme", per: "room", ...more } as const;
  const ended: string[] = [];
  const lines: { message: string; fields: object }[] = [];
  const ports: DispatchPorts = {
    jobs,
    endCall: async (room, reason) => void ended.push(`${room}: ${reason}`),
    hearEnds: (onEnd) => {
      registered.end = onEnd;
      return () => void (registered.end = () => false);
    },
    load: () => {
      registered.loadAsked++;
      return registered.load;
    },
    clock,
    logger: { log: (_, message, fields = {}) => void lines.push({ message, fields }) },
  };
  const registered = {
    jobs,
    ended,
    lines,
    load: 0,
    loadAsked: 0,
    end: (_: string) => false,
  };
  const dispatch = LiveKitDispatch.start(options, ports);
  return Object.assign(registered, {
    dispatch,
    [Symbol.asyncDispose]: () => dispatch[Symbol.asyncDispose](),
  });
}

/** What a caller's program does, and what one sees of the server. */
export class Callers implements AsyncDisposable {
  readonly rooms: RoomServiceClient;
  readonly dispatches: AgentDispatchClient;
  readonly #server: LiveKitServer;
  readonly #joined: Room[] = [];

  constructor(server: LiveKitServer) {
    const access = [server.httpUrl, server.apiKey, server.apiSecret] as const;
    this.rooms = new RoomServiceClient(...access);
    this.dispatches = new AgentDispatchClient(...access);
    this.#server = server;
  }

  /** With the names of agents that the token asks for. */
  async join(room: string, identity: string, agents: readonly string[] = []): Promise<Room> {
    const { apiKey, apiSecret, url } = this.#server;
    const token = new AccessToken(apiKey, apiSecret, { identity });
    token.addGrant({ room, roomJoin: true });
    if (agents.length > 0) {
      const asked = agents.map((agentName) => new RoomAgentDispatch({ agentName, metadata: "m" }));
      token.roomConfig = new RoomConfiguration({ agents: asked });
    }
    const joined = new Room();
    await joined.connect(url, await token.toJwt(), { autoSubscribe: false, dynacast: false });
    this.#joined.push(joined);
    return joined;
  }

  /** Jobs of a room that LiveKit knows of: seconds after it has given them to a worker. */
  async jobsOf(room: string): Promise<readonly string[]> {
    const dispatches = await this.dispatches.listDispatch(room);
    return dispatches.flatMap(({ state }) => (state?.jobs ?? []).map(({ id }) => id));
  }

  /** Ends of jobs as the server has written them down. */
  async endsOf(ids: readonly string[]): Promise<readonly string[]> {
    const lines = (await readFile(join(this.#server.folder, "livekit.log"), "utf8")).split("\n");
    return lines
      .filter((line) => line.includes('"job ended"'))
      .map((line) => JSON.parse(line) as { jobID: string; status: string; error: string })
      .filter(({ jobID }) => ids.includes(jobID))
      .map(({ status }) => status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#joined.map((room) => room.disconnect()));
  }
}

/** Waits for a fact, and names it where it does not come. */
export async function until(
  fact: string,
  holds: () => boolean | Promise<boolean>,
  maxMs = WAIT_MAX_MS,
): Promise<void> {
  const over = systemClock.now() + maxMs;
  while (!(await holds())) {
    if (systemClock.now() > over) throw new AppError("bug", `not in ${maxMs} ms: ${fact}`);
    await sleep(systemClock, 10);
  }
}

/** A way to a server that can be cut, or go silent. */
export async function openLine(port: number) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        sockets.delete(one);
      });
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    silence: () => sockets.forEach((socket) => socket.unpipe().pause()),
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}
