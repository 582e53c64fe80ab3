import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLiveKitServer, type FoundServer } from "../../scripts/servers/find-server.ts";
import { answersHttp, liveKitConfig } from "../../scripts/servers/livekit-config.ts";
import { ServerProcess } from "../../scripts/servers/server-process.ts";
import { freePorts, freeUdpPort } from "./ports.ts";

/** Fails where CI must have it: a green run could mean that nothing was tried. */
export async function findLiveKit(): Promise<FoundServer> {
  const found = await findLiveKitServer();
  if ("missing" in found) assert.notEqual(process.env["CI"], "true", found.missing);
  return found;
}

export interface LiveKitOptions {
  readonly path: string;
  /** Lines of configuration beside ports and keys, as `webhook:`. */
  readonly config?: string;
  /** How long a room without participants stays. */
  readonly departureTimeoutSec?: number;
}

interface Ports {
  readonly http: number;
  readonly tcp: number;
  readonly udp: number;
}

/** A real livekit-server on free ports of this machine, with one pair of keys. */
export class LiveKitServer implements AsyncDisposable {
  readonly apiKey = "devkey";
  readonly apiSecret = "secret-of-at-least-32-characters-for-tests";
  readonly folder: string;
  readonly #ports: Ports;
  readonly #options: LiveKitOptions;
  readonly #server: ServerProcess;

  private constructor(options: LiveKitOptions, ports: Ports, folder: string) {
    this.#options = options;
    this.#ports = ports;
    this.folder = folder;
    this.#server = new ServerProcess({
      path: options.path,
      args: ["--config", this.#configFile],
      log: join(folder, "livekit.log"),
      isReady: () => answersHttp(this.httpUrl),
    });
  }

  static async start(options: LiveKitOptions): Promise<LiveKitServer> {
    const [http, tcp] = (await freePorts(2)) as [number, number];
    const folder = await mkdtemp(join(tmpdir(), "turnfold-livekit-"));
    const ports = { http, tcp, udp: await freeUdpPort() };
    const server = new LiveKitServer(options, ports, folder);
    await server.restart();
    return server;
  }

  /** For clients and agents. */
  get url(): string {
    return `ws://127.0.0.1:${this.#ports.http}`;
  }

  /** For the server API. */
  get httpUrl(): string {
    return `http://127.0.0.1:${this.#ports.http}`;
  }

  /** As a crash: all rooms are gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.#server.stop(signal);
  }

  /** Again on the same ports; it takes connections when this resolves. */
  async restart(): Promise<void> {
    const { config = "", departureTimeoutSec = 2 } = this.#options;
    const text = liveKitConfig({
      ...this.#ports,
      keys: { [this.apiKey]: this.apiSecret },
      departureTimeoutSec,
    });
    await writeFile(this.#configFile, `${text}${config}\n`);
    await this.#server.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #configFile(): string {
    return join(this.folder, "livekit.yaml");
  }
}
