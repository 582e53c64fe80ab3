import {
  ConnectionError,
  type NatsConnection,
  RequestError,
  type Status,
  connect,
} from "@nats-io/transport-node";
import { type Clock, sleep } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { permissionOf } from "./nats-error.ts";

const CONNECT_MS = 3_000;
const CLOSE_MS = 1_000;
const RECONNECT_EVERY_MS = 100;
/** A peer that is gone without a word is noticed within 15 s. */
const PING_EVERY_MS = 5_000;

type Login = { readonly user?: string; readonly pass?: string };

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One connection of this process. It comes back by itself, for as long as the process lives. */
export class Connection implements AsyncDisposable {
  readonly nc: NatsConnection;
  readonly #ports: ConnectionPorts;
  readonly #login: Login;
  /** Those who wait for an answer on this connection. */
  readonly #waiting = new Set<(error: Error) => void>();
  #connected = true;
  #probed = "";

  private constructor(nc: NatsConnection, login: Login, ports: ConnectionPorts) {
    this.nc = nc;
    this.#login = login;
    this.#ports = ports;
    void this.#watch();
  }

  static async open(url: string, ports: ConnectionPorts): Promise<Connection> {
    const { servers, ...login } = parseUrl(url);
    try {
      const nc = await connect({
        servers,
        ...login,
        name: "turnfold",
        timeout: CONNECT_MS,
        reconnectTimeWait: RECONNECT_EVERY_MS,
        reconnectJitter: RECONNECT_EVERY_MS / 2,
        maxReconnectAttempts: -1,
        pingInterval: PING_EVERY_MS,
        maxPingOut: 2,
        noAsyncTraces: true,
      });
      return new Connection(nc, login, ports);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AppError(
        "broker.unavailable",
        `no NATS server lets us in at ${servers.join(", ")} (${why}): ` +
          "start one with nats-server -c nats.conf, and check NATS_URL",
        { cause },
      );
    }
  }

  /** False while the connection is down; what is sent then would arrive late. */
  get connected(): boolean {
    return this.#connected;
  }

  /** The answer; where the connection breaks before it came, a failure at once, not in time. */
  async whileUp<T>(answer: Promise<T>): Promise<T> {
    const { promise: broken, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    try {
      return await Promise.race([answer, broken]);
    } finally {
      this.#waiting.delete(reject);
      answer.catch(() => undefined);
    }
  }

  /** Whether this user may publish on a subject that is nothing of ours; a no is not told twice. */
  async mayPublish(subject: string): Promise<boolean> {
    this.#probed = subject;
    try {
      await this.nc.request(subject, "", { timeout: CONNECT_MS });
      return true;
    } catch (error) {
      if (permissionOf(error)) return false;
      if (error instanceof RequestError) return true;
      throw error;
    }
  }

  /** Versions of the other servers of the cluster, by address, as far as they can be reached. */
  async peerVersions(): Promise<ReadonlyMap<string, string>> {
    const versions = new Map<string, string>();
    const { connect_urls: peers = [], cluster } = this.nc.info ?? {};
    if (cluster === undefined) return versions;
    for (const servers of peers) {
      try {
        const peer = await connect({
          servers,
          ...this.#login,
          timeout: CONNECT_MS,
          reconnect: false,
        });
        versions.set(servers, peer.info?.version ?? "0");
        await peer.close();
      } catch (error) {
        this.#ports.logger.log("warn", "a server of the cluster was not checked", {
          server: servers,
          error: String(error),
        });
      }
    }
    return versions;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.nc.isClosed()) return;
    const done = new AbortController();
    // A server that is gone never answers the flush.
    if (this.#connected)
      await Promise.race([
        this.nc.flush().catch(() => undefined),
        sleep(this.#ports.clock, CLOSE_MS, done.signal),
      ]);
    done.abort();
    await this.nc.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) this.#note(status);
  }

  #note(status: Status): void {
    switch (status.type) {
      case "disconnect":
      case "staleConnection":
        this.#connected = false;
        for (const reject of this.#waiting) reject(new ConnectionError("the connection was lost"));
        this.#ports.logger.log("warn", "the NATS connection was lost", { how: status.type });
        break;
      case "reconnect":
        this.#connected = true;
        this.#ports.logger.log("warn", "the NATS connection is back", {
          version: this.nc.info?.version ?? "",
        });
        break;
      case "error":
        if (permissionOf(status.error)?.subject === this.#probed) break;
        this.#ports.logger.log("warn", "the NATS server complained", {
          error: status.error.message,
        });
        break;
      default:
    }
  }
}

/** `nats://user:password@host:4222,host2:4222`: the client itself does not read the user. */
export function parseUrl(url: string): { servers: string[]; user?: string; pass?: string } {
  const all = url.split(",").map((part) => {
    const text = part.trim();
    return URL.parse(text.includes("://") ? text : `nats://${text}`);
  });
  const urls = all.filter((one) => one !== null && one.hostname !== "");
  if (urls.length < all.length)
    throw new AppError("config.invalid", `NATS_URL is no address: use nats://host:4222`);
  const login = urls.find((one) => one!.username !== "");
  return {
    servers: urls.map((one) => {
      const scheme = one!.protocol === "tls:" ? "tls://" : "nats://";
      return `${scheme}${one!.hostname}:${one!.port || "4222"}`;
    }),
    ...(login && {
      user: decodeURIComponent(login.username),
      pass: decodeURIComponent(login.password),
    }),
  };
}
