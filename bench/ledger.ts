import { LedgerActor } from "../src/books/ledger-actor.ts";
import { assert } from "../src/base/assert.ts";
import { systemClock } from "../src/base/clock.ts";
import { systemIds } from "../src/base/id.ts";
import type { Broker } from "../src/broker/broker.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import { openNats } from "../src/broker/nats/nats-broker.ts";
import { parsePosting, type Transaction } from "../src/events/ledger.events.ts";
import type { Json } from "../src/events/record.ts";
import { priceBook } from "../src/ledger/price-book.ts";
import { itemId, usageOf } from "../test/ledger/support/month.ts";
import { shuffled } from "../test/ledger/support/usage.ts";
import { findNats, NatsServer } from "../test/support/servers.ts";
import { takeTurns, timeAsyncMs } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const EVENTS = 1_000;
const ROUNDS = { warmups: 2, rounds: 7 };
const SYNCS = { JetStream: "2m", "JetStream, synced": "always" };

/** Usage that stands in a stream until it stands in the cost stream, rated and posted. */
export const ledger: Bench = {
  name: "ledger",
  run: async () => {
    await using folder = await TempFolder.make();
    const dataDir = folder.path;
    await using embedded = await openEmbedded({ dataDir, clock: systemClock });
    const rows = [await measure(embedded, "embedded")];
    const found = await findNats("2.15.2");
    if ("missing" in found) {
      process.stderr.write(`ledger on NATS left out: ${found.missing}\n`);
      return rows;
    }
    for (const [where, sync] of Object.entries(SYNCS)) {
      const jetstream = `sync_interval: "${sync}"`;
      await using server = await NatsServer.start({ ...found, jetstream });
      await using nats = await openNats({ url: server.url, clock: systemClock, ids: systemIds });
      rows.push(await measure(nats, where));
    }
    return rows;
  },
};

async function measure(broker: Broker, where: string): Promise<Row> {
  let round = 0;
  let posted: readonly Transaction[] = [];
  const [ours, floor] = await takeTurns(ROUNDS, [
    async () => {
      const tenant = `t${++round}`;
      await tellUsage(broker, tenant);
      const ms = await timeAsyncMs(() => takeAll(broker, tenant));
      const postings = await Array.fromAsync(broker.cost.read({ tenant }));
      posted = postings.flatMap(({ value }) => parsePosting(value).transactions);
      assert(posted.length >= EVENTS, "the ledger posted less than it was told");
      return perSecond(ms, EVENTS);
    },
    async () => {
      const ms = await timeAsyncMs(() => appendAll(broker, `bare${round}`, posted));
      return perSecond(ms, posted.length);
    },
  ]);
  return toRow({
    name: `usage events rated and posted, ${where}`,
    unit: "events/s",
    ...ours!,
    floor: floor!.ours,
    higherIsBetter: true,
  });
}

/** As outboxes do, of calls that go on at once; not measured. */
async function tellUsage({ usage }: Broker, tenant: string): Promise<void> {
  const ends = new Map<string, number>();
  for (const event of shuffled(usageOf(tenant, EVENTS, 1).events, 1)) {
    const { call } = event;
    const item = { id: itemId(event), value: { ...event } as Json };
    ends.set(call, await usage.append({ tenant, call }, ends.get(call) ?? 0, item));
  }
}

async function takeAll(broker: Broker, tenant: string): Promise<void> {
  const prices = () => ({ book: priceBook() });
  const actor = await LedgerActor.open({ tenant, broker, clock: systemClock, prices });
  await actor.catchUp();
}

/** The same transactions, one after the other, with nothing of the ledger around them. */
async function appendAll(
  { cost }: Broker,
  tenant: string,
  posted: readonly Transaction[],
): Promise<void> {
  let end = 0;
  for (const transaction of posted) {
    const value = { transactions: [transaction] } as unknown as Json;
    end = await cost.append({ tenant }, end, { id: transaction.hash, value });
  }
}

function perSecond(ms: number, count: number): number {
  return (count * 1_000) / ms;
}
