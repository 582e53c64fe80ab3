import type { LogRecord } from "../events/record.ts";
import type { TurnEvent } from "../events/turn.events.ts";
import { requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import { Metering } from "../folds/metering.ts";
import { Bill } from "../ledger/bill.ts";
import type { CostLine } from "../ledger/lines.ts";
import { PICO_PER_USD } from "../ledger/money.ts";
import type { Desk } from "../ledger/post.ts";
import {
  COST,
  COST_PICO,
  DURATION,
  FIRST_CHUNK,
  FIRST_TOKEN,
  operationOf,
  providerOf,
  TOKENS,
  UNPRICED,
  usageOf,
} from "./instruments.ts";
import type { Measurement } from "./metrics.port.ts";

/**
 * What a call's log tells those who watch many: tokens, money and times, a function of the records.
 * Amounts and quantities are those of the lines that the ledger makes of the same log, differences
 * and all, so that their sums are the ledger's. Tokens are told once for each request, at its end.
 */

/** Which meters are tokens of which kind; the convention counts cached ones as input. */
const TOKEN_TYPES: Readonly<Record<string, "input" | "output">> = {
  inputTokens: "input",
  cacheReadTokens: "input",
  cacheWriteTokens: "input",
  outputTokens: "output",
  reasoningTokens: "output",
  audioOutTokens: "output",
};

/** A model that a reply has asked. */
interface Asked {
  readonly provider: string;
  readonly model: string;
  readonly at: number;
  /** When it gave its last sentence, or was left. */
  endAt?: number;
  error?: string;
}

type Attributes = Measurement["attributes"];

export class CallMetrics {
  readonly #metering = new Metering();
  readonly #bill: Bill;
  /** On every measurement. */
  readonly #always: Attributes;
  readonly #tokens = new Map<string, Map<"input" | "output", bigint>>();
  readonly #replies = new Map<string, Asked[]>();

  constructor(tenant: string, desk: Desk, always: Attributes = {}) {
    this.#bill = new Bill(tenant, desk);
    this.#always = always;
  }

  /** What a record adds; records in the order of their log, from the first on. */
  apply(record: LogRecord): readonly Measurement[] {
    const measured: Measurement[] = [];
    for (const event of this.#metering.apply(record)) {
      measured.push(...this.#bill.add(event).flatMap((line) => this.#lineMeasured(line)));
      if (event.kind === "closed") measured.push(...this.#tokensOf(event));
    }
    return [...measured, ...this.#timesOf(record)];
  }

  #lineMeasured(line: CostLine): readonly Measurement[] {
    const { service, provider, model, meter, priceId, quantity, amountPico, request } = line;
    const about = {
      ...this.#always,
      "turnfold.service": service,
      "gen_ai.provider.name": providerOf(provider),
      "gen_ai.response.model": model,
    };
    const type = TOKEN_TYPES[meter];
    if (type) {
      const sums = this.#tokens.get(request) ?? new Map<"input" | "output", bigint>();
      this.#tokens.set(request, sums.set(type, (sums.get(type) ?? 0n) + quantity));
    }
    const used = { of: usageOf(meter), value: Number(quantity), attributes: about };
    const pico = Number(amountPico);
    const money =
      priceId === null
        ? [{ of: UNPRICED, value: quantity < 0n ? -1 : 1, attributes: { ...about, meter } }]
        : [
            { of: COST, value: pico / Number(PICO_PER_USD), attributes: about },
            { of: COST_PICO, value: pico, attributes: about },
          ];
    return [...(type ? [] : [used]), ...money];
  }

  #tokensOf(event: UsageEvent): readonly Measurement[] {
    const request = requestIdOf(event);
    const sums = this.#tokens.get(request) ?? new Map<"input" | "output", bigint>();
    this.#tokens.delete(request);
    const operation = operationOf(event.service);
    if (operation === undefined) return [];
    const { provider, requestModel, responseModel = requestModel } = event;
    const about = { ...this.#about(operation, provider, requestModel) };
    return [...sums]
      .filter(([, sum]) => sum > 0n)
      .map(([type, sum]) => ({
        of: TOKENS,
        value: Number(sum),
        attributes: { ...about, "gen_ai.response.model": responseModel, "gen_ai.token.type": type },
      }));
  }

  #about(operation: string, provider: string, model: string): Attributes {
    return {
      ...this.#always,
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": providerOf(provider),
      "gen_ai.request.model": model,
    };
  }

  /** How long models took, by what a reply's records say of them. */
  #timesOf({ input, at, outcome }: LogRecord): readonly Measurement[] {
    const effect = input["effect"] as string;
    if (input.type === "effect.ended") return this.#replyOver(effect, input, at);
    if (input.type !== "effect.progress" || outcome.ignored !== undefined) return [];
    const event = input["event"] as unknown as ReplyEvent;
    if (event.type === "reply.requested") {
      const { provider, model } = event;
      const asked = this.#replies.get(effect) ?? [];
      this.#replies.set(effect, [...asked, { provider, model, at }]);
      return [];
    }
    const asked = this.#replies.get(effect)?.at(-1);
    if (!asked) return [];
    if (event.type === "reply.switched" && event.what === "model") {
      asked.endAt = at;
      asked.error = event.why;
    }
    if (event.type !== "reply.segment") return [];
    asked.endAt = at;
    if (event.ttftMs === undefined) return [];
    const attributes = this.#about("chat", asked.provider, asked.model);
    // It is counted from the first model that was asked.
    const before = asked.at - this.#replies.get(effect)![0]!.at;
    const value = Math.max(0, event.ttftMs - before) / 1_000;
    return [FIRST_CHUNK, FIRST_TOKEN].map((of) => ({ of, value, attributes }));
  }

  #replyOver(effect: string, input: LogRecord["input"], at: number): readonly Measurement[] {
    const asked = this.#replies.get(effect) ?? [];
    this.#replies.delete(effect);
    const last = asked.at(-1);
    if (last && input["how"] === "failed") last.error = (input["error"] as string) || "failed";
    return asked.map(({ provider, model, at: from, endAt = at, error }) => ({
      of: DURATION,
      value: (endAt - from) / 1_000,
      attributes: {
        ...this.#about("chat", provider, model),
        ...(error !== undefined && { "error.type": error }),
      },
    }));
  }
}

type ReplyEvent = Extract<
  TurnEvent,
  { readonly type: "reply.requested" | "reply.switched" | "reply.segment" }
>;
