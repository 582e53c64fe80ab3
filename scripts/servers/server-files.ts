import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The configuration files of the repository, and what of them is another's at another start. */
export const ROOT = join(import.meta.dirname, "..", "..");

export interface NatsPlace {
  readonly client: number;
  readonly monitor: number;
  readonly folder: string;
}

export interface LiveKitPlace {
  /** Signalling and server API. */
  readonly http: number;
  /** Media. */
  readonly tcp: number;
  readonly udp: number;
}

export const NATS_PORTS = { client: 4222, monitor: 8222 };
export const LIVEKIT_PORTS: LiveKitPlace = { http: 7880, tcp: 7881, udp: 7882 };
export const LIVEKIT_KEY = "devkey";
export const LIVEKIT_SECRET = "local-secret-of-at-least-32-characters";

/** `nats.conf` as it stands, elsewhere. */
export function natsConf({ client, monitor, folder }: NatsPlace): string {
  return placed("nats.conf", [
    [`listen: 127.0.0.1:${NATS_PORTS.client}\n`, `listen: 127.0.0.1:${client}\n`],
    [`http: 127.0.0.1:${NATS_PORTS.monitor}\n`, `http: 127.0.0.1:${monitor}\n`],
    ['store_dir: "./.turnfold/nats"', `store_dir: ${JSON.stringify(folder)}`],
  ]);
}

/** `livekit.yaml` as it stands, on other ports. */
export function liveKitYaml({ http, tcp, udp }: LiveKitPlace): string {
  return placed("livekit.yaml", [
    [`\nport: ${LIVEKIT_PORTS.http}\n`, `\nport: ${http}\n`],
    [`tcp_port: ${LIVEKIT_PORTS.tcp}\n`, `tcp_port: ${tcp}\n`],
    [`udp_port: ${LIVEKIT_PORTS.udp}\n`, `udp_port: ${udp}\n`],
  ]);
}

/** A line that is not there any more would leave a server where another one is. */
function placed(file: string, changes: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join(ROOT, file), "utf8");
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `${file} has no ${JSON.stringify(from)}`);
    text = text.replace(from, to);
  }
  return text;
}
