/** What became of models, voices and speech to text, in plain words. The code stands behind where it says more. */
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

/** `ears`: speech to text. */
type What = "model" | "voice" | "ears";

export interface Switched {
  readonly what: What;
  readonly from: string;
  readonly to: string;
  readonly why: string;
  readonly ms?: number | undefined;
}

/** `gpt-x gave no word in 3 s: llama-y is asked`. */
export function switchText({ what, from, to, why, ms }: Switched): string {
  const then =
    to === "text" && what === "voice"
      ? "no voice is left, the answer goes on as text"
      : what === "model"
        ? `${to} is asked`
        : `${to} goes on`;
  return `${named(what, from)} ${whyText(what, why, ms)}: ${then}`;
}

export interface Retried {
  readonly what: What;
  readonly of: string;
  readonly attempt: number;
  readonly why: string;
  readonly waitMs: number;
}

/** `gpt-x failed (provider.failed): it is asked again in 120 ms, try 2`. */
export function retryText({ what, of, attempt, why, waitMs }: Retried): string {
  return `${named(what, of)} ${whyText(what, why)}: it is asked again in ${waitMs} ms, try ${attempt}`;
}

/** Why an effect failed: `its breaker refused it (provider.open)`, or the bare code. */
export function failureText(code: string): string {
  const words = WHY[code];
  return words === undefined ? code : `the provider ${words} (${code})`;
}

function named(what: What, name: string): string {
  if (what === "voice") return `the voice ${name}`;
  return what === "ears" ? `speech-to-text by ${name}` : name;
}

function whyText(what: What, why: string, ms?: number): string {
  const inTime = ms === undefined ? "in its time" : `in ${ms / 1000} s`;
  if (why === "late") return `gave no ${what === "voice" ? "sound" : "word"} ${inTime}`;
  const words = WHY[why];
  if (words === undefined) return `failed (${why})`;
  return why === "empty" || why === "provider.open" ? words : `${words} (${why})`;
}
