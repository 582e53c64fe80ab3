import {
  type Job as LiveKitJob,
  JobStatus,
  JobType,
  ParticipantInfo_Kind,
} from "@livekit/protocol";
import { type Clock, sleep } from "../base/clock.ts";
import { toAppError } from "../base/errors.ts";
import type { Logger, LogLevel } from "../base/logger.ts";
import type { Jobs } from "../broker/jobs.port.ts";
import type { Json } from "../events/record.ts";
import { type Dispatch, LiveKitRooms } from "./livekit-rooms.ts";
import { type LiveKitAccess, LiveKitSocket } from "./livekit-socket.ts";
import { matchesRoom } from "./room-pattern.ts";

const BACK_OFF_MIN_MS = 250;
const BACK_OFF_MAX_MS = 5_000;
/** LiveKit takes an answer for 10 s, and asks nobody else before. */
const OFFER_MAX_MS = 8_000;
const OFFER_AGAIN_MS = 200;
/** A worker with this load is full to LiveKit, whatever status it tells. */
const FULL_LOAD = 0.7;
/** Who asked longer ago than this has gone away. */
const FORGOTTEN_MAX_MS = 5 * 60_000;

const JOB_TYPES = { room: JobType.JT_ROOM, publisher: JobType.JT_PUBLISHER } as const;

const ANSWERS = {
  // Who the agent is in its room where a job does not say: LiveKit knows its agents by identity.
  take: { available: true, participantIdentity: "agent", participantName: "agent" },
  done: { available: false, terminate: true },
  decline: { available: false },
} as const;

/** A job that LiveKit counts as running, and the connection over which it was given. */
interface RunningJob extends Dispatch {
  readonly socket: LiveKitSocket;
}

export interface DispatchOptions extends LiveKitAccess {
  /** As LiveKit's callers name it; "" for every new room. */
  readonly agentName: string;
  /** Once for a room, or as soon as somebody publishes in it. */
  readonly per: "room" | "publisher";
  readonly tenant: string;
  /** Which agent of the workers, where they have several. */
  readonly agent?: string;
  /** Pattern with `*` of the rooms that get an agent without asking for one by name. */
  readonly rooms?: string;
  /** What LiveKit shows for this program's version. */
  readonly version: string;
}

export interface DispatchPorts {
  readonly jobs: Pick<Jobs, "offer">;
  /** Tells the call of a room to end, wherever it goes on; a room without one is fine. */
  readonly endCall: (room: string, reason: string) => Promise<void>;
  /**
   * Calls back with each room whose call is over, in whatever process, to be told whether it was a
   * job of this one; returns how to stop.
   */
  readonly hearEnds: (onEnd: (room: string) => boolean) => () => void;
  /** Share of the calls this process could have that it has; from 1 on it is given no more. */
  readonly load: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How the registration stands now. */
export type DispatchState =
  | { readonly connected: true; readonly url: string; readonly workerId: string }
  | { readonly connected: false; readonly url: string; readonly why: string };

/**
 * LiveKit's own dispatch of agents, as a bridge: this process is a worker of a LiveKit server, and
 * a job that LiveKit has for it becomes an offer in our queue, where any worker of the fleet may
 * claim it. LiveKit neither queues jobs nor gives them to another when a worker is lost; our queue
 * does.
 *
 * One room has one agent: a second job for a room that has one, or waits for one, is answered with
 * `terminate`, which LiveKit counts as done. Declined, it would go to the next worker and the next;
 * accepted, it would take the place of the first one in LiveKit's table of agents by identity, and
 * the deletion of the first dispatch would no longer reach the call.
 */
export class LiveKitDispatch implements AsyncDisposable {
  readonly #options: DispatchOptions;
  readonly #ports: DispatchPorts;
  readonly #rooms: LiveKitRooms;
  readonly #stop = new AbortController();
  readonly #unhear: () => void;
  readonly #running: Promise<void>;
  /** Jobs that LiveKit counts as running here, by their id. */
  readonly #jobs = new Map<string, RunningJob>();
  /** What became of the dispatches offered by `#catchUp`; LiveKit may have a job for them yet. */
  readonly #caughtUp = new Map<string, { readonly isQueued: boolean; readonly at: number }>();
  #socket: LiveKitSocket | undefined;
  #why = "not connected yet";
  #isDraining = false;
  /** Rooms may have asked for an agent in vain: LiveKit forgets what no worker takes at once. */
  #isBehind = true;
  #isLooking = false;

  private constructor(options: DispatchOptions, ports: DispatchPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#rooms = new LiveKitRooms(options);
    this.#unhear = ports.hearEnds((room) => this.#succeed(room));
    this.#running = this.#run();
  }

  /** Registers, and again after each loss of LiveKit, until it is disposed. */
  static start(options: DispatchOptions, ports: DispatchPorts): LiveKitDispatch {
    return new LiveKitDispatch(options, ports);
  }

  get state(): DispatchState {
    const { url } = this.#options;
    if (!this.#socket) return { connected: false, url, why: this.#why };
    return { connected: true, url, workerId: this.#socket.workerId };
  }

  /** Heard before the agent leaves: LiveKit counts the job of one that has left as failed. */
  #succeed(room: string): boolean {
    let isOurs = false;
    for (const [jobId, job] of this.#jobs) {
      if (job.room !== room) continue;
      this.#jobs.delete(jobId);
      job.socket.send({ case: "updateJob", value: { jobId, status: JobStatus.JS_SUCCESS } });
      isOurs = true;
    }
    return isOurs;
  }

  /** No new rooms from here on; the running ones are still ended where LiveKit says so. */
  drain(): void {
    this.#isDraining = true;
    this.#socket?.tellLoad();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unhear();
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#ports;
    const { url, agentName, per } = this.#options;
    let waitMs = BACK_OFF_MIN_MS;
    let level: LogLevel = "warn";
    while (!this.#stop.signal.aborted) {
      try {
        const socket = await this.#open();
        [waitMs, level] = [BACK_OFF_MIN_MS, "warn"];
        const { workerId } = socket;
        logger.log("info", "Connected to LiveKit", { url, workerId, agentName, per });
        this.#why = await socket.closed;
        this.#socket = undefined;
        this.#isBehind = true;
      } catch (error) {
        this.#why = (error as Error).message;
      }
      if (this.#stop.signal.aborted) return;
      logger.log(level, "no connection to LiveKit", { url, why: this.#why, againMs: waitMs });
      level = "debug";
      await sleep(clock, waitMs, this.#stop.signal);
      waitMs = Math.min(2 * waitMs, BACK_OFF_MAX_MS);
    }
  }

  async #open(): Promise<LiveKitSocket> {
    const { per, ...options } = this.#options;
    const socket = await LiveKitSocket.open({
      ...options,
      jobType: JOB_TYPES[per],
      clock: this.#ports.clock,
      load: () => this.#load(),
      onMessage: (from, { case: kind, value }) => {
        if (kind === "availability" && value.job) void this.#answer(from, value.job);
        if (kind === "assignment" && value.job) this.#assigned(from, value.job);
        if (kind === "termination") void this.#endIfDeleted(value.jobId, true);
      },
      onTick: () => void this.#look(),
      signal: this.#stop.signal,
    });
    this.#socket = socket;
    return socket;
  }

  #load() {
    const taken = this.#ports.load();
    const isFull = this.#isDraining || taken >= 1;
    if (isFull) this.#isBehind = true;
    return { load: FULL_LOAD * Math.min(1, taken), isFull, jobs: this.#jobs.size };
  }

  async #answer(socket: LiveKitSocket, job: LiveKitJob): Promise<void> {
    const how = await this.#judge(job);
    const value = { jobId: job.id, ...ANSWERS[how] };
    socket.send({ case: "availability", value });
    if (how === "take") socket.tellLoad();
  }

  /** Takes the job once it is in our queue. */
  async #judge(job: LiveKitJob): Promise<keyof typeof ANSWERS> {
    const dispatch = dispatchOf(job);
    if (job.participant?.kind === ParticipantInfo_Kind.AGENT) return "done";
    if (this.#isDraining || !this.#isOurs(dispatch)) return "decline";
    try {
      const offered = await this.#offer(dispatch);
      const isQueued = offered === "queued" || this.#caughtUp.get(dispatch.id)?.isQueued;
      return isQueued ? "take" : "done";
    } catch (error) {
      // Another worker may reach the queue; if none does, it is found when this one does again.
      this.#isBehind = true;
      this.#warn("a job of LiveKit could not be queued", error, dispatch.room);
      return "decline";
    }
  }

  #isOurs({ room }: Dispatch): boolean {
    const { agentName, rooms } = this.#options;
    return agentName !== "" || rooms === undefined || matchesRoom(rooms, room);
  }

  async #offer({ room, metadata }: Dispatch): Promise<"queued" | "exists"> {
    const { tenant, agent } = this.#options;
    const { jobs, clock } = this.#ports;
    const payload: Json = { ...(agent !== undefined && { agent }), ...(metadata && { metadata }) };
    const until = clock.now() + OFFER_MAX_MS;
    for (;;) {
      try {
        return await jobs.offer({ tenant, room, payload });
      } catch (error) {
        const { retry } = toAppError(error, "broker.unavailable");
        if (retry === "never" || clock.now() >= until || this.#stop.signal.aborted) throw error;
        await sleep(clock, OFFER_AGAIN_MS, this.#stop.signal);
      }
    }
  }

  #assigned(socket: LiveKitSocket, job: LiveKitJob): void {
    this.#jobs.set(job.id, { ...dispatchOf(job), socket });
    const value = { jobId: job.id, status: JobStatus.JS_RUNNING };
    socket.send({ case: "updateJob", value });
  }

  /**
   * LiveKit ends a job when its dispatch was deleted, and also when the agent has left the room.
   * The second is no reason to end the call: another owner takes it over under the same identity,
   * which to LiveKit looks as if the first had left.
   */
  async #endIfDeleted(jobId: string, isEnded: boolean): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (!job) return;
    const { room } = job;
    try {
      const fate = await this.#rooms.fateOf(job);
      if (fate !== "wanted" || isEnded) this.#jobs.delete(jobId);
      if (fate === "deleted") await this.#ports.endCall(room, "dispatch deleted");
    } catch (error) {
      this.#warn("a room could not be looked up in LiveKit, or its call not ended", error, room);
    }
  }

  /** At every tick: what LiveKit does not tell, or has told somebody who was not there. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      // LiveKit tells nothing of jobs that it gave out over an earlier connection.
      for (const [jobId, { socket }] of this.#jobs)
        if (socket !== this.#socket) await this.#endIfDeleted(jobId, false);
      if (this.#isBehind && !this.#load().isFull) await this.#catchUp();
    } catch (error) {
      this.#isBehind = true;
      this.#warn("LiveKit's rooms could not be looked through", error);
    } finally {
      this.#isLooking = false;
    }
  }

  async #catchUp(): Promise<void> {
    const { agentName, per } = this.#options;
    this.#isBehind = false;
    const at = this.#ports.clock.now();
    const sinceMs = at - FORGOTTEN_MAX_MS;
    for (const [id, known] of this.#caughtUp) if (known.at < sinceMs) this.#caughtUp.delete(id);
    for await (const dispatch of this.#rooms.unserved(agentName, JOB_TYPES[per], sinceMs)) {
      const { id, room } = dispatch;
      if (this.#caughtUp.has(id) || !this.#isOurs(dispatch)) continue;
      // From here on, as LiveKit may have found this worker for it meanwhile.
      this.#caughtUp.set(id, { isQueued: true, at });
      try {
        const isQueued = (await this.#offer(dispatch)) === "queued";
        this.#caughtUp.set(id, { isQueued, at });
        if (isQueued) this.#ports.logger.log("info", "queued what LiveKit had forgotten", { room });
      } catch (error) {
        this.#caughtUp.delete(id);
        throw error;
      }
    }
  }

  #warn(message: string, error: unknown, room?: string): void {
    const fields = { error: String(error), ...(room !== undefined && { room }) };
    this.#ports.logger.log("warn", message, fields);
  }
}

function dispatchOf({ dispatchId: id, room, metadata }: LiveKitJob): Dispatch {
  return { id, room: room?.name ?? "", roomSid: room?.sid ?? "", metadata };
}
