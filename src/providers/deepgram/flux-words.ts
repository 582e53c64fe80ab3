import type { listen } from "@deepgram/sdk";
import type { SttEvent, TimedWord } from "../stt.port.ts";
import { agreedWords, spreadWords } from "../word-times.ts";

/**
 * What Flux tells, as our events. A turn of its own is one utterance: each message brings all its
 * words so far, and whether it is over.
 */
type TurnInfo = listen.ListenV2TurnInfo;
type Final = SttEvent & { readonly type: "final" };

export class FluxWords {
  #guess = "";
  #last: Final | undefined;

  turn(info: TurnInfo): readonly SttEvent[] {
    const toMs = ms(info.audio_window_end);
    const words = timed(info);
    const text = info.transcript;
    const fromMs = words[0]?.fromMs ?? ms(info.audio_window_start);
    const final = { type: "final", fromMs, toMs, text, words } as const;
    const judged = { type: "endOfTurn", toMs, p: info.end_of_turn_confidence } as const;
    if (info.event === "EndOfTurn") {
      const told = text !== "" || this.#last ? [final] : [];
      this.#forget();
      return [...told, { ...judged, how: "ended" }];
    }
    const interim = text === "" || text === this.#guess ? [] : [this.#interim(final)];
    if (text !== "") this.#last = final;
    if (info.event === "EagerEndOfTurn") return [...interim, { ...judged, how: "eager" }];
    if (info.event === "TurnResumed") return [...interim, { ...judged, how: "resumed" }];
    return interim;
  }

  /** The stream is over in the midst of a turn: its words so far are all there will be. */
  end(): readonly SttEvent[] {
    const last = this.#last;
    this.#forget();
    return last ? [last] : [];
  }

  #interim({ fromMs, toMs, text }: Final): SttEvent {
    const stableWords = agreedWords(this.#guess, text);
    this.#guess = text;
    return { type: "interim", fromMs, toMs, text, stableWords };
  }

  #forget(): void {
    this.#guess = "";
    this.#last = undefined;
  }
}

/** Words may come without times: then the turn's time is shared out. */
function timed({ words, transcript, ...range }: TurnInfo): readonly TimedWord[] {
  const [from, to] = [ms(range.audio_window_start), ms(range.audio_window_end)];
  if (words.some(({ start, end }) => start === undefined || end === undefined))
    return spreadWords(transcript, from, to);
  return words.map(({ word, start = 0, end = 0 }) => ({
    text: word,
    fromMs: ms(start),
    toMs: ms(end),
  }));
}

function ms(seconds: number): number {
  return Math.round(seconds * 1000);
}
