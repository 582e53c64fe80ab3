import type { Logger } from "../base/logger.ts";
import type { Posting } from "../events/ledger.events.ts";

/** Warns of what is used and has no price: once of each meter, not of each use. */
export class UnpricedAlarm {
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  posted({ transactions }: Posting): void {
    for (const { event, entries } of transactions)
      for (const { account, rated } of entries) {
        if (account !== "suspense:unrated" || !event || !rated) continue;
        const { tenant, call, provider, requestModel: model } = event;
        const { meter } = rated;
        const name = `${provider}/${model}/${meter}`;
        if (this.#told.has(name)) continue;
        this.#told.add(name);
        const fields = { tenant, call, provider, model, meter };
        this.#logger.log("warn", "no price is known for what was used", fields);
      }
  }
}
