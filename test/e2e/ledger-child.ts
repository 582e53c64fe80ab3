import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { codeOf, ERRORS } from "../../src/base/errors.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { endAt, insist } from "./restarted-process.ts";
import { openNatsBench } from "./support.ts";

/** The ledgers of some tenants, until it is killed: `URL PREFIX TENANTS [slow|careless]`. */
const [url, prefix, tenants, how] = process.argv.slice(2) as [string, string, string, string?];
const SNAPSHOT_EVERY = 100;
const LOOK_EVERY_MS = 20;

/** There is time for another to be first. */
function slow(cost: Stream): Stream {
  const append: Stream["append"] = async (key, expect, item) => {
    await sleep(systemClock, LOOK_EVERY_MS);
    return cost.append(key, expect, item);
  };
  return { append, read: (key, after) => cost.read(key, after), tail: (key) => cost.tail(key) };
}

/** Tries an append again at whatever the end is now: what was expected does not count. */
function careless(cost: Stream): Stream {
  const append: Stream["append"] = async (key, expect, item) => {
    for (let end = expect; ; end = await cost.tail(key))
      try {
        return await cost.append(key, end, item);
      } catch (error) {
        if (codeOf(error) !== "stream.conflict") throw error;
      }
  };
  return { append, read: (key, after) => cost.read(key, after), tail: (key) => cost.tail(key) };
}

function costOf({ cost }: Broker): Stream {
  if (how === undefined) return cost;
  return slow(how === "careless" ? careless(cost) : cost);
}

async function work(broker: Broker, tenant: string): Promise<never> {
  const actor = await insist(() =>
    LedgerActor.open({
      tenant,
      broker: { ...broker, cost: costOf(broker) },
      clock: systemClock,
      prices: () => ({ book: priceBook() }),
      snapshotEvery: SNAPSHOT_EVERY,
    }),
  );
  for (;;) {
    try {
      if ((await actor.catchUp()) > 0) continue;
    } catch (error) {
      if (ERRORS[codeOf(error)].family === "corrupt") throw error;
    }
    await sleep(systemClock, LOOK_EVERY_MS);
  }
}

try {
  const { broker } = await insist(() => openNatsBench(url, { prefix }));
  console.log("ready");
  await Promise.all(tenants.split(",").map((tenant) => work(broker, tenant)));
} catch (error) {
  endAt(error);
}
