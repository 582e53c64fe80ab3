import { resample, samplesOf, type AudioFrame } from "../base/audio.ts";
import { sleep, type Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Stt, SttEvent } from "../providers/stt.port.ts";
import type { Tts } from "../providers/tts.port.ts";

/** One real request to a provider, timed: what `turnfold check` shows. Times in ms. */
export interface Trial {
  /** From the request, of speech-to-text from the first sound, to what came first. */
  readonly firstMs: number;
  readonly totalMs: number;
  /** What was answered or heard. */
  readonly text: string | null;
  /** How much sound was made or heard. */
  readonly audioMs: number | null;
  readonly usage: readonly { readonly meter: string; readonly quantity: number }[];
}

const MESSAGES = [
  { role: "system", text: "Answer in one short sentence." },
  { role: "user", text: "Please say hello." },
] as const;
export const TRIAL_TEXT = "Two tickets for tonight, please.";
const FRAME_MS = 20;
const LEAD_MS = 200;
const TAIL_MS = 700;
/** Names of what is counted by its own field, and is no count. */
const NO_METERS = new Set(["provider", "model", "estimated", "attempt", "how"]);

export async function tryLlm(llm: Llm, clock: Clock, signal: AbortSignal): Promise<Trial> {
  const from = clock.now();
  const usage = new Counts();
  let firstMs: number | undefined;
  let text = "";
  for await (const event of llm.stream({ messages: MESSAGES, tools: [] }, signal)) {
    if (event.type === "usage") usage.add(event.usage);
    if (event.type !== "text") continue;
    firstMs ??= clock.now() - from;
    text += event.text;
  }
  if (firstMs === undefined) throw nothing(llm, "no word");
  return { firstMs, totalMs: clock.now() - from, text, audioMs: null, usage: usage.all };
}

export async function tryTts(
  { tts, name }: { readonly tts: Tts; readonly name: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<Trial> {
  const from = clock.now();
  const usage = new Counts();
  let firstMs: number | undefined;
  let audioMs = 0;
  for await (const event of tts.speak({ text: TRIAL_TEXT, voice: name, signal })) {
    if (event.type === "usage") usage.add(event.usage);
    if (event.type !== "audio") continue;
    firstMs ??= clock.now() - from;
    audioMs += (event.frame.samples.length * 1000) / event.frame.rateHz;
  }
  if (firstMs === undefined) throw nothing(tts, "no sound");
  return { firstMs, totalMs: clock.now() - from, text: null, audioMs, usage: usage.all };
}

/** The sound is sent as it would be spoken: no faster, so that the times are those of a call. */
export async function tryStt(
  { stt, sound }: { readonly stt: Stt; readonly sound: AudioFrame },
  clock: Clock,
  signal: AbortSignal,
): Promise<Trial> {
  const { samples } = resample(sound, stt.rateHz);
  const from = clock.now();
  const heard = new Heard(clock);
  const stream = stt.open((event) => heard.take(event));
  const step = samplesOf(FRAME_MS, stt.rateHz);
  const lead = samplesOf(LEAD_MS, stt.rateHz);
  const padded = new Int16Array(lead + samples.length + samplesOf(TAIL_MS, stt.rateHz));
  padded.set(samples, lead);
  try {
    for (let at = 0; at < padded.length; at += step) {
      if (heard.error) throw heard.error;
      if (signal.aborted) throw new AppError("effect.stopped", "stopped");
      stream.push({ samples: padded.slice(at, at + step), rateHz: stt.rateHz });
      if (at === 0) stream.speechStarted(LEAD_MS);
      const dueMs = from + ((at + step) * 1000) / stt.rateHz - clock.now();
      await sleep(clock, Math.max(0, dueMs), signal);
    }
    stream.speechEnded(LEAD_MS + (samples.length * 1000) / stt.rateHz);
    const usage = new Counts();
    for (const one of await unlessAborted(stream.finish(), signal)) usage.add(one);
    if (heard.error) throw heard.error;
    if (heard.firstAt === undefined) throw nothing(stt, "no word");
    const audioMs = (samples.length * 1000) / stt.rateHz;
    const [firstMs, totalMs] = [heard.firstAt - from, clock.now() - from];
    return { firstMs, totalMs, text: heard.text, audioMs, usage: usage.all };
  } finally {
    stream.abort();
  }
}

class Heard {
  firstAt: number | undefined;
  error: AppError | undefined;
  text = "";
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(event: SttEvent): void {
    if (event.type === "failed") this.error ??= event.error;
    if (event.type !== "interim" && event.type !== "final") return;
    if (event.text.trim() === "") return;
    this.firstAt ??= this.#clock.now();
    if (event.type === "final") this.text = `${this.text} ${event.text}`.trim();
  }
}

class Counts {
  readonly #sums = new Map<string, number>();

  add(counts: object): void {
    for (const [meter, count] of Object.entries(counts))
      if (typeof count === "number" && !NO_METERS.has(meter))
        this.#sums.set(meter, (this.#sums.get(meter) ?? 0) + count);
  }

  get all(): Trial["usage"] {
    return [...this.#sums].map(([meter, quantity]) => ({ meter, quantity: Math.round(quantity) }));
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(new AppError("effect.stopped", "stopped"));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function nothing({ provider, model }: { provider: string; model: string }, what: string): AppError {
  return new AppError("provider.garbled", `${provider} ${model}: it gave ${what} and no error`);
}
