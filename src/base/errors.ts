/**
 * The one error class. Every code stands in `ERRORS` with its family and the answer to the first
 * question a caller has: may I try again? Match on `code`, never on the class or the message.
 */
export type ErrorFamily = "input" | "outside" | "corrupt";
export type Retry = "never" | "later" | "now";

/**
 * Families: input = the caller's fault; outside = network, vendor, conflict; corrupt = bad store.
 */
export const ERRORS = {
  "input.invalid": { family: "input", retry: "never" },
  "config.invalid": { family: "input", retry: "never" },
  "call.notFound": { family: "input", retry: "never" },
  "call.ambiguous": { family: "input", retry: "never" },
  "call.running": { family: "input", retry: "later" },
  "call.closed": { family: "input", retry: "never" },
  "page.full": { family: "outside", retry: "later" },
  "page.origin": { family: "input", retry: "never" },
  "log.notALog": { family: "input", retry: "never" },
  "log.version": { family: "input", retry: "never" },
  "stt.missing": { family: "input", retry: "never" },
  "endpointer.missing": { family: "input", retry: "never" },
  "wav.invalid": { family: "input", retry: "never" },
  "log.conflict": { family: "outside", retry: "never" },
  "log.unknown": { family: "outside", retry: "now" },
  "owner.fenced": { family: "outside", retry: "never" },
  "data.locked": { family: "outside", retry: "later" },
  "data.readOnly": { family: "input", retry: "never" },
  "data.failed": { family: "outside", retry: "later" },
  "database.failed": { family: "outside", retry: "later" },
  "room.unavailable": { family: "outside", retry: "later" },
  "room.lost": { family: "outside", retry: "now" },
  "broker.unavailable": { family: "outside", retry: "later" },
  "broker.full": { family: "outside", retry: "later" },
  "broker.unfit": { family: "input", retry: "never" },
  "livekit.unavailable": { family: "outside", retry: "later" },
  "stream.conflict": { family: "outside", retry: "now" },
  "kv.conflict": { family: "outside", retry: "now" },
  "job.lost": { family: "outside", retry: "never" },
  "bus.noResponder": { family: "outside", retry: "later" },
  "bus.timeout": { family: "outside", retry: "later" },
  "blob.notFound": { family: "outside", retry: "never" },
  "models.pull": { family: "outside", retry: "later" },
  "models.checksum": { family: "corrupt", retry: "later" },
  "provider.failed": { family: "outside", retry: "now" },
  "provider.timeout": { family: "outside", retry: "now" },
  "provider.unavailable": { family: "outside", retry: "now" },
  "provider.limited": { family: "outside", retry: "later" },
  "provider.garbled": { family: "outside", retry: "now" },
  "provider.rejected": { family: "input", retry: "never" },
  "provider.refused": { family: "input", retry: "never" },
  "provider.open": { family: "outside", retry: "later" },
  "budget.spent": { family: "outside", retry: "later" },
  "provider.missing": { family: "input", retry: "never" },
  "effect.stopped": { family: "outside", retry: "never" },
  "tool.failed": { family: "outside", retry: "never" },
  "tool.unknown": { family: "input", retry: "never" },
  "log.damaged": { family: "corrupt", retry: "never" },
  "record.invalid": { family: "corrupt", retry: "never" },
  "record.tooLarge": { family: "input", retry: "never" },
  "snapshot.invalid": { family: "corrupt", retry: "never" },
  "ledger.damaged": { family: "corrupt", retry: "never" },
  "ledger.price": { family: "corrupt", retry: "never" },
  "machine.threw": { family: "corrupt", retry: "never" },
  "machine.error": { family: "corrupt", retry: "never" },
  "machine.unknown": { family: "corrupt", retry: "never" },
  "cascade.limit": { family: "corrupt", retry: "never" },
  bug: { family: "corrupt", retry: "never" },
} as const satisfies Record<string, { family: ErrorFamily; retry: Retry }>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorExtra {
  readonly cause?: unknown;
  /** What a program may want to know; free of personal data. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly family: ErrorFamily;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, extra: ErrorExtra = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.name = "AppError";
    this.code = code;
    this.retry = ERRORS[code].retry;
    this.family = ERRORS[code].family;
    this.detail = extra.detail ?? {};
  }
}

/** The code of anything thrown; what is not ours counts as `fallback`. */
export function codeOf(error: unknown, fallback: ErrorCode = "bug"): ErrorCode {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && code in ERRORS ? (code as ErrorCode) : fallback;
}

/** Ours unchanged; anything else wrapped with its message kept as the cause. */
export function toAppError(error: unknown, fallback: ErrorCode): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AppError(fallback, message, { cause: error });
}
