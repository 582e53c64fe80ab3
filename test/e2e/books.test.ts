import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { NATS_VERSIONS } from "../../scripts/servers/find-server.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import { openPostgres } from "../../src/projections/postgres.ts";
import { findPostgres, PostgresServer } from "../support/postgres.ts";
import { findNats, NatsServer } from "../support/servers.ts";
import { BooksProcess, caughtUp, checkBooks } from "./books-process.ts";

const postgres = await findPostgres();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "turnfold-books-"));
});
after(() => rm(folder, { recursive: true }));

test("in a data folder, killed in a call and started again: all books agree", async () => {
  const env = { TURNFOLD_DATA: join(folder, "data") };
  {
    await using first = await BooksProcess.start(env, folder);
    await first.callUntilUsed(3);
    await first.kill();
  }
  {
    await using second = await BooksProcess.start(env, folder);
    await second.callUntilUsed(1);
    await second.close();
  }
  await using third = await BooksProcess.start(env, folder);
  await third.settle();
  await third.close();
  await using broker = await openEmbedded({ dataDir: env.TURNFOLD_DATA, clock: systemClock });
  const open = () => openPglite(join(env.TURNFOLD_DATA, "costs.pglite"));
  await checkBooks({ broker, open, env });
  assert.equal((await broker.log.calls()).length, 2);
});

for (const version of NATS_VERSIONS)
  test(`on NATS ${version} and PostgreSQL, whoever is killed: all books agree`, async (t) => {
    const found = await findNats(version);
    if ("missing" in found) return t.skip(found.missing);
    if ("missing" in postgres) return t.skip(postgres.missing);
    await using nats = await NatsServer.start(found);
    await using database = await PostgresServer.start(postgres.bin);
    const prefix = "books";
    const options = { url: nats.url, prefix, clock: systemClock, ids: systemIds };
    await using broker = await openNats(options);
    const url = await database.createDatabase("books");
    const env = { NATS_URL: nats.url, NATS_PREFIX: prefix, DATABASE_URL: url };
    await using first = await BooksProcess.start(env, folder);
    await first.callUntilUsed(1);
    await using second = await BooksProcess.start(env, folder);
    const calls = Promise.all([first.callUntilUsed(2), second.callUntilUsed(2)]);
    await database.crash();
    await calls;
    await first.kill();
    await second.callUntilUsed(2);
    await database.start();
    // What the killed one did not tell, and what was posted while the database was away.
    await second.close();
    await using third = await BooksProcess.start(env, folder);
    const books = { broker, open: () => openPostgres(url), env };
    await third.settle();
    await caughtUp(books);
    await third.close();
    await checkBooks(books);
  });
