import type { Usage } from "../../src/events/effect.events.ts";
import { NumberedEars, type HeardWord } from "../support/numbered-speech.ts";
import { type Channel, VendorServer } from "./vendor-server.ts";

/**
 * Deepgram's live listening: `/v1/listen` as Nova speaks it, `/v2/listen` as Flux does. It hears
 * numbered speech, and bills the audio that came and the time a connection was open.
 */
const TELLS_EVERY_MS = 100;
const ENDPOINT_MS = 300;
/** A piece of an utterance that is settled before the utterance is over. */
const PIECE_WORDS = 3;
const EAGER_MS = 200;
const TURN_MS = 500;

export function startDeepgramListen(): Promise<VendorServer> {
  return VendorServer.start(
    async (exchange) => exchange.json(404, { err_msg: "no such path" }),
    (channel) => {
      const url = new URL(channel.seen.path, "http://localhost");
      const isFlux = url.pathname === "/v2/listen";
      const line = isFlux ? new FluxLine(channel, url) : new NovaLine(channel, url);
      channel.onMessage((data, isBinary) => {
        if (isBinary) line.hear(samplesOf(data));
        else line.control(JSON.parse(data.toString()) as { type: string });
      });
    },
  );
}

function samplesOf(data: Buffer): Int16Array {
  return new Int16Array(new Uint8Array(data).buffer, 0, data.length >> 1);
}

abstract class Line {
  protected readonly ears = new NumberedEars();
  readonly #channel: Channel;
  #toldAt = 0;

  constructor(channel: Channel, url: URL) {
    this.#channel = channel;
    const openedAt = Date.now();
    channel.onClose(() => {
      const model = url.searchParams.get("model") ?? "";
      const of = { service: "stt", provider: "deepgram", model, estimated: false } as const;
      const quantities: [Usage["meter"], number][] = [
        ["audioMs", this.ears.audioMs],
        ["connectionMs", Date.now() - openedAt],
      ];
      channel.server.bill(quantities.map(([meter, quantity]) => ({ ...of, meter, quantity })));
    });
  }

  hear(samples: Int16Array): void {
    // In pieces of 10 ms, so that what it notices does not hang on how it is sent.
    for (let at = 0; at < samples.length; at += 160) {
      this.ears.push(samples.subarray(at, at + 160));
      const isDue = this.ears.audioMs - this.#toldAt >= TELLS_EVERY_MS;
      if (isDue) this.#toldAt = this.ears.audioMs;
      this.notice(isDue);
    }
  }

  abstract control(message: { readonly type: string }): void;
  protected abstract notice(isDue: boolean): void;

  protected send(message: object): Promise<void> {
    return this.#channel.send({ data: JSON.stringify(message) });
  }

  /** An empty one, with code 1000. */
  protected end(): void {
    void this.#channel.end();
  }
}

class NovaLine extends Line {
  readonly #model: string;
  /** Words and audio that are settled. */
  #doneWords = 0;
  #doneMs = 0;
  #pieces = 0;

  constructor(channel: Channel, url: URL) {
    super(channel, url);
    this.#model = url.searchParams.get("model") ?? "";
  }

  control({ type }: { readonly type: string }): void {
    if (type === "Finalize") {
      this.ears.flush();
      this.#tell({ is_final: true, from_finalize: true });
    }
    if (type !== "CloseStream") return;
    this.ears.flush();
    this.#tell({ is_final: true, speech_final: true });
    const duration = this.ears.audioMs / 1000;
    const ids = { transaction_key: "deprecated", request_id: "r-1", sha256: "0" };
    void this.send({ type: "Metadata", ...ids, created: "2026-01-01", duration, channels: 1 });
    this.end();
  }

  protected notice(isDue: boolean): void {
    const open = this.ears.words.length - this.#doneWords;
    if (this.ears.silentMs >= ENDPOINT_MS && (open > 0 || this.#pieces > 0))
      return this.#tell({ is_final: true, speech_final: true });
    if (open >= PIECE_WORDS) return this.#tell({ is_final: true });
    if (isDue) this.#tell({ is_final: false });
  }

  #tell(how: { is_final: boolean; speech_final?: boolean; from_finalize?: boolean }): void {
    const words = this.ears.words.slice(this.#doneWords);
    const start = this.#doneMs / 1000;
    const alternative = {
      transcript: words.map(({ text }) => text).join(" "),
      confidence: words.length > 0 ? 0.99 : 0,
      words: words.map(({ text, fromMs, toMs }) => ({
        word: text,
        start: fromMs / 1000,
        end: toMs / 1000,
        confidence: 0.99,
        punctuated_word: text,
      })),
    };
    void this.send({
      type: "Results",
      channel_index: [0, 1],
      duration: this.ears.audioMs / 1000 - start,
      start,
      speech_final: false,
      ...how,
      channel: { alternatives: [alternative] },
      metadata: { request_id: "r-1", model_info: { name: this.#model }, model_uuid: "m-1" },
    });
    if (!how.is_final) return;
    this.#doneWords = this.ears.words.length;
    this.#doneMs = this.ears.audioMs;
    this.#pieces = how.speech_final || how.from_finalize ? 0 : this.#pieces + 1;
  }
}

type FluxEvent = "Update" | "StartOfTurn" | "EagerEndOfTurn" | "TurnResumed" | "EndOfTurn";

class FluxLine extends Line {
  readonly #tellsEager: boolean;
  #doneWords = 0;
  #fromMs = 0;
  #turn = 0;
  #sequence = 0;
  #isEager = false;
  #isTurn = false;

  constructor(channel: Channel, url: URL) {
    super(channel, url);
    this.#tellsEager = url.searchParams.has("eager_eot_threshold");
    void this.send({ type: "Connected", request_id: "r-1", sequence_id: this.#sequence++ });
  }

  control({ type }: { readonly type: string }): void {
    if (type !== "CloseStream") {
      const error = { code: "UNPARSABLE_CLIENT_MESSAGE", description: `no message ${type}` };
      void this.send({ type: "Error", sequence_id: this.#sequence++, ...error });
      return this.end();
    }
    this.ears.flush();
    if (this.#words().length > 0) this.#tell("Update", 0.3);
    this.end();
  }

  protected notice(isDue: boolean): void {
    const said = this.#words().length;
    if (said > 0 && !this.#isTurn) {
      this.#isTurn = true;
      return this.#tell("StartOfTurn", 0.1);
    }
    if (this.#isEager && this.ears.isSpeech) {
      this.#isEager = false;
      return this.#tell("TurnResumed", 0.2);
    }
    if (said > 0 && this.ears.silentMs >= TURN_MS) return this.#endTurn();
    if (said > 0 && this.#tellsEager && !this.#isEager && this.ears.silentMs >= EAGER_MS) {
      this.#isEager = true;
      return this.#tell("EagerEndOfTurn", 0.6);
    }
    if (isDue) this.#tell("Update", 0.1);
  }

  #endTurn(): void {
    this.#tell("EndOfTurn", 0.9);
    this.#doneWords = this.ears.words.length;
    this.#fromMs = this.ears.audioMs;
    this.#turn++;
    this.#isEager = false;
    this.#isTurn = false;
  }

  #words(): readonly HeardWord[] {
    return this.ears.words.slice(this.#doneWords);
  }

  #tell(event: FluxEvent, confidence: number): void {
    const words = this.#words();
    void this.send({
      type: "TurnInfo",
      request_id: "r-1",
      sequence_id: this.#sequence++,
      event,
      turn_index: this.#turn,
      audio_window_start: this.#fromMs / 1000,
      audio_window_end: this.ears.audioMs / 1000,
      transcript: words.map(({ text }) => text).join(" "),
      words: words.map(({ text, fromMs, toMs }) => ({
        word: text,
        confidence: 0.98,
        start: fromMs / 1000,
        end: toMs / 1000,
      })),
      end_of_turn_confidence: confidence,
      ...(event === "EndOfTurn" && { trigger: "model" }),
    });
  }
}
