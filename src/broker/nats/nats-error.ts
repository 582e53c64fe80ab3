import { JetStreamApiError } from "@nats-io/jetstream";
import {
  ClosedConnectionError,
  DrainingConnectionError,
  InvalidArgumentError,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { AppError, toAppError } from "../../base/errors.ts";

/**
 * No room: of the stream or one of its subjects (10077), of the account (10002), of the server
 * (10023, 10047). Nothing was stored.
 */
const FULL: readonly number[] = [10_077, 10_002, 10_023, 10_047];
const TOO_LARGE = 10_054;
/** Copies were asked of a server that has no others. */
export const NO_REPLICAS = 10_074;
export const NOT_FOUND = {
  stream: 10_059,
  consumer: 10_014,
  sequence: 10_043,
  message: 10_037,
} as const;

const DELETE_FAILED = 10_057;

/**
 * Whether what was to be deleted is no longer there. Before the first message of a stream and
 * behind its last the server says so in words alone, with the number it has for a broken disk.
 */
export function isGone(error: unknown): boolean {
  const code = apiCode(error);
  const words = /no message found|stream store EOF/;
  return code === NOT_FOUND.sequence || (code === DELETE_FAILED && words.test(messageOf(error)));
}

/** The number a JetStream server gives to what went wrong; 0 for anything else. */
export function apiCode(error: unknown): number {
  return error instanceof JetStreamApiError ? error.code : 0;
}

/** The server has understood and said no: asking again gives the same. */
export function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError && (error.status < 500 || error.code === NO_REPLICAS);
}

/**
 * The error where trying again cannot help, undefined where it may: timeouts, nobody there, no
 * leader, a connection that broke. Compare-and-set errors (10071, 10164) and ids in process (10158)
 * belong to the latter, for they too may be the echo of one's own first try.
 */
function finalError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  const code = apiCode(error);
  if (FULL.includes(code))
    return new AppError("broker.full", `the NATS server has no room: ${messageOf(error)}`, {
      cause: error,
      detail: { code },
    });
  if (code === TOO_LARGE || error instanceof InvalidArgumentError)
    return new AppError("record.tooLarge", `too large for NATS: ${messageOf(error)}`, {
      cause: error,
    });
  const denied = permissionOf(error);
  if (denied)
    return new AppError("broker.unfit", `the NATS user may not use ${denied.subject}`, {
      cause: error,
      detail: { subject: denied.subject, operation: denied.operation },
    });
  if (error instanceof ClosedConnectionError || error instanceof DrainingConnectionError)
    return unavailable("the connection was closed", error);
  return undefined;
}

export function throwFinal(error: unknown): void {
  const final = finalError(error);
  if (final) throw final;
}

export function unavailable(what: string, cause?: unknown): AppError {
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new AppError("broker.unavailable", `NATS: ${what}${why}`, { cause });
}

/** What the ports' callers see of anything thrown here. */
export function toBrokerError(error: unknown): AppError {
  return finalError(error) ?? toAppError(error, "broker.unavailable");
}

/** A request that was not allowed fails with the violation as its cause. */
export function permissionOf(error: unknown): PermissionViolationError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (at instanceof PermissionViolationError) return at;
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
