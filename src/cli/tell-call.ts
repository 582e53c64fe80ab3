import { AppError, codeOf } from "../base/errors.ts";
import { readConfig, type Config } from "../config.ts";
import {
  CommandAnswer,
  parseCommand,
  type CommandDone,
  type CommandRequest,
} from "../events/fleet.events.ts";
import type { CallRef, Json } from "../events/record.ts";
import { subjects, toToken } from "../events/subjects.ts";
import { absent, unknownCall, type CallTarget } from "../fleet/commands.ts";
import { openStore, type Broker } from "../main.ts";
import { findCall } from "./call-finder.ts";
import { askOwner } from "./owner-http.ts";

/** Commands to a call of another process: over the bus of a server, else over HTTP. */
export interface TellPlace {
  /** Of a `turnfold start` on this machine; default: what the data folder's owner has said. */
  readonly port?: number;
  /** How long the answer is waited for; default 5 s. */
  readonly timeoutMs?: number;
}

/** What `tell` of the public API takes. */
export interface TellOptions extends TellPlace {
  /** The folder of the process that runs the call. Default: as for `start`, or `NATS_URL`. */
  readonly dataDir?: string;
}

const TIMEOUT_MS = 5_000;
/** Nobody was there to do it: it may be meant for another. */
const MISSED: readonly string[] = ["bus.noResponder", "call.notFound"];

/** `tell` of the public API. */
export async function tellFromOutside(
  call: string | CallRef,
  command: CommandRequest,
  { dataDir, ...place }: TellOptions,
): Promise<CommandDone> {
  const config = readConfig(dataDir === undefined ? {} : { data: dataDir });
  const given = typeof call === "string" ? call : `${call.tenant}/${call.call}`;
  return tellCall(config, given, { command: { by: "api", ...command }, place });
}

/**
 * `given` is a call's id or the start of it, or a room's name, each maybe behind `tenant/`; a room
 * without one is of `TURNFOLD_TENANT`. Errors:
 * those of the command, `call.notFound`, `call.ambiguous`, `call.closed`, `bus.noResponder` (nobody
 * has the call now), `bus.timeout` (it may have been done).
 */
export async function tellCall(
  config: Config,
  given: string,
  { command, place }: { readonly command: CommandRequest; readonly place: TellPlace },
): Promise<CommandDone> {
  const request = parseCommand(command);
  await using broker = await openStore(config, true);
  const ask = async (at: CallTarget): Promise<CommandDone> => {
    const asked = config.nats
      ? overBus(broker, config, { at, request, place })
      : overHttp(config, { at, request, place });
    const answer = CommandAnswer.parse(await asked);
    if (answer.ok) return answer;
    throw new AppError(codeOf(answer), answer.message);
  };
  try {
    // A whole id or a room's name, as it mostly is: nothing need be looked up.
    return await ask(targetOf(given));
  } catch (error) {
    if (!MISSED.includes(codeOf(error))) throw error;
  }
  const ref = await findCall(given, config, broker.log).catch((error: unknown) => {
    throw codeOf(error) === "call.notFound" ? unknownCall(given) : error;
  });
  try {
    return await ask({ target: ref.call, tenant: ref.tenant });
  } catch (error) {
    if (codeOf(error) !== "bus.noResponder") throw error;
    const why = await absent(ref, broker);
    throw why.code === "call.closed" || config.nats ? why : error;
  }
}

interface Telling {
  readonly at: CallTarget;
  readonly request: CommandRequest;
  readonly place: TellPlace;
}

function targetOf(given: string): CallTarget {
  const at = given.indexOf("/");
  if (at < 0) return { target: given };
  return { tenant: given.slice(0, at), target: given.slice(at + 1) };
}

function overBus(
  { bus }: Broker,
  config: Config,
  { at: { target, tenant = config.tenant }, request, place }: Telling,
): Promise<unknown> {
  const subject = subjects(config.nats?.prefix).commands(toToken(tenant), toToken(target));
  return bus.request(subject, request as Json, place.timeoutMs ?? TIMEOUT_MS);
}

function overHttp(
  config: Config,
  { at: { target, tenant }, request, place }: Telling,
): Promise<unknown> {
  const whose = tenant === undefined ? "" : `?tenant=${encodeURIComponent(tenant)}`;
  const path = `/api/calls/${encodeURIComponent(target)}/commands${whose}`;
  const { timeoutMs = TIMEOUT_MS, ...where } = place;
  return askOwner(config, { path, body: request, timeoutMs, ...where });
}
