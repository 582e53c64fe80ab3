import type { Supervisor } from "../actors/supervisor.ts";
import type { ProviderChange } from "../events/fleet.events.ts";
import { subjects } from "../events/subjects.ts";
import { FleetView, type FleetPorts } from "./fleet-view.ts";
import { Heartbeat, type HeartbeatPorts } from "./heartbeat.ts";

/** A worker's place in the fleet: it is heard by the others, and hears them. */
export class FleetMember implements Disposable {
  readonly view: FleetView;
  readonly heartbeat: Heartbeat;
  readonly #unfollow: (() => void) | undefined;

  constructor(
    ports: Omit<FleetPorts, "onNew"> & Pick<HeartbeatPorts, "about" | "now" | "load" | "breakers">,
  ) {
    const { broker, clock, prefix, about } = ports;
    const names = prefix === undefined ? {} : { prefix };
    // Who comes is answered, and so knows the whole fleet within a moment.
    const onNew = (worker: string): void => {
      if (worker !== about.worker) this.heartbeat.beatSoon();
    };
    this.view = new FleetView({ broker, clock, ...names, onNew });
    const { now, load, breakers } = ports;
    const { bus } = broker;
    const more = breakers ? { breakers } : {};
    this.heartbeat = new Heartbeat({ bus, clock, ...names, about, now, load, ...more });
    this.#unfollow = breakers?.onChange((view) => {
      const change: ProviderChange = { ...view, worker: about.worker };
      bus.publish(subjects(prefix).providers(about.worker), change);
      this.heartbeat.beatSoon();
    });
  }

  /** The others know of each call that comes and goes without waiting for the next second. */
  follow(supervisor: Pick<Supervisor, "onOwned">): void {
    const tell = (): void => this.heartbeat.beatSoon();
    supervisor.onOwned((host) => {
      tell();
      host.ended.then(tell, tell);
    });
  }

  [Symbol.dispose](): void {
    this.#unfollow?.();
    this.view[Symbol.dispose]();
    this.heartbeat[Symbol.dispose]();
  }
}
