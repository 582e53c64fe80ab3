import type { Cancel, Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import type { Subscription } from "../broker/bus.port.ts";
import type { Broker } from "../broker/broker.ts";
import type { PendingJobs } from "../broker/jobs.port.ts";
import { parseHeartbeat, type FleetAnswer, type FleetWorker } from "../events/fleet.events.ts";
import type { Json } from "../events/record.ts";
import { subjects } from "../events/subjects.ts";

export interface FleetPorts {
  readonly broker: Pick<Broker, "bus" | "jobs">;
  readonly clock: Clock;
  /** First token of the bus's subjects. */
  readonly prefix?: string;
  /** Told of each worker that was not known. */
  readonly onNew?: (worker: string) => void;
}

/** Those who were there before have said so by then, and an answer is whole. */
const SETTLE_MS = 250;
/** One of them answers each query. */
const ANSWERERS = "fleet";

/**
 * All workers that can be heard. Who is silent for `LIMITS.heartbeatSilentMs` is forgotten. What it
 * knows it answers to whoever asks on `<prefix>.fleet.query`.
 */
export class FleetView implements Disposable {
  readonly #ports: FleetPorts;
  readonly #heard = new Map<string, { readonly said: FleetWorker; readonly at: number }>();
  readonly #subscriptions: Subscription[] = [];
  readonly #settled: Cancel;

  constructor(ports: FleetPorts) {
    this.#ports = ports;
    const { bus } = ports.broker;
    const names = subjects(ports.prefix);
    const query = names.fleetQuery();
    this.#subscriptions.push(
      bus.subscribe(names.wholeFleet(), ({ subject, data }) => {
        if (subject !== query) this.#hear(data);
        return undefined;
      }),
    );
    this.#settled = ports.clock.after(SETTLE_MS, () => {
      const answer = async (): Promise<Json> => this.answer();
      this.#subscriptions.push(bus.subscribe(query, answer, { queue: ANSWERERS }));
    });
  }

  /** Who lives, in order of names. */
  get workers(): readonly FleetWorker[] {
    const since = this.#ports.clock.now() - LIMITS.heartbeatSilentMs;
    for (const [worker, { at }] of this.#heard) if (at <= since) this.#heard.delete(worker);
    const all = [...this.#heard.values()].map(({ said }) => said);
    return all.toSorted((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  async answer(): Promise<FleetAnswer> {
    return fleetOf(this.workers, await this.#ports.broker.jobs.pending());
  }

  [Symbol.dispose](): void {
    this.#settled();
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #hear(data: Json): void {
    const heartbeat = parseHeartbeat(data);
    if (!heartbeat) return;
    const { state, ...about } = heartbeat;
    if (state === "gone") return void this.#heard.delete(about.worker);
    const isNew = !this.#heard.has(about.worker);
    this.#heard.set(about.worker, { said: { ...about, state }, at: this.#ports.clock.now() });
    if (isNew) this.#ports.onNew?.(about.worker);
  }
}

/** Workers and work as one picture. */
export function fleetOf(workers: readonly FleetWorker[], pending: PendingJobs): FleetAnswer {
  const sum = (of: (worker: FleetWorker) => number): number =>
    workers.reduce((total, worker) => total + of(worker), 0);
  const { claimed, ...queue } = pending;
  return {
    workers: [...workers],
    calls: sum(({ calls }) => calls.count),
    capacity: sum(({ state, capacity }) => (state === "live" ? capacity : 0)),
    // A heartbeat may be a second old, and the count of jobs is not.
    queue: { ...queue, orphans: Math.max(0, claimed - sum(({ claims }) => claims)) },
  };
}
