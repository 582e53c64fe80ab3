import type { Meter } from "../events/effect.events.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import type { CostLine } from "../ledger/lines.ts";
import { amountOf, type Prices, type Quantities, type Subject } from "../ledger/rating.ts";
import { worstCase } from "../ledger/slices.ts";

/** What slices cost at worst, in pico-USD: what is held before they go out. */

/** Our count of a request's tokens may be short by so much; the vendor's counts. */
const MARGIN = { per: 4n, plus: 16n } as const;
/** Speech: of 150 words a minute, and the tokens of its sound, 50 ms each, with a margin. */
const MS_PER_CHARACTER = 65;
const MS_PER_AUDIO_TOKEN = 40;

export function modelCost(
  subject: Subject,
  { inputTokens, tokens }: { readonly inputTokens: number; readonly tokens: bigint },
  prices: Prices,
): bigint {
  const counted = BigInt(inputTokens);
  const input = counted + counted / MARGIN.per + MARGIN.plus;
  return worstCase(subject, { inputTokens: input, outputTokens: tokens }, prices) ?? 0n;
}

/** By those meters that the voice is billed by. */
export function speechCost(subject: Subject, characters: number, prices: Prices): bigint {
  const ms = characters * MS_PER_CHARACTER;
  const all = {
    characters: BigInt(characters),
    audioMs: BigInt(ms),
    audioOutTokens: BigInt(Math.ceil(ms / MS_PER_AUDIO_TOKEN)),
  } as const;
  const priced = Object.entries(all).filter(
    ([meter]) => prices.book.rows({ ...subject, meter: meter as Meter }).length > 0,
  );
  const quantities =
    priced.length > 0 ? Object.fromEntries(priced) : { characters: all.characters };
  return worstCase(subject, quantities as Quantities, prices) ?? 0n;
}

/** What lasts, for so much longer. */
export function lastingCost(event: UsageEvent, ms: number, prices: Prices): bigint {
  const { tenant, call, service, provider, requestModel: model, occurredAt: at } = event;
  const meter = service === "stt" ? "audioMs" : "connectionMs";
  const subject = { request: "", call, tenant, service, provider, model, at };
  return worstCase(subject, { [meter]: BigInt(Math.ceil(ms)) }, prices) ?? 0n;
}

/** What has no price, at the dearest that the book knows; nothing where it knows none. */
export function dearestOf(
  { book }: Prices,
  { service, meter, quantity, occurredAt: at }: CostLine,
  tenant: string,
): bigint {
  const row = book.ceiling({ service, meter: meter as Meter, tenant, at });
  if (!row) return 0n;
  const { amountPico } = amountOf(row, quantity < 0n ? -quantity : quantity);
  return quantity < 0n ? -amountPico : amountPico;
}
