import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import { AppError, toAppError } from "../base/errors.ts";
import { WorkerPort, workerUrl } from "../base/worker-port.ts";
import { ReadSide } from "./read-side.ts";

/** What its thread is asked. */
export type PgliteQuestion =
  | { readonly text: string; readonly parameters: readonly unknown[] }
  | "close";

/**
 * The read side in this process: PostgreSQL as WebAssembly in a thread of its own, in memory or
 * with its files in a folder, which no other process may have open. Making a folder takes seconds;
 * when the signal aborts it is left as it is. Error `database.failed`.
 */
export async function openPglite(folder?: string, signal?: AbortSignal): Promise<ReadSide> {
  const thread = new WorkerPort(workerUrl("pglite.worker", import.meta.url), { folder });
  const stop = (): void => void thread[Symbol.asyncDispose]();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await ReadSide.open(new OneConnection(thread));
  } catch (error) {
    throw toAppError(error, "database.failed");
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** A pool of the one connection that PGlite has: who wants it waits until it is given back. */
class OneConnection implements PostgresPool {
  readonly #thread: WorkerPort;
  #free: Promise<void> = Promise.resolve();

  constructor(thread: WorkerPort) {
    this.#thread = thread;
  }

  async connect(): Promise<PostgresPoolClient> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    const query = async <R>(text: string, parameters: readonly unknown[]) => {
      const { rows, affectedRows } = await this.#ask<R>({ text, parameters });
      // Of the commands, only those that change something are asked how much.
      return { command: "UPDATE", rowCount: affectedRows, rows } as PostgresQueryResult<R>;
    };
    return { query, release: resolve } as PostgresPoolClient;
  }

  async end(): Promise<void> {
    // What it could not even open it cannot close.
    await this.#ask("close").catch(() => undefined);
    await this.#thread[Symbol.asyncDispose]();
  }

  async #ask<R>(question: PgliteQuestion): Promise<{ rows: R[]; affectedRows: number }> {
    try {
      return await this.#thread.ask(question);
    } catch (error) {
      throw new AppError("database.failed", (error as Error).message, { cause: error });
    }
  }
}
