import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as soon, setTimeout as wait } from "node:timers/promises";
import { WebSocketServer, type WebSocket } from "ws";
import type { Usage } from "../../src/events/effect.events.ts";

/**
 * A vendor's server on loopback, HTTP and WebSocket. What is the same for all vendors is here:
 * scripted faults, and counts of requests, sockets and of what would be billed. `after` counts
 * pieces: events of a stream, messages of a socket.
 */
export type Fault =
  /** The first piece comes this late. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The socket is torn down. */
  | { readonly kind: "drop"; readonly after: number }
  /** Nothing more comes, and the socket stays open. */
  | { readonly kind: "halfOpen"; readonly after: number }
  /** Refused with this status: 401, 429, 500, 529. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfterS?: number }
  /** Bytes that are none of the protocol. */
  | { readonly kind: "garbage"; readonly after: number }
  /** Ends orderly, without what ends the protocol: in the middle of a word. */
  | { readonly kind: "cut"; readonly after: number }
  /** What says how much was used comes this late. */
  | { readonly kind: "lateUsage"; readonly ms: number };

/** One piece of an answer, and what the vendor would bill once it has left. */
export interface Piece {
  readonly data: string | Uint8Array;
  readonly usage?: readonly Usage[];
  /** It tells the usage: late where the script says so. */
  readonly tellsUsage?: boolean;
}

export interface VendorScript {
  /** Faults of the next requests, the first one first; none where it is empty. */
  readonly faults: (Fault | undefined)[];
  /** Of each request where `faults` is empty: what a chaos run throws its dice in. */
  faultOf: () => Fault | undefined;
  /** Between two pieces, in ms. */
  everyMs: number;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** The JSON body, the text where it is none; undefined of a socket. */
  readonly body: unknown;
  readonly fault: Fault | undefined;
}

/** What a vendor answers a request with: refuse it, or call `stream` once. */
export type Answer = (exchange: Exchange) => Promise<void>;
/** What a vendor does with a socket that was let in. */
export type Serve = (channel: Channel) => void;

export const GARBAGE = "\u0000\u0001<html>this is no protocol</html>\n\n";

export class VendorServer implements AsyncDisposable {
  readonly script: VendorScript = { faults: [], faultOf: () => undefined, everyMs: 1 };
  readonly seen: Seen[] = [];
  /** All that would be billed, in the order it came. */
  readonly billed: Usage[] = [];
  /** Requests and sockets whose client left before their end. */
  aborted = 0;
  /** Body of a scripted refusal, in the vendor's form. */
  errorBody: (status: number, message: string, retryAfterS?: number) => unknown = (_, message) => ({
    error: { message, type: "scripted" },
  });
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #socketsEver = 0;

  private constructor(answer: Answer, serve: Serve | undefined) {
    this.#server = createServer((request, response) => {
      void this.#answer(answer, request, response);
    });
    this.#server.on("connection", (socket) => {
      this.#socketsEver++;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
    if (serve) this.#upgrades(serve);
  }

  static async start(answer: Answer, serve?: Serve): Promise<VendorServer> {
    const server = new VendorServer(answer, serve);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  /** `http://127.0.0.1:<port>`, without a slash behind. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get wsUrl(): string {
    return this.url.replace("http", "ws");
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** How many connections were made since the start. */
  get socketsEver(): number {
    return this.#socketsEver;
  }

  /** The sum of one meter of what would be billed. */
  total(meter: Usage["meter"]): number {
    return this.billed
      .filter((usage) => usage.meter === meter)
      .reduce((sum, { quantity }) => sum + quantity, 0);
  }

  bill(usage: readonly Usage[]): void {
    this.billed.push(...usage);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  /** The fault of the next request: of each on a socket that carries many. */
  nextFault(): Fault | undefined {
    const { faults } = this.script;
    return faults.length > 0 ? faults.shift() : this.script.faultOf();
  }

  #see(request: IncomingMessage, body: unknown): Seen {
    const { method = "", url = "", headers } = request;
    const seen = { method, path: url, headers, body, fault: this.nextFault() };
    this.seen.push(seen);
    return seen;
  }

  async #answer(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      this.aborted++;
      return;
    }
    const raw = Buffer.concat(chunks);
    const exchange = new Exchange(this, response, { ...this.#see(request, bodyOf(raw)), raw });
    response.on("close", () => {
      if (!response.writableFinished && !exchange.torn) this.aborted++;
    });
    if (await exchange.refused()) return;
    await answer(exchange);
  }

  #upgrades(serve: Serve): void {
    const sockets = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const seen = this.#see(request, undefined);
      if (seen.fault?.kind === "status") {
        const { status, retryAfterS } = seen.fault;
        const after = retryAfterS === undefined ? "" : `Retry-After: ${retryAfterS}\r\n`;
        socket.end(`HTTP/1.1 ${status} Refused\r\n${after}Content-Length: 0\r\n\r\n`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) =>
        serve(new Channel(this, client, seen)),
      );
    });
  }
}

/** One HTTP request and its answer. */
export class Exchange {
  readonly server: VendorServer;
  readonly seen: Seen;
  /** The body as it came: of multipart forms. */
  readonly raw: Buffer;
  /** It was we who tore the socket down. */
  torn = false;
  readonly #response: ServerResponse;

  constructor(server: VendorServer, response: ServerResponse, seen: Seen & { raw: Buffer }) {
    this.server = server;
    this.#response = response;
    this.seen = seen;
    this.raw = seen.raw;
  }

  /** The client has gone, or we tore it down: nothing sent any more would arrive. */
  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  async refused(): Promise<boolean> {
    const { fault } = this.seen;
    if (fault?.kind !== "status") return false;
    const message = `scripted ${fault.status}`;
    const body = this.server.errorBody(fault.status, message, fault.retryAfterS);
    const after =
      fault.retryAfterS === undefined ? {} : { "retry-after": String(fault.retryAfterS) };
    this.json(fault.status, body, after);
    return true;
  }

  json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.#response.writeHead(status, { "content-type": "application/json", ...headers });
    this.#response.end(JSON.stringify(body));
  }

  /** Sends the pieces at the script's beat, with this request's fault. */
  async stream(
    contentType: string,
    pieces: Iterable<Piece> | AsyncIterable<Piece>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { fault } = this.seen;
    const { everyMs } = this.server.script;
    if (fault?.kind === "slow") await wait(fault.ms);
    // So a slow first piece is no slow connection, headers go with the first one.
    let sent = 0;
    for await (const piece of pieces) {
      if (this.closed) return;
      if (sent === 0) this.#response.writeHead(200, { "content-type": contentType, ...headers });
      if (fault && "after" in fault && sent === fault.after) return this.#break(fault, piece);
      if (fault?.kind === "lateUsage" && piece.tellsUsage) await wait(fault.ms);
      if (this.closed) return;
      this.#response.write(piece.data);
      if (piece.usage) this.server.bill(piece.usage);
      sent++;
      await beat(everyMs);
    }
    this.#response.end();
  }

  #break(fault: Fault & { readonly after: number }, piece: Piece): void {
    if (fault.kind === "halfOpen") {
      this.#response.flushHeaders();
      return;
    }
    this.torn = true;
    if (fault.kind === "drop") this.#response.destroy();
    else this.#response.end(fault.kind === "garbage" ? GARBAGE : half(piece.data));
  }
}

/** One WebSocket. Messages count as pieces for its fault, from the first one that we send. */
export class Channel {
  readonly server: VendorServer;
  readonly seen: Seen;
  readonly #socket: WebSocket;
  #sent = 0;
  #broken = false;
  #ended = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(server: VendorServer, socket: WebSocket, seen: Seen) {
    this.server = server;
    this.#socket = socket;
    this.seen = seen;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (!this.#ended && !this.#broken) server.aborted++;
    });
  }

  get closed(): boolean {
    return this.#socket.readyState >= this.#socket.CLOSING;
  }

  onMessage(take: (data: Buffer, isBinary: boolean) => void): void {
    this.#socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!this.#broken || this.seen.fault?.kind === "halfOpen") take(data, isBinary);
    });
  }

  onClose(fn: () => void): void {
    this.#socket.on("close", fn);
  }

  /** One message after the other, at the script's beat; resolves once it has left or never will. */
  send(piece: Piece): Promise<void> {
    this.#sending = this.#sending.then(() => this.#send(piece));
    return this.#sending;
  }

  /** Ends it as the vendor does. */
  end(code = 1000): Promise<void> {
    this.#sending = this.#sending.then(() => {
      this.#ended = true;
      if (!this.#broken) this.#socket.close(code);
    });
    return this.#sending;
  }

  /** Tears the socket down, as it is where the network is gone. */
  terminate(): void {
    this.#broken = true;
    this.#socket.terminate();
  }

  async #send(piece: Piece): Promise<void> {
    const { fault } = this.seen;
    if (this.closed || this.#broken) return;
    if (fault?.kind === "slow" && this.#sent === 0) await wait(fault.ms);
    if (fault && "after" in fault && this.#sent >= fault.after) return this.#break(fault, piece);
    if (fault?.kind === "lateUsage" && piece.tellsUsage) await wait(fault.ms);
    if (this.closed) return;
    this.#socket.send(piece.data);
    if (piece.usage) this.server.bill(piece.usage);
    this.#sent++;
    await beat(this.server.script.everyMs);
  }

  #break(fault: Fault & { readonly after: number }, { data }: Piece): void {
    if (fault.kind === "garbage") {
      // One message of it, and then on as if nothing were.
      this.#sent = Number.NEGATIVE_INFINITY;
      this.#socket.send(GARBAGE);
      return;
    }
    this.#broken = true;
    if (fault.kind === "drop") this.#socket.terminate();
    else if (fault.kind === "cut") {
      if (typeof data !== "string") this.#socket.send(half(data));
      this.#socket.close(1000);
    }
  }
}

/** A timer is no less than a ms: without a beat the next piece leaves as soon as it can. */
function beat(everyMs: number): Promise<void> {
  return everyMs > 0 ? wait(everyMs) : soon();
}

function half(data: string | Uint8Array): string | Uint8Array {
  return data.slice(0, Math.floor(data.length / 2));
}

function bodyOf(raw: Buffer): unknown {
  const text = raw.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
