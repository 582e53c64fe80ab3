import type {
  DeepgramTransport,
  DeepgramTransportCloseEvent,
  DeepgramTransportMessage,
} from "@deepgram/sdk";
import { WebSocket, type ClientOptions, type RawData } from "ws";

/**
 * The SDK's connection on a socket of ours: its own one retries by itself, keeps to itself why a
 * handshake was refused, and waits half a minute for a dead peer to say goodbye.
 */
const CLOSE_MS_MAX = 1_000;

/** What an answer other than a WebSocket says, in the shape `providerError` reads. */
interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export class SocketTransport implements DeepgramTransport {
  /** Why it broke, with all that is known of it; the SDK hands on no more than a message. */
  failure: unknown;
  readonly #socket: WebSocket;
  #onError: (error: Error) => void = () => undefined;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    const options: ClientOptions & { readonly closeTimeout: number } = {
      headers: { ...headers },
      closeTimeout: CLOSE_MS_MAX,
      perMessageDeflate: false,
    };
    this.#socket = new WebSocket(url, options);
    this.#socket.on("unexpected-response", (_request, response) => {
      const { statusCode = 500, statusMessage = "", headers: answered } = response;
      const said = answered["dg-error"] ?? statusMessage;
      const message = `the connection was refused: ${statusCode} ${String(said)}`;
      this.#fail({ status: statusCode, message, headers: answered } satisfies Refusal);
      response.destroy();
      this.#socket.terminate();
    });
    this.#socket.on("error", (error) => this.#fail(error));
  }

  send(data: DeepgramTransportMessage): void {
    this.#socket.send(data as string | ArrayBufferView);
  }

  onOpen(listener: () => void): void {
    this.#socket.on("open", listener);
  }

  onMessage(listener: (message: DeepgramTransportMessage) => void): void {
    this.#socket.on("message", (data: RawData, isBinary) => {
      const bytes = data as Buffer;
      listener(isBinary ? new Uint8Array(bytes) : bytes.toString());
    });
  }

  onError(listener: (error: Error) => void): void {
    this.#onError = listener;
  }

  onClose(listener: (event: DeepgramTransportCloseEvent) => void): void {
    this.#socket.on("close", (code, reason) => listener({ code, reason: reason.toString() }));
  }

  isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** What was sent before still arrives. */
  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  #fail(failure: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = failure;
    const { message } = failure as { readonly message?: unknown };
    this.#onError(new Error(String(message)));
  }
}
