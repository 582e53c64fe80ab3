export interface LiveKitSettings {
  /** Signalling and server API. */
  readonly http: number;
  /** Media. */
  readonly udp: number;
  readonly tcp: number;
  readonly keys: Readonly<Record<string, string>>;
  readonly departureTimeoutSec: number;
}

/** The configuration of a livekit-server for clients on this machine alone. */
export function liveKitConfig(settings: LiveKitSettings): string {
  const { http, udp, tcp, keys, departureTimeoutSec } = settings;
  return `port: ${http}
bind_addresses: [127.0.0.1]
rtc:
  udp_port: ${udp}
  tcp_port: ${tcp}
  node_ip: 127.0.0.1
  use_external_ip: false
  # The default servers have names: where there is no DNS, 32 threads per connection look them up.
  stun_servers: ["127.0.0.1:3478"]
  enable_loopback_candidate: true
keys: ${JSON.stringify(keys)}
logging: { level: info, json: true }
room: { auto_create: true, empty_timeout: 20, departure_timeout: ${departureTimeoutSec} }
`;
}

export async function answersHttp(url: string): Promise<boolean> {
  return fetch(url).then(
    async (response) => (await response.text()) !== "" && response.ok,
    () => false,
  );
}
