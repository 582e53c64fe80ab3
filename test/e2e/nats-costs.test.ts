import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { RerateReport } from "../../src/cli/costs/rerate.ts";
import { CostReport } from "../../src/cli/costs.command.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { recordPricedCall } from "../support/priced-call.ts";
import { run } from "../support/run-cli.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { postUnpriced } from "../support/unpriced-usage.ts";

/** The commands about costs on a real server, beside those who write there. */
const found = await findNats(NATS_VERSIONS.at(-1)!);
const PREFIX = "costs";
const NOVEMBER = ["--from", "2026-11-01", "--to", "2026-12-01", "--json"] as const;

const open = (server: NatsServer): Promise<Broker> =>
  openNats({ url: server.url, prefix: PREFIX, clock: systemClock, ids: systemIds });

suite("costs on NATS", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;

  const on = (server: NatsServer) => (line: readonly string[]) =>
    run(line, { env: { NATS_URL: server.url, NATS_PREFIX: PREFIX } });

  test("turnfold costs says of a call there what it says of it in a folder", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "turnfold-nats-costs-"));
    t.after(() => rm(folder, { recursive: true }));
    const [data, file] = [join(folder, "data"), join(folder, "call.jsonl")];
    await recordPricedCall(data);
    await using server = await NatsServer.start(found);
    const turnfold = on(server);
    const exported = await run(["export", "acme/c-simulated", file, "--data", data]);
    assert.equal(exported.code, 0, exported.stderr);
    const imported = await turnfold(["import", file]);
    assert.equal(imported.code, 0, imported.stderr);

    const there = await turnfold(["costs", "acme", "--json"]);
    const here = await run(["costs", "acme", "--json", "--data", data]);
    const report = CostReport.parse(JSON.parse(there.stdout));
    assert.deepEqual(report, CostReport.parse(JSON.parse(here.stdout)));
    assert.ok(BigInt(report.totalPico) > 0n);
    const [line] = report.lines;
    const why = await turnfold(["costs", "acme", "--explain", line!.id]);
    assert.ok(why.stdout.includes(line!.priceId!), why.stdout);
    const nobody = await turnfold(["costs", "nobody"]);
    assert.match(nobody.stdout, /no costs of nobody in the NATS server \(prefix costs\)/);
  });

  test("turnfold prices rerate posts beside a ledger that is at work, which goes on", async () => {
    await using server = await NatsServer.start(found);
    await using broker = await open(server);
    const turnfold = on(server);
    await postUnpriced(broker);
    const prices = () => ({ book: priceBook() });
    const ports = { tenant: "acme", broker, clock: systemClock };
    const actor = await LedgerActor.open({ ...ports, prices });
    const rerate = ["prices", "rerate", "acme", ...NOVEMBER];
    const end = await broker.cost.tail({ tenant: "acme" });
    const dry = RerateReport.parse(JSON.parse((await turnfold(rerate)).stdout));
    assert.deepEqual([dry.applied, dry.requests, dry.differencePico], [false, 2, "4950000000"]);
    assert.equal(await broker.cost.tail({ tenant: "acme" }), end);

    const { code, stdout } = await turnfold([...rerate, "--apply"]);
    assert.equal(code, 0);
    assert.equal(RerateReport.parse(JSON.parse(stdout)).requests, 2);
    // The one that was open before takes in what was posted beside it.
    const late = { account: "cost:llm", amountPico: 1n, evidence: "e", occurredAt: 1 };
    assert.equal((await actor.do({ type: "adjust", id: "late", ...late })).kind, "post");
    assert.equal(actor.ledger.cost().amountPico, 4_950_000_001n);
    const again = await turnfold([...rerate, "--apply"]);
    assert.equal(RerateReport.parse(JSON.parse(again.stdout)).requests, 0);
  });
});
