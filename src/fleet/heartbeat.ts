import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Cancel, Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import type { Bus } from "../broker/bus.port.ts";
import type { FleetHeartbeat, WorkerLoad } from "../events/fleet.events.ts";
import { subjects } from "../events/subjects.ts";
import { openOf, type BreakerBoard } from "../providers/breaker.port.ts";

/** What a worker is for as long as it lives. */
export type WorkerAbout = Pick<
  FleetHeartbeat,
  "worker" | "build" | "machines" | "capacity" | "since"
>;

/** What it is just now. */
export interface WorkerNow {
  readonly state: "live" | "draining";
  /** Claims on jobs it holds. */
  readonly claims: number;
  /** Ids of the calls it owns. */
  readonly calls: readonly string[];
}

/** How busy the process was since the last reading. */
export interface LoadMeter extends Disposable {
  read(): WorkerLoad;
}

export interface HeartbeatPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly about: WorkerAbout;
  readonly now: () => WorkerNow;
  /** Is let go of with the heartbeat. */
  readonly load: LoadMeter;
  readonly breakers?: BreakerBoard;
  /** First token of the bus's subjects. */
  readonly prefix?: string;
}

const SOON_MS = 50;

/** Says how a worker is: at once, then every second until it is disposed of, which it says too. */
export class Heartbeat implements Disposable {
  readonly #ports: HeartbeatPorts;
  #next: Cancel | undefined;
  #isSoon = false;
  #over = false;

  constructor(ports: HeartbeatPorts) {
    this.#ports = ports;
    this.beat();
  }

  /** Now, out of turn: something has changed. */
  beat(): void {
    if (this.#over) return;
    this.#isSoon = false;
    this.#in(LIMITS.heartbeatEveryMs);
    this.#say(this.#ports.now().state);
  }

  /** Somebody new is to know; of many who come at once, all by one. */
  beatSoon(): void {
    if (this.#over || this.#isSoon) return;
    this.#isSoon = true;
    this.#in(SOON_MS);
  }

  [Symbol.dispose](): void {
    if (this.#over) return;
    this.#over = true;
    this.#next?.();
    this.#say("gone");
    this.#ports.load[Symbol.dispose]();
  }

  #in(delayMs: number): void {
    this.#next?.();
    this.#next = this.#ports.clock.after(delayMs, () => this.beat());
  }

  #say(state: FleetHeartbeat["state"]): void {
    const { bus, about, now, load, breakers, prefix } = this.#ports;
    const { claims, calls } = now();
    const ids = calls.slice(0, LIMITS.heartbeatCallsMax);
    const heartbeat: FleetHeartbeat = {
      ...about,
      state,
      claims,
      calls: { count: calls.length, ids },
      load: load.read(),
      breakers: (breakers ? openOf(breakers) : []) as FleetHeartbeat["breakers"],
    };
    bus.publish(subjects(prefix).fleet(about.worker), heartbeat);
  }
}

const RESOLUTION_MS = 10;

/** Of this process, measured. */
export class ProcessLoad implements LoadMeter {
  readonly #clock: Clock;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #cpu = process.cpuUsage();
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.now();
    this.#delay.enable();
  }

  read(): WorkerLoad {
    const now = this.#clock.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = Math.max(1, now - this.#at);
    // It measures from one look to the next, which are this far apart where nothing is late.
    const lateMs = this.#delay.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#cpu = process.cpuUsage();
    this.#at = now;
    this.#delay.reset();
    return {
      loopDelayMs: Math.max(0, Math.round(lateMs * 10) / 10),
      cpuShare: Math.round((user + system) / 10 / elapsedMs) / 100,
    };
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}
