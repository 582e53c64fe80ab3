import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/**
 * Real NATS servers for tests, each on free ports with a folder of its own. The released versions
 * are built once with Go into `.cache`, or taken from the PATH where they have the right version.
 */
export const NATS_VERSIONS = ["2.12.15", "2.15.2"] as const;
export type NatsVersion = (typeof NATS_VERSIONS)[number];

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, "..", "..", ".cache", "nats");
const START_MS = 15_000;

export type FoundServer = { readonly path: string } | { readonly missing: string };

/** Fails where CI must have it: a green run could mean that nothing was tried. */
export async function findNats(version: NatsVersion): Promise<FoundServer> {
  const path = join(CACHE, version, "nats-server");
  if (await isThere(path)) return { path };
  if (await hasVersion("nats-server", version)) return { path: "nats-server" };
  try {
    await build(version, path);
    return { path };
  } catch (error) {
    const why = `it cannot be built with Go: ${String(error)}`;
    const missing = `no nats-server ${version} on the PATH, and ${why}`;
    assert.notEqual(process.env["CI"], "true", missing);
    return { missing };
  }
}

/** Into a folder of its own first: two test files may build at once. */
async function build(version: NatsVersion, path: string): Promise<void> {
  await mkdir(join(CACHE, version), { recursive: true });
  const folder = await mkdtemp(join(CACHE, "build-"));
  try {
    const env = { ...process.env, GOBIN: folder };
    await run("go", ["install", `github.com/nats-io/nats-server/v2@v${version}`], { env });
    await rename(join(folder, "nats-server"), path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function hasVersion(command: string, version: string): Promise<boolean> {
  const { stdout } = await run(command, ["--version"]).catch(() => ({ stdout: "" }));
  return stdout.trim().endsWith(`v${version}`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
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
  #child: ChildProcess | undefined;

  private constructor(options: ServerOptions, ports: readonly number[], folder: string) {
    this.#options = options;
    this.name = options.name ?? "n1";
    this.port = ports[0]!;
    this.monitorUrl = `http://127.0.0.1:${ports[1]!}`;
    this.folder = folder;
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
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Again on the same ports and folder; it takes connections when this resolves. */
  async restart(): Promise<void> {
    const file = join(this.folder, "nats.conf");
    await writeFile(file, this.#config());
    const log = join(this.folder, "nats.log");
    const child = spawn(this.#options.path, ["-c", file, "-l", log], {
      stdio: "ignore",
      env: { ...process.env, ...this.#options.env },
    });
    this.#child = child;
    // A test that is ended from outside leaves none behind.
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    const until = Date.now() + START_MS;
    while (!(await answers(this.port))) {
      const over = child.exitCode !== null || Date.now() > until;
      if (over) {
        child.kill("SIGKILL");
        assert.fail(`nats-server did not start:\n${await readFile(log, "utf8").catch(String)}`);
      }
      await pause(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
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
  return Promise.all(
    routes.map((port, i) =>
      NatsServer.start({ path, name: `n${i + 1}`, cluster: { port, routes } }),
    ),
  );
}

async function answers(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** All held open until the last is known, or one could be given out twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports;
}
