import { frameMs, type AudioFrame } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import { charactersOf, hasWords, type TtsEvent, type TtsUsage } from "../../providers/tts.port.ts";
import type { Voice } from "../agent-parts.ts";
import { wasTurnedDown } from "./retry.ts";
import { attemptOf, type Tally } from "./tally.ts";

/** One try at having a text said by one voice. */
export interface VoiceTry {
  readonly voice: Voice;
  readonly text: string;
  /** From 1. */
  readonly attempt: number;
  /** Ms it has for its first sound, and for each piece behind it. */
  readonly firstMs: number;
  readonly pieceMs: number;
}

interface VoiceTryPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tally: Tally;
  write(frame: AudioFrame): void;
}

/** As much as it gave; `error` where that is not all. */
export interface Given {
  readonly ms: number;
  /** End of each word of the text, where the voice tells. */
  readonly ends: readonly number[] | undefined;
  readonly error: unknown;
  /** The error is that its time was over. */
  readonly isLate: boolean;
}

const LATE = Symbol("late");

export async function askVoice(one: VoiceTry, ports: VoiceTryPorts): Promise<Given> {
  const { voice, text } = one;
  const { clock, signal } = ports;
  const abort = new AbortController();
  const both = AbortSignal.any([signal, abort.signal]);
  const given: { -readonly [K in keyof Given]: Given[K] } = {
    ms: 0,
    ends: undefined,
    error: undefined,
    isLate: false,
  };
  let told: TtsUsage | undefined;
  let how: "stopped" | "failed" | undefined;
  try {
    const events = voice.tts.speak({ text, voice: voice.name, signal: both });
    for await (const came of inTime(events, { clock, signal, given, one })) {
      if (came.type === "alignment") given.ends = came.wordEndsMs;
      else if (came.type === "usage") told = sumOf(told, came.usage);
      else {
        given.ms += frameMs(came.frame);
        ports.write(came.frame);
      }
    }
    if (signal.aborted) how = "stopped";
  } catch (error) {
    how = signal.aborted ? "stopped" : "failed";
    given.error = signal.aborted ? undefined : error;
  } finally {
    abort.abort();
  }
  const { error, ms } = given;
  if (!how && !told && ms === 0 && !hasWords(text)) return given;
  const isEstimate = told === undefined && voice.tts.voices.length === 0;
  const counts = wasTurnedDown(error)
    ? { requests: 1, ...told }
    : { characters: charactersOf(text), ...told, audioMs: ms };
  tell(ports.tally, { voice, counts, isEstimate, ...attemptOf(one.attempt, how) });
  return given;
}

interface Counted extends Pick<Usage, "attempt" | "how"> {
  readonly voice: Voice;
  readonly counts: Readonly<Record<string, number>>;
  readonly isEstimate: boolean;
}

function tell(tally: Tally, { voice, counts, isEstimate, ...which }: Counted): void {
  const { provider, model } = voice.tts;
  for (const [name, quantity] of Object.entries(counts)) {
    if (quantity === 0) continue;
    const meter = name as Usage["meter"];
    const estimated = isEstimate && meter === "characters";
    tally.add({ service: "tts", provider, model, meter, quantity, estimated, ...which });
  }
}

interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly given: { readonly ms: number; isLate: boolean };
  readonly one: VoiceTry;
}

/** Ends once it is stopped, whether the voice heeds that or not. */
async function* inTime(
  events: AsyncIterable<TtsEvent>,
  { clock, signal, given, one }: Patience,
): AsyncGenerator<TtsEvent> {
  const iterator = events[Symbol.asyncIterator]();
  const startedAt = clock.now();
  try {
    for (;;) {
      const coming = iterator.next();
      coming.catch(() => undefined);
      const came = new AbortController();
      const over = AbortSignal.any([signal, came.signal]);
      const left = given.ms > 0 ? one.pieceMs : one.firstMs - (clock.now() - startedAt);
      const late = sleep(clock, left, over).then((): typeof LATE => LATE);
      const event = await Promise.race([coming, late]).finally(() => came.abort());
      if (signal.aborted) return;
      if (event === LATE) {
        given.isLate = true;
        throw new AppError("provider.timeout", `${one.voice.name} gave no sound in its time`);
      }
      if (event.done) return;
      yield event.value;
    }
  } finally {
    // Not waited for: it may have something to close, and may hang.
    Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function sumOf(one: TtsUsage | undefined, other: TtsUsage): TtsUsage {
  const sum: Record<string, number> = { ...one };
  for (const [meter, quantity] of Object.entries(other) as [string, number][])
    sum[meter] = (sum[meter] ?? 0) + quantity;
  return sum;
}
