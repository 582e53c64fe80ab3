import { type Clock, sleep } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { Broker } from "../broker/broker.ts";
import { parseJoin, type JoinRequest } from "../events/fleet.events.ts";
import type { Json } from "../events/record.ts";
import { Rooms, type Room } from "./rooms.ts";

type DispatchRequest = Room & { readonly [field in keyof JoinRequest]?: Json | undefined };

/** What became of a wish for an agent. */
export interface Dispatched {
  /** Whether this is what asked for it: a room has one agent, however often one is asked for. */
  readonly asked: "now" | "before";
  /** `queued` while no worker has taken it. */
  readonly state: "queued" | "running";
  readonly call: string | null;
  readonly worker: string | null;
}

const LOOK_EVERY_MS = 25;

/**
 * Asks for an agent in a room, and waits up to `waitMs` for a worker to take it. Throws
 * `input.invalid`, and what the broker does.
 */
export async function dispatchRoom(
  { broker, clock }: { readonly broker: Pick<Broker, "jobs" | "kv">; readonly clock: Clock },
  { tenant, room, ...request }: DispatchRequest,
  waitMs: number,
): Promise<Dispatched> {
  if (room === "") throw new AppError("input.invalid", "a room has a name: give one");
  const wanted = Object.entries(request).filter(([, value]) => value !== undefined);
  const payload = wanted.length === 0 ? null : (Object.fromEntries(wanted) as Json);
  parseJoin(payload);
  const offered = await broker.jobs.offer({ tenant, room, payload });
  const asked = offered === "queued" ? "now" : "before";
  const until = clock.now() + waitMs;
  const rooms = new Rooms(broker.kv);
  for (;;) {
    const { entry } = await rooms.get({ tenant, room });
    if (entry?.state === "live")
      return { asked, state: "running", call: entry.call, worker: entry.worker };
    if (clock.now() >= until) return { asked, state: "queued", call: null, worker: null };
    await sleep(clock, LOOK_EVERY_MS);
  }
}
