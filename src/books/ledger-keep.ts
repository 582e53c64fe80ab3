import { codeOf } from "../base/errors.ts";
import { shortHash } from "../base/digest.ts";
import type { Broker } from "../broker/broker.ts";
import type { Json } from "../events/record.ts";
import type { Archive, LedgerSnapshot } from "../ledger/snapshot.ts";

export type LedgerStores = Pick<Broker, "kv" | "blobs">;

/** A ledger's fold up to a position: a cache, never the truth. */
export interface SavedLedger {
  /** In the cost stream. */
  readonly position: number;
  /** In the usage stream. */
  readonly cursor: number;
  readonly ledger: LedgerSnapshot;
}

/** Usage that the ledger could not take. */
export interface Quarantined {
  readonly position: number;
  readonly why: string;
  readonly value: Json;
}

/** What a ledger keeps beside its stream: bytes as blobs, and under which name they are, in kv. */
export class LedgerKeep {
  readonly #tenant: string;
  readonly #stores: LedgerStores;

  constructor(tenant: string, stores: LedgerStores) {
    this.#tenant = tenant;
    this.#stores = stores;
  }

  async saveSnapshot(saved: SavedLedger): Promise<void> {
    await this.#save("snapshot", saved);
  }

  /** Throws `blob.notFound` or `log.damaged` where its bytes are not what they were. */
  async snapshot(): Promise<SavedLedger | undefined> {
    return (await this.#load("snapshot")) as SavedLedger | undefined;
  }

  async saveArchive(hash: string, archive: Archive): Promise<void> {
    await this.#save(`archive.${hash}`, archive);
  }

  async archive(hash: string): Promise<Archive | undefined> {
    return (await this.#load(`archive.${hash}`)) as Archive | undefined;
  }

  /** False where it is there already: the alarm was raised then. */
  async quarantine(id: string, what: Quarantined): Promise<boolean> {
    try {
      await this.#stores.kv.put(this.#key(`quarantine.${shortHash(id)}`), { ...what }, 0);
      return true;
    } catch (error) {
      if (codeOf(error) === "kv.conflict") return false;
      throw error;
    }
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    const keys = await this.#stores.kv.keys(this.#key("quarantine."));
    const entries = await Promise.all(keys.map((key) => this.#stores.kv.get(key)));
    return entries.flatMap((entry) => (entry ? [entry.value as unknown as Quarantined] : []));
  }

  async #save(name: string, value: object): Promise<void> {
    const { kv, blobs } = this.#stores;
    const digest = await blobs.put(new TextEncoder().encode(JSON.stringify(value)));
    await kv.put(this.#key(name), digest);
  }

  async #load(name: string): Promise<unknown> {
    const { kv, blobs } = this.#stores;
    const entry = await kv.get(this.#key(name));
    if (!entry) return undefined;
    return JSON.parse(new TextDecoder().decode(await blobs.get(entry.value as string)));
  }

  #key(name: string): string {
    return `ledger.${this.#tenant}.${name}`;
  }
}
