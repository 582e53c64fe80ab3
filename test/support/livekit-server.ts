import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLiveKitServer, type FoundServer } from "../../scripts/servers/find-server.ts";
import { answersHttp, freePorts, freeUdpPort } from "../../scripts/servers/ports.ts";
import {
  LIVEKIT_KEY,
  LIVEKIT_SECRET,
  type LiveKitPlace,
  liveKitYaml,
} from "../../scripts/servers/server-files.ts";
import { ServerProcess } from "../../scripts/servers/server-process.ts";

/** Fails where CI must have it: a green run could mean that nothing was tried. */
export async function findLiveKit(): Promise<FoundServer> {
  const found = await findLiveKitServer();
  if ("missing" in found) assert.notEqual(process.env["CI"], "true", found.missing);
  return found;
}

export interface LiveKitOptions {
  readonly path: string;
  /** Lines of configuration after those of the file, as `webhook: ...`. */
  readonly config?: string;
}

/** A real livekit-server with the `livekit.yaml` of the repository, on free ports. */
export class LiveKitServer implements AsyncDisposable {
  readonly apiKey = LIVEKIT_KEY;
  readonly apiSecret = LIVEKIT_SECRET;
  readonly folder: string;
  readonly #ports: LiveKitPlace;
  readonly #options: LiveKitOptions;
  readonly #server: ServerProcess;

  private constructor(options: LiveKitOptions, ports: LiveKitPlace, folder: string) {
    this.#options = options;
    this.#ports = ports;
    this.folder = folder;
    this.#server = new ServerProcess({
      path: options.path,
      args: ["--config", this.#configFile],
      log: join(folder, "livekit.log"),
      isReady: () => answersHttp(ports.http),
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
    const { config = "" } = this.#options;
    await writeFile(this.#configFile, `${liveKitYaml(this.#ports)}${config}\n`);
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
