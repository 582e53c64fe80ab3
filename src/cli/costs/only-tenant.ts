import type { Broker } from "../../broker/broker.ts";
import type { Config } from "../../config.ts";
import { usageError } from "../output.ts";

/** Whose calls the store has, where they are one tenant's; else the tenant of the settings. */
export async function onlyTenant(broker: Broker, { tenant }: Config): Promise<string> {
  const tenants = [...new Set((await broker.log.calls()).map((ref) => ref.tenant))];
  if (tenants.length === 0 || tenants.includes(tenant)) return tenant;
  if (tenants.length === 1) return tenants[0]!;
  throw usageError("there are calls of several tenants", `name one: ${tenants.join(", ")}`);
}
