import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { AudioFrame } from "../base/audio.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { AppError, codeOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Page, Seat } from "../media/browser.port.ts";
import { checkOrigin } from "./origin.ts";
import type { Attachment } from "./server.ts";
import { parseMessage, parseSound, type FromPage, type ToPage } from "./talk-messages.ts";
import type { Talks } from "./talks.ts";

/** `/api/talk`: the WebSocket a page talks over. What one page does wrong ends its socket alone. */
export interface TalkSocketPorts {
  readonly talks: Talks;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rateHz: number;
}

const PATH = "/api/talk";
/** Close codes of RFC 6455: going away, policy violation, try again later. */
const CLOSE = { ended: 1000, away: 1001, wrong: 1008, busy: 1013 } as const;
/** A page that joins in no such time, or answers no ping for so long, is gone. */
const SILENT_MS_MAX = 10_000;

export class TalkSockets implements Attachment {
  readonly #ports: TalkSocketPorts;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.pageMessageBytesMax,
    perMessageDeflate: false,
  });

  constructor(ports: TalkSocketPorts) {
    this.#ports = ports;
  }

  attach(server: Server): void {
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      const { host, origin } = request.headers;
      checkOrigin({ host, origin }, true);
      if (request.url !== PATH) throw new AppError("input.invalid", `no socket at ${request.url}`);
    } catch (error) {
      return refuse(socket, error as AppError);
    }
    this.#server.handleUpgrade(request, socket, head, (open) => new PageSocket(open, this.#ports));
  }
}

function refuse(socket: Duplex, { code, message }: AppError): void {
  const status = code === "page.origin" ? "403 Forbidden" : "404 Not Found";
  const body = JSON.stringify({ error: { code, message } });
  const head = ["content-type: application/json", "connection: close"];
  socket.end([`HTTP/1.1 ${status}`, ...head, "", body].join("\r\n"));
}

/** One page. */
class PageSocket implements Page {
  readonly #socket: WebSocket;
  readonly #ports: TalkSocketPorts;
  #seat: Seat | undefined;
  #texts = 0;
  #textsFrom = 0;
  #joining = false;
  #gone = false;
  #alive = true;
  #watch: Cancel;

  constructor(socket: WebSocket, ports: TalkSocketPorts) {
    this.#socket = socket;
    this.#ports = ports;
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    socket.on("pong", () => (this.#alive = true));
    socket.on("close", () => this.#leave());
    // A broken frame or one too long: ws closes the socket by itself.
    socket.on("error", () => this.#leave());
    this.#watch = this.#watchLater();
  }

  play({ samples }: AudioFrame): void {
    if (this.#socket.bufferedAmount > LIMITS.pageBacklogBytesMax)
      return this.#fail(new AppError("page.full", "the page does not take its sound"), CLOSE.busy);
    const { buffer, byteOffset, byteLength } = samples;
    this.#socket.send(Buffer.from(buffer, byteOffset, byteLength), ignore);
  }

  clear(stream: number): void {
    this.#tell({ type: "clear", stream });
  }

  dismiss(why: "replaced" | "ended"): void {
    this.#tell({ type: "dismissed", why });
    this.#socket.close(CLOSE.ended, why);
  }

  #take(data: RawData, isBinary: boolean): void {
    if (this.#gone) return;
    try {
      const bytes = data as Buffer;
      if (isBinary) this.#here.hear(parseSound(bytes));
      else this.#obey(parseMessage(bytes.toString("utf8")));
    } catch (error) {
      this.#fail(error, CLOSE.wrong);
    }
  }

  #obey(message: FromPage): void {
    if (message.type === "join") return void this.#join(message);
    const seat = this.#here;
    if (message.type === "text") {
      this.#countText();
      seat.type(message.text);
    }
    if (message.type === "played") seat.played(message.stream, message.ms);
    if (message.type === "hangUp") seat.hangUp();
  }

  #countText(): void {
    const now = this.#ports.clock.now();
    if (now - this.#textsFrom >= 60_000) [this.#textsFrom, this.#texts] = [now, 0];
    if (++this.#texts > LIMITS.pageTextsPerMinuteMax)
      throw new AppError("input.invalid", "too many texts in a minute");
  }

  get #here(): Seat {
    if (this.#seat) return this.#seat;
    throw new AppError("input.invalid", "join first, and wait for the answer");
  }

  async #join(message: Extract<FromPage, { type: "join" }>): Promise<void> {
    if (this.#joining) return this.#fail(new AppError("input.invalid", "joined"), CLOSE.wrong);
    this.#joining = true;
    try {
      const { last, ...guest } = message;
      const { ref, seat } = await this.#ports.talks.join(guest, this, last);
      if (this.#gone) return seat.leave();
      this.#seat = seat;
      const { tenant, call } = ref;
      const { rateHz } = this.#ports;
      this.#tell({ type: "joined", tenant, call, rateHz, stream: seat.stream });
    } catch (error) {
      this.#fail(error, codeOf(error) === "page.full" ? CLOSE.busy : CLOSE.wrong);
    }
  }

  #tell(message: ToPage): void {
    this.#socket.send(JSON.stringify(message), ignore);
  }

  /** Says what was wrong and ends this socket; the call waits for the page to come back. */
  #fail(error: unknown, close: number): void {
    const code = codeOf(error);
    const level = code === "bug" ? "error" : "info";
    this.#ports.logger.log(level, "a page's socket was closed", { error: String(error) });
    const message = error instanceof AppError ? error.message : "something broke";
    this.#tell({ type: "error", code, message });
    this.#socket.close(close, code);
    this.#leave();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#watch();
    this.#seat?.leave();
  }

  #watchLater(): Cancel {
    return this.#ports.clock.after(SILENT_MS_MAX, () => {
      if (!this.#seat) return this.#socket.close(CLOSE.away, "nobody joined");
      if (!this.#alive) return this.#socket.terminate();
      this.#alive = false;
      this.#socket.ping();
      this.#watch = this.#watchLater();
    });
  }
}

/** A send that fails is followed by `close`, which says all there is to say. */
function ignore(): void {}
