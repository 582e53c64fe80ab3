import {
  type JobType,
  ParticipantPermission,
  ServerMessage,
  WorkerMessage,
  WorkerStatus,
} from "@livekit/protocol";
import { AccessToken } from "livekit-server-sdk";
import { WebSocket } from "ws";
import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";

/** How often the load is told, as LiveKit's own workers do. */
const TELL_MS = 2_500;
/** Three pings without an answer: the server is gone, whatever the socket thinks. */
const SILENCE_MAX_MS = 3 * TELL_MS;
const OPEN_MAX_MS = 5_000;
const GOODBYE_MAX_MS = 500;

/** Where LiveKit is, and who is asked for. */
export interface LiveKitAccess {
  /** `ws://` or `wss://`. */
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

export interface SocketOptions extends LiveKitAccess {
  readonly agentName: string;
  readonly jobType: JobType;
  readonly version: string;
  readonly clock: Clock;
  /** As LiveKit understands it, and whether this worker takes no more. */
  readonly load: () => { readonly load: number; readonly isFull: boolean; readonly jobs: number };
  readonly onMessage: (socket: LiveKitSocket, message: ServerMessage["message"]) => void;
  /** Each time the load has been told. */
  readonly onTick: () => void;
  /** Closes it. */
  readonly signal: AbortSignal;
}

type Sent = NonNullable<ConstructorParameters<typeof WorkerMessage>[0]>["message"];

/** One registration with LiveKit as a worker, from its answer to the loss of its connection. */
export class LiveKitSocket {
  /** Resolves with the reason once the connection is gone. */
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;
  readonly #options: SocketOptions;
  readonly #registered = Promise.withResolvers<void>();
  #workerId = "";
  #heardAt: number;
  /** Of what is to happen next. */
  #cancel = (): void => undefined;

  private constructor(socket: WebSocket, options: SocketOptions) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#socket = socket;
    this.#options = options;
    this.#heardAt = options.clock.now();
    socket.on("open", () => this.#register());
    socket.on("message", (bytes: ArrayBuffer) => this.#hear(bytes));
    socket.on("error", (error) => resolve(error.message));
    const close = (): void => this.#close();
    options.signal.addEventListener("abort", close, { once: true });
    socket.on("close", (code) => {
      options.signal.removeEventListener("abort", close);
      this.#cancel();
      resolve(`closed with code ${code}`);
    });
    if (options.signal.aborted) close();
  }

  /** Resolves when LiveKit has taken it as a worker; throws `livekit.unavailable`. */
  static async open(options: SocketOptions): Promise<LiveKitSocket> {
    const { url, apiKey, apiSecret, clock } = options;
    const token = new AccessToken(apiKey, apiSecret, { ttl: "10m" });
    token.addGrant({ agent: true });
    const headers = { authorization: `Bearer ${await token.toJwt()}` };
    const raw = new WebSocket(new URL("agent", url.endsWith("/") ? url : `${url}/`), { headers });
    raw.binaryType = "arraybuffer";
    const socket = new LiveKitSocket(raw, options);
    const { promise: late, resolve: isLate } = Promise.withResolvers<string>();
    const cancel = clock.after(OPEN_MAX_MS, () => isLate(`no answer in ${OPEN_MAX_MS} ms`));
    const why = await Promise.race([socket.#registered.promise, socket.closed, late]);
    cancel();
    if (why === undefined) return socket;
    raw.terminate();
    throw new AppError("livekit.unavailable", why);
  }

  /** What LiveKit calls this registration. */
  get workerId(): string {
    return this.#workerId;
  }

  /** Does nothing over a connection that is gone. */
  send(message: Sent): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(new WorkerMessage({ message: message! }).toBinary());
  }

  tellLoad(): void {
    const { load, isFull, jobs } = this.#options.load();
    const status = isFull ? WorkerStatus.WS_FULL : WorkerStatus.WS_AVAILABLE;
    this.send({ case: "updateWorker", value: { status, load, jobCount: jobs } });
  }

  #close(): void {
    this.#cancel();
    this.#socket.close();
    // A server that is gone does not answer a goodbye.
    this.#cancel = this.#options.clock.after(GOODBYE_MAX_MS, () => this.#socket.terminate());
  }

  #tick(): void {
    const { clock, onTick } = this.#options;
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (clock.now() - this.#heardAt > SILENCE_MAX_MS) return this.#socket.terminate();
    this.tellLoad();
    this.send({ case: "ping", value: { timestamp: BigInt(clock.now()) } });
    onTick();
    this.#cancel = clock.after(TELL_MS, () => this.#tick());
  }

  #register(): void {
    const { agentName, jobType: type, version } = this.#options;
    const pingInterval = Math.ceil(TELL_MS / 1_000);
    const allowedPermissions = new ParticipantPermission({
      canPublish: true,
      canSubscribe: true,
      canPublishData: true,
      canUpdateMetadata: true,
      agent: true,
    });
    const value = { type, agentName, version, pingInterval, allowedPermissions };
    this.send({ case: "register", value });
  }

  #hear(bytes: ArrayBuffer): void {
    this.#heardAt = this.#options.clock.now();
    // What a later server may say and we do not know is a message without a case.
    const { message } = ServerMessage.fromBinary(new Uint8Array(bytes));
    if (message.case === "register") {
      this.#workerId = message.value.workerId;
      this.#registered.resolve();
      this.#tick();
    } else this.#options.onMessage(this, message);
  }
}
