import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { checkStream, posted, tell, TENANT } from "../books/support/ledger-stage.ts";
import { BOOK } from "../ledger/support/books.ts";
import { event } from "../ledger/support/usage.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { openNatsBench } from "./support.ts";

/** The ledger on real servers: two actors of one tenant, and a server that is killed (-9). */
const EVENTS = 400;
const CALLS = 5;
const KILLS = 4;

function* usageOf(count: number): Generator<UsageEvent> {
  const random = seededRandom(7);
  for (let i = 0; i < count; i++)
    yield event({
      call: `c${i % CALLS}`,
      clientRequest: `r${i}`,
      meters: { inputTokens: Math.floor(random() * 5_000), outputTokens: i },
    });
}

const open = (broker: Broker): Promise<LedgerActor> =>
  LedgerActor.open({
    tenant: TENANT,
    broker,
    clock: systemClock,
    prices: () => ({ book: BOOK }),
    snapshotEvery: 50,
  });

/** Tries until it is done: while the server is away nothing is. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch {
      await sleep(systemClock, 50);
    }
}

for (const version of NATS_VERSIONS)
  suite(`the ledger on NATS ${version}`, () => {
    test("14, 15 two actors and a killed server lose nothing and double nothing", async (t) => {
      const found = await findNats(version);
      if ("missing" in found) return t.skip(found.missing);
      await using server = await NatsServer.start(found);
      await using first = await openNatsBench(server.url);
      await using second = await openNatsBench(server.url, { prefix: first.prefix });
      const { usage, cost } = first.broker;
      const events = [...usageOf(EVENTS)];
      const state = { told: false, done: false, kills: 0 };
      const telling = async (): Promise<void> => {
        // Repeated after an unknown answer: what landed is there twice then, and taken once.
        for (const one of events) await insist(() => tell(usage, one));
        state.told = true;
      };
      const working = async (broker: Broker): Promise<void> => {
        for (;;) {
          const { told } = state;
          // An actor that met the crash is left behind; another one takes its place.
          const taken = await insist(async () => {
            const actor = await open(broker);
            let sum = 0;
            for (let came = 1; came > 0;) sum += came = await actor.catchUp();
            return sum;
          });
          if (told && taken === 0) return;
        }
      };
      const killing = async (): Promise<void> => {
        for (let i = 0; i < KILLS && !state.done; i++) {
          await sleep(systemClock, 150);
          await server.kill();
          state.kills++;
          await server.restart();
        }
      };
      const over = Promise.all([telling(), working(first.broker), working(second.broker)]);
      await Promise.all([killing(), over.finally(() => (state.done = true))]);
      assert.ok(state.kills > 1, "the server was not killed while they worked");
      await checkStream(cost, events);
      assert.equal((await posted(cost)).length, EVENTS);
      const [one, other] = await Promise.all([open(first.broker), open(second.broker)]);
      assert.equal(one.ledger.stateHash(), other.ledger.stateHash());
    });

    test("nothing of what was used or what it cost can be deleted", async (t) => {
      const found = await findNats(version);
      if ("missing" in found) return t.skip(found.missing);
      await using server = await NatsServer.start(found);
      await using bench = await openNatsBench(server.url);
      await bench.broker.cost.append({ tenant: TENANT }, 0, { id: "a", value: 1 });
      const nc = await connect({ servers: `127.0.0.1:${server.port}` });
      try {
        const { streams } = await jetstreamManager(nc);
        const name = `${bench.prefix}_cost`;
        await assert.rejects(streams.purge(name), /purge not permitted/);
        await assert.rejects(streams.deleteMessage(name, 1), /not permitted/);
      } finally {
        await nc.close();
      }
    });
  });
