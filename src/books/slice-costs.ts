import type { Clock } from "../base/clock.ts";
import type { Meter } from "../events/effect.events.ts";
import type { CallRef } from "../events/record.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import type { CostLine } from "../ledger/lines.ts";
import { amountOf, type Prices, type Quantities, type Subject } from "../ledger/rating.ts";
import { worstCase } from "../ledger/slices.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tts } from "../providers/tts.port.ts";

/** Our count of a request's tokens may be short by so much; the vendor's counts. */
const MARGIN = { per: 4n, plus: 16n } as const;
/** Speech: of 150 words a minute, and the tokens of its sound, 50 ms each, with a margin. */
const MS_PER_CHARACTER = 65;
const MS_PER_AUDIO_TOKEN = 40;

export interface RequestSize {
  readonly inputTokens: number;
  /** Of the answer, at most. */
  readonly tokens: bigint;
}

/** What slices of a call cost at worst, in pico-USD: what is held before they go out. */
export class SliceCosts {
  readonly #ref: CallRef;
  readonly #prices: Prices;
  readonly #clock: Clock;

  constructor(ref: CallRef, prices: Prices, clock: Clock) {
    this.#ref = ref;
    this.#prices = prices;
    this.#clock = clock;
  }

  request(model: Llm, { inputTokens, tokens }: RequestSize): bigint {
    const counted = BigInt(inputTokens);
    const input = counted + counted / MARGIN.per + MARGIN.plus;
    return this.#worst("llm", model, { inputTokens: input, outputTokens: tokens });
  }

  /** By the dearest of the voices. */
  speech(voices: readonly Tts[], characters: number): bigint {
    const costs = voices.map((tts) => this.#speechOf(tts, characters));
    return costs.reduce((a, b) => (a > b ? a : b), 0n);
  }

  /** Of what lasts, for so much longer. */
  lasting({ service, provider, requestModel: model, occurredAt }: UsageEvent, ms: number): bigint {
    const meter = service === "stt" ? "audioMs" : "connectionMs";
    const subject = { ...this.#subject(service, { provider, model }), at: occurredAt };
    return worstCase(subject, { [meter]: BigInt(Math.ceil(ms)) }, this.#prices) ?? 0n;
  }

  /** What has no price, at the dearest that the book knows; nothing where it knows none. */
  dearest({ service, meter, quantity, occurredAt: at }: CostLine): bigint {
    const { tenant } = this.#ref;
    const row = this.#prices.book.ceiling({ service, meter: meter as Meter, tenant, at });
    if (!row) return 0n;
    const { amountPico } = amountOf(row, quantity < 0n ? -quantity : quantity);
    return quantity < 0n ? -amountPico : amountPico;
  }

  /** By what a request of usual size costs. */
  cheapestFirst(models: readonly Llm[]): readonly Llm[] {
    const cost = (model: Llm): bigint => this.request(model, { inputTokens: 1_000, tokens: 200n });
    return models.toSorted((a, b) => Number(cost(a) - cost(b)));
  }

  /** By those meters that the voice is billed by. */
  #speechOf(tts: Tts, characters: number): bigint {
    const ms = characters * MS_PER_CHARACTER;
    const all = {
      characters: BigInt(characters),
      audioMs: BigInt(ms),
      audioOutTokens: BigInt(Math.ceil(ms / MS_PER_AUDIO_TOKEN)),
    } as const;
    const subject = this.#subject("tts", tts);
    const priced = Object.entries(all).filter(
      ([meter]) => this.#prices.book.rows({ ...subject, meter: meter as Meter }).length > 0,
    );
    const quantities =
      priced.length > 0 ? Object.fromEntries(priced) : { characters: all.characters };
    return this.#worst("tts", tts, quantities);
  }

  #worst(service: Subject["service"], of: Runs, quantities: Quantities): bigint {
    return worstCase(this.#subject(service, of), quantities, this.#prices) ?? 0n;
  }

  #subject(service: Subject["service"], { provider, model }: Runs): Subject {
    const at = this.#clock.now();
    return { ...this.#ref, request: "", service, provider, model, at };
  }
}

interface Runs {
  readonly provider: string;
  readonly model: string;
}
