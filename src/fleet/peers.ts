import type { Clock } from "../base/clock.ts";
import type { Bus } from "../broker/bus.port.ts";
import type { Json } from "../events/record.ts";
import { subjects } from "../events/subjects.ts";

/** Who was not heard of for this long counts as gone; a worker speaks every second. */
const SILENT_MS = 3_500;

/** What of a heartbeat counts here. */
interface Heard {
  readonly state: unknown;
  readonly capacity: unknown;
  readonly claims: unknown;
}

interface Peer {
  readonly at: number;
  free: number;
}

export interface PeerPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** This worker, which is no peer of its own. */
  readonly self: string;
  readonly prefix?: string | undefined;
}

/** The other workers, by their heartbeats: whether anybody could take a call over. */
export class Peers implements Disposable {
  readonly #clock: Clock;
  readonly #peers = new Map<string, Peer>();
  readonly #subscription: Disposable;

  constructor({ bus, clock, self, prefix }: PeerPorts) {
    this.#clock = clock;
    const subscription = bus.subscribe(subjects(prefix).fleet("*"), ({ subject, data }) => {
      const worker = subject.split(".").at(-1)!;
      if (worker !== self) this.#hear(worker, data);
      return undefined;
    });
    this.#subscription = { [Symbol.dispose]: () => subscription.close() };
  }

  /** Calls the others have room for, as far as it is known. */
  get free(): number {
    const since = this.#clock.now() - SILENT_MS;
    let free = 0;
    for (const peer of this.#peers.values()) if (peer.at >= since) free += peer.free;
    return free;
  }

  /** One call goes to somebody: whose place that was, its next heartbeat tells. */
  take(): void {
    const most = [...this.#peers.values()].sort((a, b) => b.free - a.free)[0];
    if (most && most.free > 0) most.free--;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #hear(worker: string, data: Json): void {
    const { state, capacity, claims } = data as unknown as Heard;
    const free = Number(capacity) - Number(claims);
    if (state !== "live" || !Number.isFinite(free)) this.#peers.delete(worker);
    else this.#peers.set(worker, { at: this.#clock.now(), free: Math.max(0, free) });
  }
}
