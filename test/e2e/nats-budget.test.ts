import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BudgetReport } from "../../src/events/budget.events.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { runJson } from "../support/run-cli.ts";

/** `turnfold budget` on a real server: any process may ask, beside any number of workers. */
const found = await findNats(NATS_VERSIONS.at(-1)!);

suite("budgets on NATS", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;

  test("are set by two at once without a loss, and read by a third", async () => {
    await using server = await NatsServer.start(found);
    const env = { NATS_URL: server.url, NATS_PREFIX: "bud" };
    const budget = async (...line: string[]) => {
      const { code, value } = await runJson(BudgetReport, ["budget", "acme", ...line], { env });
      assert.equal(code, 0);
      return value.nodes.map(({ node, limitPico }) => [node, limitPico]);
    };
    assert.deepEqual(await budget(), []);
    await Promise.all([
      budget("--set", "tenant=25", "agent:desk=7.50"),
      budget("--set", "platform=100"),
    ]);
    const all = [
      ["platform", "100000000000000"],
      ["tenant", "25000000000000"],
      ["agent:desk", "7500000000000"],
    ];
    assert.deepEqual(await budget(), all);
    assert.deepEqual(await budget("--clear", "agent:desk"), all.slice(0, 2));
  });
});
