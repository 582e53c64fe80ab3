import assert from "node:assert/strict";
import { test } from "node:test";
import { Bookkeeper } from "../../src/books/bookkeeper.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { parsePosting } from "../../src/events/ledger.events.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import { collect } from "../contract/bench.ts";

const TENANT = "acme";

/** How the store of the books does, while the log of calls is well. */
interface Weather {
  slowMs: number;
  isAway: boolean;
}

/** The parts of a broker that only the books need, in that weather. */
function inWeather({ broker, clock }: Simulation, weather: Weather): Broker {
  const port = <T extends object>(inner: T): T =>
    new Proxy(inner, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        if (name === "read") return method.bind(target) as unknown;
        return async (...given: unknown[]): Promise<unknown> => {
          await sleep(clock, weather.slowMs);
          if (weather.isAway) throw new AppError("broker.unavailable", "nobody there");
          return method.apply(target, given) as unknown;
        };
      },
    });
  const { usage, cost, kv, blobs } = broker;
  return { ...broker, usage: port(usage), cost: port(cost), kv: port(kv), blobs: port(blobs) };
}

/** The same call each time; what its books stand on is the weather's. */
async function call(weather?: Weather): Promise<{
  readonly records: readonly LogRecord[];
  readonly logged: readonly string[];
  readonly posted: readonly string[];
}> {
  await using simulation = await Simulation.open({ seed: 7 });
  const logged: string[] = [];
  const logger = { log: (_: string, message: string) => void logged.push(message) };
  const { clock, broker, supervisor } = simulation;
  await using books = weather
    ? new Bookkeeper({
        broker: inWeather(simulation, weather),
        clock,
        logger,
        prices: () => ({ book: priceBook() }),
      })
    : undefined;
  void books?.start();
  supervisor.onRecord((ref, record) => books?.offer(ref, record));
  simulation.enter("ann");
  await simulation.until(1_000);
  for (const text of ["When do you open?", "And on Sundays?", "Thank you."]) {
    simulation.say(text);
    await simulation.run(4_000);
    await simulation.quiet();
  }
  await simulation.host.command({ name: "end", reason: "all done" }, "test");
  await simulation.run(5 * 60_000);
  const records = [...simulation.records];
  if (weather) Object.assign(weather, { slowMs: 0, isAway: false });
  await clock.advance(10_000);
  const postings = await collect(broker.cost.read({ tenant: TENANT }));
  const stream = postings.flatMap(({ value }) => parsePosting(value).transactions);
  const posted = stream.flatMap(({ event }) => event?.eventId ?? []);
  return { records, logged, posted };
}

/** With their times and hashes. */
async function checkUndisturbed(weather: Weather): Promise<readonly string[]> {
  const alone = await call();
  const { records, logged, posted } = await call(weather);
  assert.ok(records.length > 20);
  assert.equal(records.at(-1)?.input.type, "call.ended");
  assert.deepEqual(records, alone.records);
  const wanted = usageEventsOf(records).map(({ eventId }) => eventId);
  assert.ok(wanted.length > 3);
  assert.deepEqual(posted.toSorted(), wanted.toSorted());
  return logged;
}

test("books that take 2 s for each step delay no call, and post all of it later", async () => {
  await checkUndisturbed({ slowMs: 2_000, isAway: false });
});

test("books whose store is away for minutes break no call; each event is posted once", async () => {
  const logged = await checkUndisturbed({ slowMs: 0, isAway: true });
  // Once, and not at each try.
  const said = logged.filter((message) => /wait/.test(message)).toSorted();
  assert.deepEqual(said, ["a ledger waits", "the books wait", "usage waits to be told"]);
});
