import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import { checkKey } from "./kv-key.ts";
import type { Kv, KvEntry } from "./kv.port.ts";
import type { Table } from "./table.ts";

/** Shared state of one process over a table; every call takes effect before it returns. */
export class LocalKv implements Kv {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const row = this.#table.get(key);
    return row && { key, value: row.value, revision: row.revision };
  }

  async put(key: string, value: Json, expect?: number): Promise<number> {
    checkKey(key);
    this.#check(key, expect);
    return this.#table.put(key, value);
  }

  async delete(key: string, expect?: number): Promise<void> {
    this.#check(key, expect);
    if (this.#table.get(key)) this.#table.delete(key);
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return [...this.#table.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  #check(key: string, expect: number | undefined): void {
    const revision = this.#table.get(key)?.revision ?? 0;
    if (expect !== undefined && expect !== revision)
      throw new AppError("kv.conflict", `${key} is at revision ${revision}, not ${expect}`, {
        detail: { key, revision, expect },
      });
  }
}
