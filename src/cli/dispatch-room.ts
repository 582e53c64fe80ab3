import { systemClock } from "../base/clock.ts";
import { readConfig, type Config } from "../config.ts";
import type { Json } from "../events/record.ts";
import { dispatchRoom, type Dispatched } from "../fleet/dispatch.ts";
import { openStore } from "../main.ts";
import { needNats } from "./work.ts";

/** What `dispatch` of the public API takes. */
export interface DispatchOptions {
  /** Whose room it is. Default: `TURNFOLD_TENANT`, else `local`. */
  readonly tenant?: string | undefined;
  /** The agent's name. Default: whichever the worker has. */
  readonly agent?: string | undefined;
  /** Who the agent is in the room. Default: `agent`. */
  readonly identity?: string | undefined;
  readonly metadata?: Json | undefined;
  /** How long a worker is waited for, ms. Default: 2000. */
  readonly waitMs?: number | undefined;
}

const WAIT_MS = 2_000;

/** `dispatch` of the public API. */
export function dispatchFromOutside(room: string, options: DispatchOptions): Promise<Dispatched> {
  return dispatchOn(readConfig(), room, options);
}

/** Error `config.invalid` without a server that workers share. */
export async function dispatchOn(
  config: Config,
  room: string,
  { tenant = config.tenant, waitMs = WAIT_MS, ...request }: DispatchOptions,
): Promise<Dispatched> {
  needNats(config);
  await using broker = await openStore(config, false);
  return await dispatchRoom({ broker, clock: systemClock }, { tenant, room, ...request }, waitMs);
}
