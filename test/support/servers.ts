import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  findNatsServer,
  type FoundServer,
  type NatsVersion,
} from "../../scripts/servers/find-server.ts";
import { answersNats, freePorts } from "../../scripts/servers/ports.ts";
import { ServerProcess } from "../../scripts/servers/server-process.ts";

const ELECTION_MS = 30_000;

/** Real NATS servers for tests, each on free ports with a folder of its own. */
export { NATS_VERSIONS } from "../../scripts/servers/find-server.ts";

/** Fails where CI must have it: a green run could mean that nothing was tried. */
export async function findNats(version: NatsVersion): Promise<FoundServer> {
  const found = await findNatsServer(version);
  if ("missing" in found) assert.notEqual(process.env["CI"], "true", found.missing);
  return found;
}

export interface ServerOptions {
  readonly path: string;
  readonly name?: string;
  /** Lines of configuration beside the ports and the folder. */
  readonly config?: string;
  readonly jetstream?: string;
  /** The whole configuration, for a file that is tested as it stands. */
  readonly whole?: (ports: { client: number; monitor: number; folder: string }) => string;
  readonly cluster?: { readonly port: number; readonly routes: readonly number[] };
  readonly env?: NodeJS.ProcessEnv;
}

export class NatsServer implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly monitorUrl: string;
  readonly folder: string;
  readonly #options: ServerOptions;
  readonly #server: ServerProcess;

  private constructor(options: ServerOptions, ports: readonly number[], folder: string) {
    this.#options = options;
    this.name = options.name ?? "n1";
    this.port = ports[0]!;
    this.monitorUrl = `http://127.0.0.1:${ports[1]!}`;
    this.folder = folder;
    this.#server = new ServerProcess({
      path: options.path,
      args: ["-c", this.#configFile],
      log: join(folder, "nats.log"),
      ...(options.env && { env: options.env }),
      isReady: () => answersNats(this.port),
    });
  }

  static async start(options: ServerOptions): Promise<NatsServer> {
    const ports = await freePorts(2);
    const folder = await mkdtemp(join(tmpdir(), "turnfold-nats-"));
    const server = new NatsServer(options, ports, folder);
    await server.restart();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** As a crash: what the process held in memory is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.#server.stop(signal);
  }

  /** Again on the same ports and folder; it takes connections when this resolves. */
  async restart(): Promise<void> {
    await writeFile(this.#configFile, this.#config());
    await this.#server.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #configFile(): string {
    return join(this.folder, "nats.conf");
  }

  #config(): string {
    const { whole, config = "", jetstream = "", cluster } = this.#options;
    const monitor = Number(new URL(this.monitorUrl).port);
    if (whole) return whole({ client: this.port, monitor, folder: this.folder });
    const routes = cluster?.routes.map((port) => `nats://127.0.0.1:${port}`).join(", ");
    return [
      `server_name: ${this.name}`,
      `listen: 127.0.0.1:${this.port}`,
      `http: 127.0.0.1:${monitor}`,
      `jetstream { store_dir: "${this.folder}/js", max_mem: 256MB, max_file: 4GB\n${jetstream} }`,
      cluster ? `cluster { name: c1, listen: 127.0.0.1:${cluster.port}, routes: [${routes}] }` : "",
      config,
    ].join("\n");
  }
}

/** Three servers that replicate to each other. */
export async function startCluster(path: string): Promise<readonly NatsServer[]> {
  const routes = await freePorts(3);
  const servers = await Promise.all(
    routes.map((port, i) =>
      NatsServer.start({ path, name: `n${i + 1}`, cluster: { port, routes } }),
    ),
  );
  await Promise.all(servers.map(knowsLeader));
  return servers;
}

/** Before a cluster has elected who leads it, its JetStream answers nobody. */
async function knowsLeader({ monitorUrl }: NatsServer): Promise<void> {
  const until = Date.now() + ELECTION_MS;
  for (;;) {
    const state = (await (await fetch(`${monitorUrl}/jsz`)).json()) as {
      readonly meta_cluster?: { readonly leader?: string };
    };
    if (state.meta_cluster?.leader) return;
    assert.ok(Date.now() < until, "the cluster elects no leader");
    await pause(20);
  }
}
