import type { Json } from "../events/record.ts";

export interface Row {
  readonly value: Json;
  /** Number of the change that wrote it: grows with each change of the table, never used twice. */
  readonly revision: number;
}

/** One change as a journal keeps it: no value is a deletion, no key carries on the count alone. */
export interface Change {
  readonly revision: number;
  readonly key?: string;
  readonly value?: Json;
}

/**
 * A map of JSON rows under `LocalKv` and `LocalJobs`. Each change goes to the journal first, so
 * what the journal refuses has not happened. Rows keep the order in which their keys first came.
 */
export class Table {
  readonly #rows = new Map<string, Row>();
  readonly #journal: (change: Change) => void;
  #revision = 0;

  constructor(journal: (change: Change) => void = () => undefined) {
    this.#journal = journal;
  }

  /** Of the last change. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  keys(): Iterable<string> {
    return this.#rows.keys();
  }

  put(key: string, value: Json): number {
    this.#commit({ revision: this.#revision + 1, key, value });
    return this.#revision;
  }

  delete(key: string): void {
    this.#commit({ revision: this.#revision + 1, key });
  }

  /** Takes a change from a journal that was kept. */
  apply({ revision, key, value }: Change): void {
    this.#revision = Math.max(this.#revision, revision);
    if (key === undefined) return;
    if (value === undefined) this.#rows.delete(key);
    else this.#rows.set(key, { value, revision });
  }

  /** The shortest journal that leads to this table. */
  *changes(): Iterable<Change> {
    yield { revision: this.#revision };
    for (const [key, row] of this.#rows) yield { key, ...row };
  }

  #commit(change: Change): void {
    this.#journal(change);
    this.apply(change);
  }
}
