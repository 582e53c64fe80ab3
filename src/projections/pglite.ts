import { PGlite } from "@electric-sql/pglite";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import { toAppError } from "../base/errors.ts";
import { ReadSide } from "./read-side.ts";

/**
 * The read side in this process: PostgreSQL as WebAssembly, in memory or with its files in a
 * folder, which no other process may have open. Error `database.failed`.
 */
export async function openPglite(folder?: string): Promise<ReadSide> {
  try {
    return await ReadSide.open(new OneConnection(await PGlite.create(folder)));
  } catch (error) {
    throw toAppError(error, "database.failed");
  }
}

/** A pool of the one connection that PGlite has: who wants it waits until it is given back. */
class OneConnection implements PostgresPool {
  readonly #db: PGlite;
  #free: Promise<void> = Promise.resolve();

  constructor(db: PGlite) {
    this.#db = db;
  }

  async connect(): Promise<PostgresPoolClient> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    const query = async <R>(text: string, parameters: readonly unknown[]) => {
      const { rows, affectedRows = 0 } = await this.#db.query<R>(text, [...parameters]);
      // Of the commands, only those that change something are asked how much.
      return { command: "UPDATE", rowCount: affectedRows, rows } as PostgresQueryResult<R>;
    };
    return { query, release: resolve } as PostgresPoolClient;
  }

  end(): Promise<void> {
    return this.#db.close();
  }
}
