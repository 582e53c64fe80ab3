import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findLiveKitServer, findNatsServer, type FoundServer } from "./find-server.ts";
import { answersHttp, answersNats, freePorts, freeUdpPort, isTaken } from "./ports.ts";
import {
  LIVEKIT_KEY,
  LIVEKIT_PORTS,
  LIVEKIT_SECRET,
  type LiveKitPlace,
  liveKitYaml,
  NATS_PORTS,
  natsConf,
} from "./server-files.ts";
import { ServerProcess } from "./server-process.ts";

const GRACE_MS = 1_000;

export interface LocalServersOptions {
  /** For logs and the data of NATS. */
  readonly folder: string;
  /** Any free ports in place of the usual ones. */
  readonly anyPorts: boolean;
  readonly note: (text: string) => void;
}

interface Ports {
  readonly nats: typeof NATS_PORTS;
  readonly liveKit: LiveKitPlace;
}

/** A NATS and a LiveKit server with the configuration of the repository, for this machine alone. */
export class LocalServers implements AsyncDisposable {
  /** What turnfold is to be started with. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #servers: Readonly<Record<string, ServerProcess>>;

  private constructor({ nats, liveKit }: Ports, servers: Readonly<Record<string, ServerProcess>>) {
    const { TURNFOLD_AGENT_NAME: asked, TURNFOLD_ROOMS: rooms = "*" } = process.env;
    this.environment = {
      // Every new room gets an agent, where nothing else was said.
      ...(asked === undefined && { TURNFOLD_ROOMS: rooms }),
      NATS_URL: `nats://engine:engine@127.0.0.1:${nats.client}`,
      NATS_MONITOR_URL: `http://127.0.0.1:${nats.monitor}`,
      LIVEKIT_URL: `ws://127.0.0.1:${liveKit.http}`,
      LIVEKIT_API_KEY: LIVEKIT_KEY,
      LIVEKIT_API_SECRET: LIVEKIT_SECRET,
    };
    this.#servers = servers;
  }

  static async start({ folder, anyPorts, note }: LocalServersOptions): Promise<LocalServers> {
    const told = { onBuild: (what: string) => note(`${what} is built with Go, once ...`) };
    const natsPath = pathOf(await findNatsServer("2.15.2", told));
    const liveKitPath = pathOf(await findLiveKitServer(told));
    const ports = anyPorts ? await otherPorts() : await usualPorts();
    const { nats, liveKit } = ports;
    await mkdir(folder, { recursive: true });
    const servers = {
      "nats-server": new ServerProcess({
        path: natsPath,
        args: ["-c", join(folder, "nats.conf")],
        log: join(folder, "nats.log"),
        isReady: () => answersNats(nats.client),
        apart: true,
      }),
      "livekit-server": new ServerProcess({
        path: liveKitPath,
        args: ["--config", join(folder, "livekit.yaml")],
        log: join(folder, "livekit.log"),
        isReady: () => answersHttp(liveKit.http),
        apart: true,
      }),
    };
    await writeFile(join(folder, "nats.conf"), natsConf({ ...nats, folder: join(folder, "nats") }));
    await writeFile(join(folder, "livekit.yaml"), liveKitYaml(liveKit));
    const local = new LocalServers(ports, servers);
    try {
      await Promise.all(Object.values(servers).map((server) => server.start()));
    } catch (error) {
      await local[Symbol.asyncDispose]();
      throw error;
    }
    return local;
  }

  /** The name of the first one that ends. */
  ended(): Promise<string> {
    const each = Object.entries(this.#servers).map(async ([name, server]) => {
      await server.ended();
      return name;
    });
    return Promise.race(each);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A LiveKit server with people in its rooms waits for them, and nobody is to wait for it.
    await Promise.all(Object.values(this.#servers).map((server) => server.stopWithin(GRACE_MS)));
  }
}

function pathOf(found: FoundServer): string {
  assert.ok("path" in found, "missing" in found ? found.missing : "");
  return found.path;
}

async function usualPorts(): Promise<Ports> {
  const { http, tcp } = LIVEKIT_PORTS;
  for (const port of [...Object.values(NATS_PORTS), http, tcp]) {
    const taken = `port ${port} is taken: end what listens there, or use --any-ports`;
    assert.ok(!(await isTaken(port)), taken);
  }
  return { nats: NATS_PORTS, liveKit: LIVEKIT_PORTS };
}

async function otherPorts(): Promise<Ports> {
  const [client, monitor, http, tcp] = (await freePorts(4)) as [number, number, number, number];
  return { nats: { client, monitor }, liveKit: { http, tcp, udp: await freeUdpPort() } };
}
