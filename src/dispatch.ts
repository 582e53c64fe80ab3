import type { DispatchOptions } from "./cli/dispatch-room.ts";
import type { Dispatched } from "./fleet/dispatch.ts";

/**
 * Asks for an agent in a room of the LiveKit server, and waits a moment for a worker to take it. A
 * room has one agent: who asks again is told which call that is. Errors: `config.invalid` without
 * NATS_URL, `input.invalid`, `broker.unavailable`, `broker.unfit`.
 */
export async function dispatch(room: string, options: DispatchOptions = {}): Promise<Dispatched> {
  const { dispatchFromOutside } = await import("./cli/dispatch-room.ts");
  return dispatchFromOutside(room, options);
}
