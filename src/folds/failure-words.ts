import type { Json } from "../events/record.ts";

/** What became of models, voices and speech-to-text, in plain words; codes stand behind them. */
const WHY: Readonly<Record<string, string>> = {
  empty: "gave nothing",
  "provider.failed": "failed",
  "provider.timeout": "did not answer in time",
  "provider.unavailable": "could not be reached",
  "provider.limited": "was asked too often",
  "provider.garbled": "gave what cannot be read",
  "provider.rejected": "does not take the key",
  "provider.refused": "refused the request",
  "provider.open": "was refused by its breaker",
};

/** A record of a switch or a retry; `what`: `model`, `voice`, `speech-to-text`. */
type Told = Readonly<Record<string, Json>>;

/** `gpt-x gave no word in 3 s: llama-y is asked`. */
export function switchText({ what, from, to, why, ms }: Told): string {
  const then =
    what === "voice" && to === "text"
      ? "no voice is left, the answer goes on as text"
      : `${to as string} ${what === "model" ? "is asked" : "goes on"}`;
  return `${named(what, from)} ${whyText(what, why as string, ms)}: ${then}`;
}

/** `gpt-x failed (provider.failed): it is asked again in 120 ms, try 2`. */
export function retryText({ what, of, attempt, why, waitMs }: Told): string {
  const again = `it is asked again in ${Math.round(Number(waitMs))} ms, try ${Number(attempt)}`;
  return `${named(what, of)} ${whyText(what, why as string)}: ${again}`;
}

/** Why an effect failed, where a provider is to blame; else the bare code. */
export function failureText(code: string): string {
  const words = WHY[code];
  return words === undefined ? code : `the provider ${words} (${code})`;
}

function named(what: Json | undefined, name: Json | undefined): string {
  if (what === "model") return name as string;
  return `${what === "voice" ? "the voice" : (what as string)} ${name as string}`;
}

function whyText(what: Json | undefined, why: string, ms?: Json): string {
  const inTime = ms === undefined ? "in its time" : `in ${Number(ms) / 1000} s`;
  if (why === "late") return `gave no ${what === "voice" ? "sound" : "word"} ${inTime}`;
  const words = WHY[why];
  if (words === undefined) return `failed (${why})`;
  return why === "empty" || why === "provider.open" ? words : `${words} (${why})`;
}
