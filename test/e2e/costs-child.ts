import { sleep, systemClock } from "../../src/base/clock.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPostgres } from "../../src/projections/postgres.ts";
import { costReader } from "./ledger-checks.ts";
import { endAt, insist } from "./restarted-process.ts";
import { openNatsBench } from "./support.ts";

/** Projects the costs of some tenants until it is killed: `URL PREFIX TENANTS DATABASE`. */
const [url, prefix, tenants, database] = process.argv.slice(2) as [string, string, string, string];
const LOOK_EVERY_MS = 20;

async function work(cost: Stream, tenant: string, projector: CostProjector): Promise<never> {
  for (;;) {
    await insist(() => projector.run(costReader(cost, tenant)));
    await sleep(systemClock, LOOK_EVERY_MS);
  }
}

try {
  const { broker } = await insist(() => openNatsBench(url, { prefix }));
  const readSide = await insist(() => openPostgres(database));
  console.log("ready");
  await Promise.all(
    tenants
      .split(",")
      .map((tenant) => work(broker.cost, tenant, new CostProjector(readSide, tenant))),
  );
} catch (error) {
  endAt(error);
}
