import type { UsageEvent } from "../events/usage.events.ts";
import type { Instrument } from "./metrics.port.ts";

/**
 * The metrics by name. Those of `gen_ai.` are the semantic conventions for generative AI, with the
 * bounds that they ask for; the others are ours.
 */
export const TOKENS: Instrument = {
  name: "gen_ai.client.token.usage",
  kind: "histogram",
  unit: "{token}",
  description: "Tokens of a request to a model; cached ones are input, those of reasoning output.",
  bounds: Array.from({ length: 14 }, (_, i) => 4 ** i),
};

export const DURATION: Instrument = {
  name: "gen_ai.client.operation.duration",
  kind: "histogram",
  unit: "s",
  description: "From a model's being asked to its last sentence, or to its being left.",
  bounds: Array.from({ length: 14 }, (_, i) => 2 ** i / 100),
};

const FIRST_BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const first = { kind: "histogram", unit: "s", bounds: FIRST_BOUNDS } as const;

/** As the client sees it, which is what can be measured here. */
export const FIRST_CHUNK: Instrument = {
  ...first,
  name: "gen_ai.client.operation.time_to_first_chunk",
  description: "From a model's being asked to its first token.",
};

/** The same under the name that boards are drawn for; of a server's own it would lack the way. */
export const FIRST_TOKEN: Instrument = {
  ...first,
  name: "gen_ai.server.time_to_first_token",
  description: "From a model's being asked to its first token, as the client sees it.",
};

export const COST: Instrument = {
  name: "turnfold.cost",
  kind: "sum",
  unit: "{USD}",
  description: "Cost, for the eye: sums of floating point. The ledger has it exactly.",
};

export const COST_PICO: Instrument = {
  name: "turnfold.cost.pico",
  kind: "sum",
  unit: "{pUSD}",
  description: "The same in whole pico-USD, exact up to 9000 USD of one process.",
  isWhole: true,
};

export const UNPRICED: Instrument = {
  name: "turnfold.cost.unpriced",
  kind: "sum",
  unit: "{line}",
  description: "Lines for which no price is known: they are not in the cost.",
  isWhole: true,
};

/** What else is used: `audioMs` is `turnfold.usage.audio_time` in ms. */
export function usageOf(meter: string): Instrument {
  const time = /^(.+)Ms$/.exec(meter)?.[1];
  const words = (time ? `${time}Time` : meter).replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  const unit = time ? "ms" : `{${words.replace(/s$/, "")}}`;
  const description = `What was used, by the meter ${meter} of the ledger.`;
  return { name: `turnfold.usage.${words}`, kind: "sum", unit, description, isWhole: true };
}

/** Which operation of the conventions it is; undefined where they have none. */
export function operationOf(service: UsageEvent["service"]): string | undefined {
  if (service === "embedding") return "embeddings";
  return service === "llm" || service === "vision" ? "chat" : undefined;
}

/** By the name that the conventions know a provider by. */
export function providerOf(provider: string): string {
  return provider === "gemini" ? "gcp.gemini" : provider;
}
