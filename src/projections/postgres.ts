import pg from "pg";
import { ReadSide } from "./read-side.ts";

const CONNECT_MAX_MS = 5_000;
const QUERY_MAX_MS = 60_000;

/**
 * The read side on a PostgreSQL server, version 15 or later. Who connects must own the schema, and
 * be allowed to make the tenants' role or be given it. Error `database.failed`.
 */
export function openPostgres(url: string, connectionsMax = 4): Promise<ReadSide> {
  const limits = { connectionTimeoutMillis: CONNECT_MAX_MS, query_timeout: QUERY_MAX_MS };
  const pool = new pg.Pool({ connectionString: url, max: connectionsMax, ...limits });
  // A connection that breaks fails the query that is on it. One without a query would end the
  // process; the pool opens another in its place.
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  return ReadSide.open(pool);
}

function ignore(): void {}
