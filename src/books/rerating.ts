import type { Clock } from "../base/clock.ts";
import type { Broker } from "../broker/broker.ts";
import { decide } from "../ledger/decide.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Prices } from "../ledger/rating.ts";
import { dryRun, type Plan, type PlanDiff, planSteps, sealedIn } from "../ledger/rerate.ts";
import type { Archive } from "../ledger/snapshot.ts";
import type { LedgerActor } from "./ledger-actor.ts";
import { LedgerKeep } from "./ledger-keep.ts";

export interface ReratingOptions {
  readonly tenant: string;
  readonly broker: Pick<Broker, "kv" | "blobs">;
  readonly clock: Clock;
  /** What the actor posts by. */
  readonly prices: Prices;
}

/**
 * A plan of one tenant, looked at and then carried out by its ledger's actor. Each request is one
 * posting, so whatever breaks when, the plan is given again and goes on where it was. Sealed calls
 * are brought back for it and sealed again; one whose archive is gone is left as it is.
 */
export class Rerating {
  readonly #actor: LedgerActor;
  readonly #options: ReratingOptions;
  readonly #keep: LedgerKeep;

  constructor(actor: LedgerActor, options: ReratingOptions) {
    this.#actor = actor;
    this.#options = options;
    this.#keep = new LedgerKeep(options.tenant, options.broker);
  }

  /** Of this range, by these prices, with what is posted now; another time it is another plan. */
  plan({ from, to }: Pick<Plan, "from" | "to">): Plan {
    const { book, knownAt } = this.#options.prices;
    const { seq } = this.#actor.ledger;
    return { id: [from, to, book.version, knownAt ?? "", seq].join("/"), from, to };
  }

  /** What it would change; nothing is posted. `sealed` are calls that cannot be brought back. */
  async dryRun(plan: Plan): Promise<PlanDiff> {
    const at = Math.floor(this.#options.clock.now());
    const desk = { ...this.#options.prices, at };
    const copy = Ledger.restore(this.#actor.ledger.snapshot());
    for (const archive of await this.#archives(plan)) {
      const decision = decide(copy, { type: "restore", call: archive.call, archive }, desk);
      if (decision.kind === "post") decision.transactions.forEach((txn) => copy.apply(txn));
    }
    return dryRun(copy, plan, desk);
  }

  /** How many requests were posted anew. Errors as of the actor; it may be called again then. */
  async apply(plan: Plan): Promise<number> {
    const archives = await this.#archives(plan);
    for (const archive of archives)
      await this.#actor.do({ type: "restore", call: archive.call, archive });
    let posted = 0;
    for (const step of planSteps(this.#actor.ledger, plan)) {
      const { kind } = await this.#actor.do(step);
      if (kind === "post") posted++;
    }
    for (const { call } of archives) await this.#actor.seal(call);
    return posted;
  }

  async #archives(plan: Plan): Promise<readonly Archive[]> {
    const { ledger } = this.#actor;
    const kept = sealedIn(ledger, plan).map(async (call) => {
      const sealed = ledger.sealed(call);
      return sealed && this.#keep.archive(sealed.archive);
    });
    return (await Promise.all(kept)).filter((archive) => archive !== undefined);
  }
}
