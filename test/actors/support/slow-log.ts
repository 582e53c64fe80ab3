import { sleep, type Clock } from "../../../src/base/clock.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import type { EventLog } from "../../../src/broker/event-log.port.ts";
import { openMemory } from "../../../src/broker/memory/memory-broker.ts";

/** How long each append takes from now on; 0: acknowledged at once. */
export interface Pace {
  ackAfterMs: number;
}

/** A broker whose log acknowledges as slowly as told, in order; what it was given has landed. */
export function openSlow(clock: Clock, pace: Pace): Broker {
  const inner = openMemory({ clock });
  const { log } = inner;
  const append: EventLog["append"] = (ref, expect, records) => {
    const landed = log.append(ref, expect, records);
    return pace.ackAfterMs === 0 ? landed : sleep(clock, pace.ackAfterMs).then(() => landed);
  };
  const slow: EventLog = {
    append,
    read: (ref, from) => log.read(ref, from),
    tail: (ref) => log.tail(ref),
    calls: (tenant) => log.calls(tenant),
    saveSnapshot: (ref, seq, bytes) => log.saveSnapshot(ref, seq, bytes),
    loadSnapshot: (ref, seq) => log.loadSnapshot(ref, seq),
    eraseText: (ref) => log.eraseText(ref),
  };
  return { ...inner, log: slow };
}
