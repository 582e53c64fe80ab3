import { type Kysely, type Migration, type MigrationProvider, sql } from "kysely";
import { TENANT_ROLE, TENANT_SETTING } from "./tables.ts";

/**
 * The schema, step by step; what has been released is never edited. The same for PostgreSQL 15 and
 * later and for PGlite. M1: a tenant's rows are seen and written only under its setting, by the
 * owner of the tables too. M2: no amount has another type than numeric(38,0).
 */
type Db = Kysely<unknown>;

const TABLES = ["costEvents", "costRollups", "cursors"] as const;

const first: Migration = {
  async up(db: Db) {
    await createCostEvents(db);
    await createRollups(db);
    await createCursors(db);
    await createRows(db);
    await isolate(db);
  },
};

export const MIGRATIONS: MigrationProvider = {
  getMigrations: () => Promise.resolve({ "001-costs": first }),
};

const digits = sql`numeric(38, 0)`;

async function createCostEvents(db: Db): Promise<void> {
  await db.schema
    .createTable("costEvents")
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("line_id", "text", (c) => c.notNull())
    .addColumn("txn_id", "text", (c) => c.notNull())
    .addColumn("line_no", "integer", (c) => c.notNull())
    .addColumn("call_id", "text")
    .addColumn("turn_id", "text")
    .addColumn("agent", "text")
    .addColumn("room", "text")
    .addColumn("request_id", "text")
    .addColumn("service", "text", (c) => c.notNull())
    .addColumn("provider", "text")
    .addColumn("model", "text")
    .addColumn("meter", "text")
    .addColumn("quantity_measured", digits, (c) => c.notNull())
    .addColumn("quantity_billed", digits, (c) => c.notNull())
    .addColumn("price_id", "text")
    .addColumn("book_version", "text", (c) => c.notNull())
    .addColumn("amount_pico", digits, (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("reverses_line_id", "text")
    .addColumn("quality", "text")
    .addColumn("discarded", "boolean", (c) => c.notNull())
    .addColumn("period", "text", (c) => c.notNull())
    .addColumn("occurred_at", "timestamptz", (c) => c.notNull())
    .addColumn("posted_at", "timestamptz", (c) => c.notNull())
    .addColumn("ledger_seq", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("costEvents_pk", ["tenant_id", "line_id"])
    .addUniqueConstraint("costEvents_txn", ["tenant_id", "txn_id", "line_no"])
    .execute();
  const indexed = { seq: "ledger_seq", request: "request_id", call: "call_id" };
  for (const [name, column] of Object.entries(indexed))
    await db.schema
      .createIndex(`costEvents_${name}`)
      .on("costEvents")
      .columns(["tenant_id", column])
      .execute();
}

async function createRollups(db: Db): Promise<void> {
  await db.schema
    .createTable("costRollups")
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("day", "date", (c) => c.notNull())
    .addColumn("call_id", "text", (c) => c.notNull())
    .addColumn("agent", "text", (c) => c.notNull())
    .addColumn("service", "text", (c) => c.notNull())
    .addColumn("provider", "text", (c) => c.notNull())
    .addColumn("model", "text", (c) => c.notNull())
    .addColumn("amount_pico", digits, (c) => c.notNull())
    .addColumn("lines", "bigint", (c) => c.notNull())
    .addColumn("unrated", digits, (c) => c.notNull())
    .addPrimaryKeyConstraint("costRollups_pk", [
      "tenant_id",
      "day",
      "call_id",
      "agent",
      "service",
      "provider",
      "model",
    ])
    .execute();
}

async function createCursors(db: Db): Promise<void> {
  await db.schema
    .createTable("cursors")
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("projection", "text", (c) => c.notNull())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("ledger_seq", "bigint", (c) => c.notNull())
    .addColumn("tail", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("cursors_pk", ["tenant_id", "projection"])
    .execute();
}

/** A view has the rights of who asks, or it would show every tenant to each. */
async function createRows(db: Db): Promise<void> {
  await sql`
    create view "costRows" with (security_invoker = true) as
    select tenant_id, service,
      trim_scale(amount_pico * 0.000000000001)::text as cost_usd,
      occurred_at as "timestamp",
      jsonb_build_object('line', line_id, 'call', call_id, 'turn', turn_id, 'agent', agent,
        'room', room, 'provider', provider, 'model', model, 'meter', meter,
        'quantity', quantity_measured::text, 'priceId', price_id, 'kind', kind) as metadata
    from "costEvents"`.execute(db);
}

async function isolate(db: Db): Promise<void> {
  const role = sql.id(TENANT_ROLE);
  const name = sql.lit(TENANT_ROLE);
  // Roles are of the whole server: another database of it may have made this one, even just now.
  // Who may not make or give it finds it made and given.
  await sql`
    do $$ begin
      if not exists (select from pg_roles where rolname = ${name}) then
        begin
          create role ${role} nologin;
        exception when duplicate_object or unique_violation then null;
        end;
      end if;
      if not pg_has_role(current_user, ${name}, 'member') then
        grant ${role} to current_user;
      end if;
    end $$`.execute(db);
  for (const table of TABLES.map((one) => sql.table(one))) {
    await sql`alter table ${table} enable row level security`.execute(db);
    await sql`alter table ${table} force row level security`.execute(db);
    await sql`
      create policy own_tenant on ${table}
      using (tenant_id = current_setting(${sql.lit(TENANT_SETTING)}, true))`.execute(db);
    await sql`grant select, insert, update, delete on ${table} to ${role}`.execute(db);
  }
  await sql`grant select on "costRows" to ${role}`.execute(db);
}
