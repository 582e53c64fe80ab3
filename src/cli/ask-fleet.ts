import { codeOf } from "../base/errors.ts";
import type { Config } from "../config.ts";
import { FleetAnswer } from "../events/fleet.events.ts";
import { subjects } from "../events/subjects.ts";
import { fleetOf } from "../fleet/fleet-view.ts";
import type { Broker } from "../main.ts";
import { askOwner } from "./owner-http.ts";

/** Any worker that lives answers well within this time. */
const ANSWER_MS = 1_000;

/** Where nobody answers there are no workers, and what waits can be read all the same. */
export async function askFleet(config: Config, broker: Broker): Promise<FleetAnswer> {
  try {
    const path = "/api/fleet";
    const asked = config.nats
      ? broker.bus.request(subjects(config.nats.prefix).fleetQuery(), null, ANSWER_MS)
      : askOwner(config, { path, timeoutMs: ANSWER_MS });
    return FleetAnswer.parse(await asked);
  } catch (error) {
    if (!["bus.noResponder", "bus.timeout"].includes(codeOf(error))) throw error;
    return fleetOf([], await broker.jobs.pending());
  }
}
