import { createRequire } from "node:module";
import { connect, type TcpNetConnectOpts } from "node:net";
import type { Cartesia as Client } from "@cartesia/cartesia-js";
import type { GenerationRequest, WebsocketResponse } from "@cartesia/cartesia-js/resources/tts";
import type { TTSWS as Socket } from "@cartesia/cartesia-js/resources/tts/ws";
import type { WebSocket } from "ws";
import { AppError } from "../../base/errors.ts";

/**
 * One WebSocket to Cartesia, over which all sentences of the process go, each in a context of its
 * own.
 *
 * I1 a sentence ends exactly once: done, failed, or stopped; what comes for it later is dropped.
 * I2 when the socket is lost, or says what is no protocol, all its sentences fail at once.
 * I3 a line on which a stopped sentence had no answer may be dead, and takes no new ones.
 */
const require = createRequire(import.meta.resolve("@cartesia/cartesia-js"));
// As ES modules these find no `ws` and take the built-in socket, which puts the key into the URL
// and tells nobody why it was refused.
const { Cartesia } = require("@cartesia/cartesia-js") as { Cartesia: typeof Client };
const { TTSWS } = require("@cartesia/cartesia-js/resources/tts/ws") as { TTSWS: typeof Socket };

const OPEN = 1;
const connectPlain = ((to: TcpNetConnectOpts) => connect(to.port, to.host)) as typeof connect;

export interface LineOptions {
  readonly key: string;
  readonly baseUrl: string | undefined;
}

/** Refused with a status, in the shape SDKs throw it. */
class Refused extends Error {
  readonly status: number;
  readonly headers: unknown;

  constructor(status: number, message: string, headers?: unknown) {
    super(`${status} ${message}`);
    this.name = "CartesiaError";
    this.status = status;
    this.headers = headers;
  }
}

/** What came for one sentence. */
class Inbox implements AsyncIterable<WebsocketResponse> {
  isAnswered = false;
  readonly #events: WebsocketResponse[] = [];
  #error: Error | undefined;
  #wake = Promise.withResolvers<void>();

  push(event: WebsocketResponse): void {
    this.isAnswered = true;
    this.#events.push(event);
    this.#wake.resolve();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WebsocketResponse> {
    for (;;) {
      yield* this.#events.splice(0);
      if (this.#error) throw this.#error;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}

export class CartesiaLine {
  readonly #socket: Socket;
  readonly #inboxes = new Map<string, Inbox>();
  readonly #ready: Promise<unknown>;
  #refusal: Refused | undefined;
  #isRetired = false;
  #waiting = 0;

  constructor({ key, baseUrl }: LineOptions) {
    const client = new Cartesia({ apiKey: key, token: null, baseURL: baseUrl ?? null });
    // The SDK makes every address a secure one.
    const isPlain = client.baseURL.startsWith("http:");
    this.#socket = new TTSWS(client, isPlain ? { createConnection: connectPlain } : {});
    this.#ready = this.#socket.connect();
    this.#ready.catch(() => undefined);
    this.#socket.on("event", (event) => this.#take(event));
    this.#socket.on("error", ({ error, message, cause }) => {
      // What the server says is an event too, and is taken there.
      if (error) return;
      const code = cause instanceof SyntaxError ? "provider.garbled" : "provider.unavailable";
      this.#die(new AppError(code, message, { cause }));
    });
    this.#raw.on("close", (code) => {
      this.#die(new AppError("provider.unavailable", `the connection was closed (${code})`));
    });
    this.#raw.on("unexpected-response", (_request, response) => {
      this.#refusal = new Refused(response.statusCode ?? 0, "refused", response.headers);
      response.resume();
      this.#raw.terminate();
    });
  }

  /** True while it takes new sentences. */
  get isUsable(): boolean {
    return !this.#isRetired;
  }

  /** Waits until it is open; one that nobody waits for any more is given up. */
  async open(signal: AbortSignal): Promise<void> {
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => left.reject(new AppError("effect.stopped", "stopped"));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting++;
    try {
      await Promise.race([this.#ready, left.promise]);
    } catch (error) {
      if (this.#refusal) throw this.#refusal;
      // The SDK throws the event of the socket, which is no error.
      throw error instanceof Error ? error : ((error as { error?: unknown }).error ?? error);
    } finally {
      this.#waiting--;
      signal.removeEventListener("abort", onAbort);
      if (this.#waiting === 0 && this.#raw.readyState !== OPEN) this.close();
    }
  }

  /** Says one sentence; an abort cancels its context. */
  say(request: GenerationRequest, signal: AbortSignal): AsyncIterable<WebsocketResponse> {
    if (this.#raw.readyState !== OPEN)
      throw new AppError("provider.unavailable", "the connection was closed");
    const id = request.context_id;
    const inbox = new Inbox();
    this.#inboxes.set(id, inbox);
    signal.addEventListener("abort", () => this.#stop(id), { once: true });
    void this.#socket.send(request);
    return inbox;
  }

  close(): void {
    this.#isRetired = true;
    this.#raw.terminate();
  }

  get #raw(): WebSocket {
    return this.#socket.socket as unknown as WebSocket;
  }

  #take(event: WebsocketResponse): void {
    if (event.type !== "error") return this.#inboxes.get(event.context_id)?.push(event);
    const said = `${event.title}: ${event.message}`;
    const refused = new Refused(event.status_code, said);
    if (event.context_id === undefined) this.#die(refused);
    else this.#inboxes.get(event.context_id)?.fail(refused);
  }

  #stop(id: string): void {
    const inbox = this.#inboxes.get(id);
    if (!inbox) return;
    this.#inboxes.delete(id);
    inbox.fail(new AppError("effect.stopped", "stopped"));
    if (this.#raw.readyState === OPEN) void this.#socket.cancelContext(id);
    if (!inbox.isAnswered) this.#isRetired = true;
    if (this.#isRetired && this.#inboxes.size === 0) this.#raw.close();
  }

  /** The sentence is over: nothing is left to cancel. */
  done(id: string): void {
    this.#inboxes.delete(id);
  }

  #die(error: Error): void {
    this.#isRetired = true;
    const inboxes = [...this.#inboxes.values()];
    this.#inboxes.clear();
    for (const inbox of inboxes) inbox.fail(error);
    this.#raw.terminate();
  }
}
