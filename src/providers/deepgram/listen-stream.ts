import type { DeepgramClient, DeepgramTransportFactory } from "@deepgram/sdk";
import { joinSamples, samplesOf, type AudioFrame } from "../../base/audio.ts";
import type { Cancel, Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { providerError, type Vendor } from "../provider-error.ts";
import { StreamResampler } from "../stream-resampler.ts";
import type { SttEvent, SttStream, SttUsage } from "../stt.port.ts";
import { SocketTransport } from "./socket-transport.ts";

/** What the SDK's sockets for both protocols can do; none of it before `open` but `connect`. */
export interface Line {
  on(event: "open" | "message" | "error" | "close", handler: (what: unknown) => void): void;
  connect(): void;
  close(): void;
  send(audio: Int16Array): void;
  closeStream(): void;
  keepAlive?(): void;
  /** Asks for the last words of what was sent so far. */
  flush?(): void;
}

export interface Protocol {
  /** Audio of one message. */
  readonly chunkMs: number;
  /** Audio heard, where the vendor has said so. */
  readonly audioMs: number | undefined;
  connect(client: DeepgramClient): Promise<Line>;
  /** Throws for an error, and for what is none of the protocol. */
  read(message: object): readonly SttEvent[];
  /** What is left as it closes orderly; undefined where its last word is missing. */
  last(): readonly SttEvent[] | undefined;
}

export interface ListenOptions {
  readonly vendor: Vendor;
  readonly model: string;
  readonly rateHz: number;
  readonly protocol: Protocol;
  readonly client: (transport: DeepgramTransportFactory) => DeepgramClient;
  readonly clock: Clock;
  readonly on: (event: SttEvent) => void;
}

/** The vendor hangs up after 10 s without audio or this. */
const KEEP_ALIVE_MS = 4_000;

/** One connection, from its opening to its end. Audio waits while it opens. */
export class ListenStream implements SttStream {
  readonly #options: ListenOptions;
  readonly #resampler: StreamResampler;
  readonly #chunk: number;
  readonly #done = Promise.withResolvers<void>();
  #transport: SocketTransport | undefined;
  #line: Line | undefined;
  #state: "opening" | "open" | "finishing" | "over" = "opening";
  #isFinishing = false;
  #waiting: Int16Array[] = [];
  #waitingSamples = 0;
  #sentSamples = 0;
  #isAlive = false;
  #isSpeech = false;
  #how: "failed" | undefined;
  #openedAt: number | undefined;
  #connectionMs = 0;
  #deadline: Cancel | undefined;
  #beat: Cancel | undefined;

  constructor(options: ListenOptions) {
    const { rateHz, protocol, clock, client } = options;
    this.#options = options;
    this.#resampler = new StreamResampler(rateHz);
    this.#chunk = samplesOf(protocol.chunkMs, rateHz);
    this.#deadline = clock.after(LIMITS.sttConnectMsMax, () => this.#late("did not open in time"));
    const factory: DeepgramTransportFactory = (url, headers) => {
      this.#transport = new SocketTransport(url, headers);
      return this.#transport;
    };
    protocol.connect(client(factory)).then(
      (line) => this.#connect(line),
      (error: unknown) => this.#fail(error),
    );
  }

  push(frame: AudioFrame): void {
    if (this.#state === "over") return;
    const samples = this.#resampler.push(frame);
    // A copy: the caller may use its buffer again.
    this.#waiting.push(samples === frame.samples ? samples.slice() : samples);
    this.#waitingSamples += samples.length;
    if (this.#waitingSamples >= this.#chunk) this.#send();
  }

  speechStarted(): void {
    this.#isSpeech = true;
  }

  speechEnded(): void {
    this.#isSpeech = false;
    if (this.#state !== "open") return;
    this.#send();
    this.#line?.flush?.();
  }

  async finish(): Promise<readonly SttUsage[]> {
    this.#isFinishing = true;
    if (this.#state === "open") this.#finish();
    await this.#done.promise;
    return this.#usage();
  }

  abort(): readonly SttUsage[] {
    this.#end();
    return this.#usage();
  }

  #connect(line: Line): void {
    if (this.#state === "over") return;
    this.#line = line;
    line.on("open", () => this.#opened());
    line.on("message", (message) => this.#take(message));
    line.on("error", (error) => this.#fail(this.#transport?.failure ?? error));
    line.on("close", (event) => this.#closed(event as { code?: number; reason?: string }));
    line.connect();
  }

  #opened(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#openedAt = this.#options.clock.now();
    this.#heard();
    this.#options.on({ type: "up" });
    if (this.#over) return;
    this.#send();
    if (this.#isFinishing) return this.#finish();
    this.#keepAlive();
  }

  get #over(): boolean {
    return this.#state === "over";
  }

  #send(): void {
    if (this.#state !== "open" || this.#waitingSamples === 0) return;
    const audio = joinSamples(this.#waiting);
    this.#waiting = [];
    this.#waitingSamples = 0;
    this.#line?.send(audio);
    this.#sentSamples += audio.length;
    this.#isAlive = true;
    if (!this.#isSpeech || this.#deadline) return;
    const { clock } = this.#options;
    this.#deadline = clock.after(LIMITS.sttSilentMsMax, () => this.#late("says nothing at all"));
  }

  /** A sign of life: whoever waits for one need not. */
  #heard(): void {
    this.#deadline?.();
    this.#deadline = undefined;
  }

  #keepAlive(): void {
    if (!this.#line?.keepAlive) return;
    this.#beat = this.#options.clock.after(KEEP_ALIVE_MS, () => {
      if (!this.#isAlive) this.#line?.keepAlive?.();
      this.#isAlive = false;
      this.#keepAlive();
    });
  }

  #finish(): void {
    this.#send();
    this.#state = "finishing";
    this.#heard();
    this.#deadline = this.#options.clock.after(LIMITS.sttFinishMsMax, () =>
      this.#late("has not given its last words"),
    );
    this.#line?.closeStream();
  }

  #take(message: unknown): void {
    if (this.#over) return;
    if (this.#state === "open") this.#heard();
    if (typeof message !== "object" || message === null || message instanceof Blob)
      return this.#fail(this.#garbled("it is no JSON"));
    let events: readonly SttEvent[];
    try {
      events = this.#options.protocol.read(message);
    } catch (error) {
      return this.#fail(error instanceof AppError ? error : this.#garbled(String(error)));
    }
    for (const event of events) if (!this.#over) this.#options.on(event);
  }

  #closed({ code = 1000, reason = "" }: { code?: number; reason?: string }): void {
    if (this.#over) return;
    const last = this.#state === "finishing" ? this.#options.protocol.last() : undefined;
    if (!last || code >= 1006)
      return this.#fail(this.#transport?.failure ?? closeError(code, reason));
    for (const event of last) this.#options.on(event);
    this.#end();
  }

  #late(what: string): void {
    const { provider } = this.#options.vendor;
    this.#fail(new AppError("provider.timeout", `${provider} ${what}`, { detail: { provider } }));
  }

  #garbled(what: string): AppError {
    const { provider } = this.#options.vendor;
    return new AppError("provider.garbled", `${provider}: not its protocol: ${what}`);
  }

  #fail(thrown: unknown): void {
    if (this.#over) return;
    this.#how = "failed";
    this.#end();
    this.#options.on({ type: "failed", error: providerError(this.#options.vendor, thrown) });
  }

  #end(): void {
    if (this.#over) return;
    this.#state = "over";
    this.#deadline?.();
    this.#beat?.();
    this.#waiting = [];
    const { clock } = this.#options;
    if (this.#openedAt !== undefined) this.#connectionMs = clock.now() - this.#openedAt;
    this.#line?.close();
    this.#transport?.close();
    this.#done.resolve();
  }

  #usage(): readonly SttUsage[] {
    if (this.#openedAt === undefined) return [];
    const { vendor, model, rateHz, protocol } = this.#options;
    const audioMs = protocol.audioMs ?? (this.#sentSamples * 1000) / rateHz;
    const estimated = protocol.audioMs === undefined;
    const { provider } = vendor;
    const failed = this.#how && { how: this.#how };
    return [{ provider, model, audioMs, connectionMs: this.#connectionMs, estimated, ...failed }];
  }
}

/** Codes of RFC 6455; 1011 is also what the vendor says where no audio comes. */
function closeError(code: number, reason: string): unknown {
  const message = `it hung up: ${code} ${reason}`.trimEnd();
  if (code === 1008) return { message, status: 400 };
  return { message, ...(code === 1011 && !reason.includes("NET-0001") ? { status: 500 } : LOST) };
}

const LOST = { code: "ECONNRESET" };
