import assert from "node:assert/strict";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { test } from "node:test";
import { databaseHealth, providersHealth } from "../../src/cli/health.ts";
import { BREAKERS } from "../../src/main.ts";

test("a provider that is not asked is told by /health, and is no reason to fail", async () => {
  const { providers } = providersHealth();
  assert.equal(providers?.isNeeded, false);
  assert.equal(await providers?.check(), undefined);
  const voice = { service: "tts", provider: "acme", model: "anna" } as const;
  for (let failures = 0; failures < 5; failures++) BREAKERS.enter(voice)?.end("failed");
  await turnOfLoop();
  assert.match((await providers?.check()) ?? "", /^tts acme\/anna is not asked, since 2\d+-\S+Z$/);
});

test("a database that is behind is told by /health, and is no reason to fail", async () => {
  const books: { problem: string | undefined } = { problem: undefined };
  const { database } = databaseHealth(books);
  assert.equal(database?.isNeeded, false);
  assert.equal(await database?.check(), undefined);
  books.problem = "connect ECONNREFUSED 127.0.0.1:5432";
  assert.equal(await database?.check(), books.problem);
});
