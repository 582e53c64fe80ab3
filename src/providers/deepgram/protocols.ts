import type { DeepgramClient, listen } from "@deepgram/sdk";
import { AppError } from "../../base/errors.ts";
import type { SttEvent } from "../stt.port.ts";
import { FluxWords } from "./flux-words.ts";
import type { Line, Protocol } from "./listen-stream.ts";
import { NovaWords } from "./nova-words.ts";

/** The two protocols of Deepgram's live listening, each over the SDK's socket for it. */
interface AudioFormat {
  readonly model: string;
  readonly encoding: "linear16";
  readonly sample_rate: number;
}

/** Its own deadline is a real timer; the stream has one of the injected clock. */
const NO_DEADLINE_S = 24 * 60 * 60;
const CONNECTION = { reconnectAttempts: 0, connectionTimeoutInSeconds: NO_DEADLINE_S };

/** Silence after which Nova takes an utterance as over, where no voice detector says so first. */
const ENDPOINTING_MS = 300;
const UTTERANCE_END_MS = 1_000;

interface Typed {
  readonly type?: unknown;
}

export class NovaProtocol implements Protocol {
  readonly chunkMs = 20;
  readonly #words = new NovaWords();
  readonly #args: Parameters<DeepgramClient["listen"]["v1"]["createConnection"]>[0];
  #audioMs: number | undefined;

  constructor(format: AudioFormat, { language }: { readonly language?: string }) {
    this.#args = {
      ...CONNECTION,
      ...format,
      channels: 1,
      interim_results: "true",
      punctuate: "true",
      smart_format: "true",
      endpointing: ENDPOINTING_MS,
      utterance_end_ms: UTTERANCE_END_MS,
      vad_events: "true",
      ...(language !== undefined && { language }),
      // Numbers and dates are not waited for, or they would hold every word before them back.
      queryParams: { no_delay: "true" },
    };
  }

  get audioMs(): number | undefined {
    return this.#audioMs;
  }

  async connect(client: DeepgramClient): Promise<Line> {
    const socket = await client.listen.v1.createConnection(this.#args);
    return {
      ...lineOf(socket),
      keepAlive: () => socket.sendKeepAlive({ type: "KeepAlive" }),
      flush: () => socket.sendFinalize({ type: "Finalize" }),
    };
  }

  read(message: Typed): readonly SttEvent[] {
    switch (message.type) {
      case "Results":
        return this.#words.results(message as listen.ListenV1Results);
      case "UtteranceEnd":
        return this.#words.end();
      case "Metadata":
        this.#audioMs = (message as listen.ListenV1Metadata).duration * 1000;
        return [];
      case "Error":
        throw errorOf(message);
      default:
        return [];
    }
  }

  /** It says how much it heard before it closes; without that something is missing. */
  last(): readonly SttEvent[] | undefined {
    return this.#audioMs === undefined ? undefined : this.#words.end();
  }
}

export class FluxProtocol implements Protocol {
  /** What it is made for, by its own docs; less brings nothing sooner. */
  readonly chunkMs = 80;
  readonly audioMs = undefined;
  readonly #words = new FluxWords();
  readonly #args: Parameters<DeepgramClient["listen"]["v2"]["createConnection"]>[0];

  constructor(
    format: AudioFormat,
    { language, eagerFrom }: { readonly language?: string; readonly eagerFrom?: number },
  ) {
    // A model of one language knows it, and takes no hint.
    const takesHint =
      language !== undefined && language !== "multi" && format.model.endsWith("-multi");
    this.#args = {
      ...CONNECTION,
      ...format,
      ...(takesHint && { language_hint: language }),
      ...(eagerFrom !== undefined && { eager_eot_threshold: eagerFrom }),
    };
  }

  async connect(client: DeepgramClient): Promise<Line> {
    return lineOf(await client.listen.v2.createConnection(this.#args));
  }

  read(message: Typed): readonly SttEvent[] {
    if (message.type === "TurnInfo") return this.#words.turn(message as listen.ListenV2TurnInfo);
    if (message.type === "Error") throw errorOf(message);
    return [];
  }

  last(): readonly SttEvent[] {
    return this.#words.end();
  }
}

/** What the SDK's sockets have in common. */
type Socket = Awaited<ReturnType<DeepgramClient["listen"]["v1" | "v2"]["createConnection"]>>;

function lineOf(socket: Socket): Line {
  return {
    on: (event, handler) => (socket.on as Line["on"]).call(socket, event, handler),
    connect: () => void socket.connect(),
    close: () => socket.close(),
    send: (audio) => socket.sendMedia(audio),
    closeStream: () => socket.sendCloseStream({ type: "CloseStream" }),
  };
}

/** `code` of the second protocol, `variant` of the first. */
interface Refusal {
  readonly code?: string;
  readonly variant?: string;
  readonly description?: string;
}

/** An error as a message has no status: what it means stands in its code. */
function errorOf(message: Typed): AppError {
  const { code, variant, description = "no reason given" } = message as Refusal;
  const name = code ?? variant ?? "error";
  const text = `deepgram: ${name}: ${description}`;
  if (/AUTH|FORBIDDEN|PERMISSION|PAYMENT/i.test(name))
    return new AppError("provider.rejected", text);
  if (/RATE|LIMIT|TOO_MANY/i.test(name)) return new AppError("provider.limited", text);
  if (/INTERNAL|UNAVAILABLE/i.test(name)) return new AppError("provider.failed", text);
  return new AppError("provider.refused", text);
}
