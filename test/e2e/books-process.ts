import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Bookkeeper } from "../../src/books/bookkeeper.ts";
import { type Clock, sleep, systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { CostReport } from "../../src/cli/costs.command.ts";
import { parsePosting, type Transaction } from "../../src/events/ledger.events.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { CostFollower } from "../../src/projections/cost-follower.ts";
import { costRows, costTotal } from "../../src/projections/cost-queries.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { collect } from "../contract/bench.ts";
import { run } from "../support/run-cli.ts";
import type { BooksTold } from "./books-child.ts";

const TENANT = "local";
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** A process that serves, keeps books, and can be killed. */
export class BooksProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(variables: Readonly<Record<string, string>>, folder: string) {
    const env = { PATH: process.env["PATH"], TURNFOLD_PORT: "0", ...variables };
    const models = join(folder, "no-models");
    const child = fork(join(import.meta.dirname, "books-child.ts"), {
      // Flags of this process may name files beside its own folder.
      execArgv: [],
      cwd: folder,
      env: { ...env, TURNFOLD_MODELS: models },
    });
    const started = new BooksProcess(child);
    await started.#hears("ready");
    return started;
  }

  /** A sample call, until so many of its records told of something that costs. */
  async callUntilUsed(times: number): Promise<void> {
    const used = this.#hears("used", times);
    this.#child.send("sample");
    await used;
  }

  async settle(): Promise<void> {
    const settled = this.#hears("settled");
    this.#child.send("settle");
    await settled;
  }

  async kill(): Promise<void> {
    const over = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await over;
  }

  async close(): Promise<void> {
    const over = once(this.#child, "exit");
    this.#child.send("close");
    await over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }

  #hears(what: BooksTold["what"], times = 1): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let left = times;
    const patience = setTimeout(() => reject(new Error(`no ${what} came`)), PATIENCE_MS);
    const hear = (told: BooksTold): void => {
      if (told.what === what && --left === 0) resolve();
    };
    const gone = (): void => reject(new Error(`the process ended before ${what}`));
    this.#child.on("message", hear).once("exit", gone);
    return promise.finally(() => {
      clearTimeout(patience);
      this.#child.off("message", hear).off("exit", gone);
    });
  }
}

export interface Books {
  readonly broker: Broker;
  readonly open: () => Promise<ReadSide>;
  readonly env: Readonly<Record<string, string>>;
}

const LATER_MS = 60 * 60_000;
/** When nobody answers any more for the requests of who was killed. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + LATER_MS };

/**
 * What the processes left behind: each event of each log stands in the stream once, and SQL has the
 * stream's sum. Once all leases are over, `turnfold costs` has it too.
 */
export async function checkBooks({ broker, open, env }: Books): Promise<void> {
  const stream = await streamOf(broker);
  const wanted: string[] = [];
  for (const ref of await broker.log.calls(TENANT))
    wanted.push(...usageEventsOf(await collect(broker.log.read(ref))).map((one) => one.eventId));
  const told = stream.flatMap(({ event }) => event?.eventId ?? []);
  assert.deepEqual(told.toSorted(), wanted.toSorted());
  await checkTables(open, sumOf(stream));
  const ports = { broker, clock: later, logger: silentLogger };
  {
    const projector = new CostFollower({ ...ports, cost: broker.cost, open });
    const prices = () => ({ book: priceBook() });
    await using books = new Bookkeeper({ ...ports, prices, projector });
    await books.start();
    await books.idle();
  }
  const total = sumOf(await streamOf(broker));
  await checkTables(open, total);
  const { code, stdout } = await run(["costs", TENANT, "--json"], { env });
  assert.equal(code, 0);
  assert.equal(BigInt(CostReport.parse(JSON.parse(stdout)).totalPico), total);
}

/** Until the tables have all that stands in the stream: whoever was killed had its lease. */
export async function caughtUp({ broker, open }: Books): Promise<void> {
  await using readSide = await open();
  const patience = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const total = sumOf(await streamOf(broker));
    if (total > 0n && (await costTotal(readSide, TENANT)).amountPico === total) return;
    patience.throwIfAborted();
    await sleep(systemClock, LOOK_EVERY_MS);
  }
}

async function checkTables(open: Books["open"], total: bigint): Promise<void> {
  assert.ok(total > 0n);
  await using readSide = await open();
  assert.equal((await costTotal(readSide, TENANT)).amountPico, total);
  const rows = await costRows(readSide, TENANT, { from: 0, to: 4e12 });
  assert.equal(new Set(rows.map(({ metadata }) => metadata["line"])).size, rows.length);
  for (const service of ["llm", "tts"]) assert.ok(rows.some((row) => row.service === service));
}

async function streamOf({ cost }: Broker): Promise<readonly Transaction[]> {
  const postings = await collect(cost.read({ tenant: TENANT }));
  return postings.flatMap(({ value }) => parsePosting(value).transactions);
}

function sumOf(stream: readonly Transaction[]): bigint {
  return stream
    .flatMap(({ entries }) => entries)
    .filter(({ account }) => account.startsWith("cost:"))
    .reduce((sum, { amountPico }) => sum + BigInt(amountPico), 0n);
}
