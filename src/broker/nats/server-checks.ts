import type { StreamInfo } from "@nats-io/jetstream";
import { type Clock, sleep } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import type { Connection } from "./connection.ts";
import type { Layout } from "./layout.ts";
import { unavailable } from "./nats-error.ts";
import type { Streams } from "./streams.ts";

/** Older ones lack what we rely on, or break it. */
const VERSION_MIN = "2.12.15";
const API_LEVEL_MIN = 3;
/** From here on one wrong header in a replicated stream wedges it; we never send that header. */
const POISON_FROM = "2.14.0";
/** Sealed texts are a little longer than their JSON, and there are headers. */
const PAYLOAD_MIN = 2 * LIMITS.appendBytesMax;
const REPLICAS_MS = 30_000;
const REPLICAS_EVERY_MS = 200;
const MONITOR_MS = 2_000;
/** No tenant's name holds this letter. */
const PROBE = "=probe";

export function unfit(message: string): AppError {
  return new AppError("broker.unfit", message);
}

/** Check 1: version and API level of our server, version of its peers, room for one append. */
export async function checkVersions(
  connection: Connection,
  streams: Streams,
  logger: Logger,
): Promise<void> {
  const { info } = connection.nc;
  const versions = new Map([[info?.server_name ?? "", info?.version ?? "0"]]);
  for (const [peer, version] of await connection.peerVersions()) versions.set(peer, version);
  for (const [server, version] of versions)
    if (compareVersions(version, VERSION_MIN) < 0)
      throw unfit(
        `nats-server ${server} is ${version}: install ${VERSION_MIN} or later, best 2.15.2`,
      );
  const account = await streams
    .ask(() => streams.jsm.getAccountInfo())
    .catch((cause: unknown) => {
      // Of a cluster that has it, only the leader answers.
      if (info?.jetstream === true && info.cluster !== undefined)
        throw unavailable("its cluster has no leader: start the other servers", cause);
      throw new AppError(
        "broker.unfit",
        "JetStream does not answer: set jetstream { store_dir: ... } in nats.conf, " +
          "and allow this user's account to use it",
        { cause },
      );
    });
  const level = Number((account.api as { level?: number }).level ?? 0);
  if (level < API_LEVEL_MIN)
    throw unfit(`JetStream API level ${level} is under ${API_LEVEL_MIN}: update nats-server`);
  const payload = info?.max_payload ?? 0;
  if (payload < PAYLOAD_MIN)
    throw unfit(`max_payload is ${payload} bytes: set max_payload: 1MB or more in nats.conf`);
  const oldest = [...versions.values()].sort(compareVersions)[0]!;
  if (info?.cluster !== undefined && compareVersions(oldest, POISON_FROM) >= 0)
    logger.log(
      "warn",
      "let nobody but this user publish on the log: a foreign header can wedge it",
      {
        version: oldest,
      },
    );
}

/** Checks 2, 4 and 5: what stands on the server is what was asked for, and nothing bends it. */
export function checkEcho(wanted: { readonly name: string }, found: object): void {
  const { name, ...fields } = wanted;
  const have = found as Readonly<Record<string, unknown>>;
  for (const [field, want] of Object.entries(fields))
    if (!includes(have[field], want))
      throw unfit(
        `${name} has ${field} ${JSON.stringify(have[field])}, not ${JSON.stringify(want)}: ` +
          `change it with the nats tool, or delete ${name} if nothing in it is needed`,
      );
  for (const field of ["subject_transform", "republish", "mirror", "sources"])
    if (have[field] !== undefined && have[field] !== null)
      throw unfit(`${name} has a ${field}, which would change or copy what is written: remove it`);
}

/** Check 3, on a subject that no call can have. */
export async function checkCompareAndSet(
  streams: Streams,
  layout: Layout,
  ids: Ids,
): Promise<void> {
  const stream = layout.logStream(0);
  const subject = layout.subjects.log(0, PROBE, ids.call());
  const write = (expect: number) =>
    streams.write({ stream, subject, data: "", id: ids.salt(), expect });
  const first = await write(0);
  const stale = await write(0);
  const next = first === "conflict" ? "conflict" : await write(first);
  await streams.ask(() => streams.jsm.streams.purge(stream, { filter: subject }));
  const left = await streams.last(stream, subject);
  if (first === "conflict" || stale !== "conflict" || next === "conflict" || left)
    throw unfit(`${stream} does not compare and set: this server must not keep the log`);
}

/** Check 7. A cluster that has just started takes some 15 s. */
export async function waitForReplicas(streams: Streams, name: string, clock: Clock): Promise<void> {
  const until = clock.now() + REPLICAS_MS;
  for (;;) {
    // Another server that leads by now may hear of a new stream a moment later.
    const info = await streams.find(name);
    if (info && isUpToDate(info)) return;
    if (clock.now() > until)
      throw unfit(`${name}: not all replicas are up to date; start the other servers`);
    await sleep(clock, REPLICAS_EVERY_MS);
  }
}

function isUpToDate({ cluster, config }: StreamInfo): boolean {
  const current = (cluster?.replicas ?? []).filter((peer) => peer.current && !peer.offline);
  const leads = config.num_replicas === 1 || Boolean(cluster?.leader);
  return leads && current.length + 1 >= config.num_replicas;
}

/** Check 8: our own user is confined to what is ours. */
export async function checkOwnRights(
  connection: Connection,
  layout: Layout,
  logger: Logger,
): Promise<void> {
  if (!(await connection.mayPublish(`${layout.prefix}-foreign.probe`))) return;
  logger.log("warn", "this NATS user may publish on any subject: see the users in nats.conf");
}

/** Checks 6 and 9: only the monitoring port tells. */
export async function checkMonitor(url: string | undefined, logger: Logger): Promise<void> {
  if (url === undefined) return;
  const health = await ask(url, "/healthz?js-enabled-only=true");
  if (health["status"] !== "ok")
    throw unfit(`the server at ${url} is not healthy: ${JSON.stringify(health)}`);
  const { jetstream } = await ask(url, "/varz");
  const { config } = (jetstream ?? {}) as { config?: { sync_always?: boolean } };
  if (config?.sync_always !== true)
    logger.log("warn", "sync_interval is not always: what was acknowledged may be lost with power");
}

async function ask(url: string, path: string): Promise<Record<string, unknown>> {
  const address = URL.parse(path, url);
  if (!address) throw new AppError("config.invalid", `NATS_MONITOR_URL ${url} is no address`);
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(MONITOR_MS) });
    return (await answer.json()) as Record<string, unknown>;
  } catch (cause) {
    throw new AppError("broker.unavailable", `nobody answers at ${address.href}`, { cause });
  }
}

/** Objects may hold more than was asked for: servers add fields of their own. */
function includes(have: unknown, want: unknown): boolean {
  if (want === null || typeof want !== "object") return have === want;
  const there = have as Readonly<Record<string, unknown>> | null | undefined;
  return (
    typeof there === "object" &&
    there !== null &&
    Object.entries(want).every(([key, value]) => includes(there[key], value))
  );
}

/** Negative, zero or positive, as for `sort`; what follows a dash is older than what has none. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): number[] => text.split(/[.-]/).slice(0, 3).map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] || 0) - (right[i] || 0);
    if (difference !== 0) return difference;
  }
  return Number(b.includes("-")) - Number(a.includes("-"));
}
