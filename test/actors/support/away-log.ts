import { sleep, type Clock } from "../../../src/base/clock.ts";
import { AppError } from "../../../src/base/errors.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import type { EventLog } from "../../../src/broker/event-log.port.ts";
import { openMemory } from "../../../src/broker/memory/memory-broker.ts";

/** Whether the log can be reached. */
export interface Reach {
  away: boolean;
}

/** How long one try takes to find out that nobody answers. */
const PATIENCE_MS = 200;

/** A broker whose log is away when told so; what it is given then never lands. */
export function openAway(clock: Clock, reach: Reach): Broker {
  const inner = openMemory({ clock });
  const { log } = inner;
  const reached = async (): Promise<void> => {
    if (!reach.away) return;
    await sleep(clock, PATIENCE_MS);
    throw new AppError("broker.unavailable", "the log is away");
  };
  const away: EventLog = {
    append: (ref, expect, records) => reached().then(() => log.append(ref, expect, records)),
    read: (ref, from) => log.read(ref, from),
    tail: (ref) => reached().then(() => log.tail(ref)),
    calls: (tenant) => log.calls(tenant),
    saveSnapshot: (ref, seq, bytes) => log.saveSnapshot(ref, seq, bytes),
    loadSnapshot: (ref, seq) => log.loadSnapshot(ref, seq),
    eraseText: (ref) => log.eraseText(ref),
  };
  return { ...inner, log: away };
}
