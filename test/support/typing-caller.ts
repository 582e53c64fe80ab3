import { once } from "node:events";
import { WebSocket } from "ws";
import type { CallRef } from "../../src/events/record.ts";

/** Somebody at the page who types, over the socket that a browser uses. */
export class TypingCaller implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly call: CallRef;

  private constructor(socket: WebSocket, call: CallRef) {
    this.#socket = socket;
    this.call = call;
  }

  /** `last`: the call to go on with. */
  static async join(url: string, last?: CallRef): Promise<TypingCaller> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/talk`, { origin: url });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "join", identity: "typist", speaks: false, last }));
    const [joined] = (await once(socket, "message")) as [Buffer];
    const { tenant, call } = JSON.parse(joined.toString()) as CallRef;
    return new TypingCaller(socket, { tenant, call });
  }

  type(text: string): void {
    this.#socket.send(JSON.stringify({ type: "text", text }));
  }

  hangUp(): void {
    this.#socket.send(JSON.stringify({ type: "hangUp" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}
