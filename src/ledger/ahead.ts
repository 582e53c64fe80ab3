import type { Transaction } from "../events/ledger.events.ts";
import { type Ledger, requestAfter, scopeAfter } from "./ledger.ts";
import { shareKey } from "./rating.ts";
import { type RequestState } from "./request.ts";
import type { Scope } from "./state.ts";

/** What is read of a ledger to decide about usage. */
export type LedgerView = Pick<
  Ledger,
  "tenant" | "seq" | "tail" | "sealed" | "isClosed" | "seen" | "request" | "scope"
>;

/**
 * A ledger as it will be once some usage is posted, to decide about what comes behind that; the
 * ledger itself stays as it is, as the posting may fail.
 */
export class LedgerAhead implements LedgerView {
  readonly #ledger: LedgerView;
  readonly #seen = new Map<string, string>();
  readonly #requests = new Map<string, RequestState>();
  readonly #scopes = new Map<string, Scope>();
  #seq: number;
  #tail: string;

  constructor(ledger: LedgerView) {
    this.#ledger = ledger;
    this.#seq = ledger.seq;
    this.#tail = ledger.tail;
  }

  get tenant(): string {
    return this.#ledger.tenant;
  }

  get seq(): number {
    return this.#seq;
  }

  get tail(): string {
    return this.#tail;
  }

  sealed(call: string): ReturnType<Ledger["sealed"]> {
    return this.#ledger.sealed(call);
  }

  isClosed(period: string): boolean {
    return this.#ledger.isClosed(period);
  }

  seen(call: string, eventId: string): string | undefined {
    return this.#seen.get(eventId) ?? this.#ledger.seen(call, eventId);
  }

  request(call: string, id: string): RequestState | undefined {
    return this.#requests.get(id) ?? this.#ledger.request(call, id);
  }

  scope(key: string): Scope {
    return this.#scopes.get(key) ?? this.#ledger.scope(key);
  }

  /** A transaction about usage; of others nothing is known here. */
  add(txn: Transaction): void {
    const { event, entries, seq, hash } = txn;
    if (event) {
      const request = requestAfter((id) => this.request(event.call, id), txn);
      this.#requests.set(request.id, request);
      this.#seen.set(event.eventId, event.payloadHash);
    }
    for (const { rated, amountPico } of entries) {
      if (!rated || rated.priceId === null) continue;
      const key = shareKey({ ...rated, priceId: rated.priceId });
      this.#scopes.set(key, scopeAfter(this.scope(key), rated, amountPico));
    }
    this.#seq = seq;
    this.#tail = hash;
  }
}
