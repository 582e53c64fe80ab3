import {
  Kysely,
  Migrator,
  PostgresDialect,
  type PostgresPool,
  sql,
  type Transaction,
} from "kysely";
import { type AppError, toAppError } from "../base/errors.ts";
import { MIGRATIONS } from "./migrations.ts";
import { type Tables, TENANT_ROLE, TENANT_SETTING } from "./tables.ts";

/**
 * The database of the read side, whichever engine stands behind its connections. V1: there is no
 * way to a table but `asTenant`, so that every query is of one tenant and sees no other's rows.
 * Errors: `database.failed`; what was not committed is not there then, and what was may be.
 */
export class ReadSide implements AsyncDisposable {
  readonly #db: Kysely<Tables>;

  private constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Brings the schema up to date first; several may do so at once. The pool is its own now. */
  static async open(pool: PostgresPool): Promise<ReadSide> {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    const migrator = new Migrator({
      db,
      provider: MIGRATIONS,
      migrationTableName: "turnfoldMigrations",
      migrationLockTableName: "turnfoldMigrationsLock",
    });
    const { error } = await migrator.migrateToLatest().catch((thrown: unknown) => ({
      error: thrown,
    }));
    if (error === undefined) return new ReadSide(db);
    await db.destroy();
    throw databaseError(error);
  }

  /** Runs in one transaction, which is rolled back where `work` throws. */
  async asTenant<T>(tenant: string, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction().execute(async (tx) => {
        await sql`set local role ${sql.id(TENANT_ROLE)}`.execute(tx);
        await sql`select set_config(${TENANT_SETTING}, ${tenant}, true)`.execute(tx);
        return work(tx);
      });
    } catch (error) {
      throw databaseError(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#db.destroy();
  }
}

function databaseError(error: unknown): AppError {
  return toAppError(error, "database.failed");
}
