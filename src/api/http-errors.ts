import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, codeOf, type ErrorCode } from "../base/errors.ts";

/** Code to HTTP status; the only place that knows both. */
const STATUS: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  "call.notFound": 404,
  "call.closed": 409,
  "call.running": 409,
  "input.invalid": 400,
  "config.invalid": 400,
  "owner.fenced": 409,
  "bus.noResponder": 503,
  "record.tooLarge": 413,
  "page.full": 503,
  "page.origin": 403,
  "stt.missing": 409,
};

export function toResponse(error: unknown, context: Context): Response {
  const code = codeOf(error);
  const message =
    error instanceof AppError ? error.message : "something broke; see the server's log";
  return context.json({ error: { code, message } }, STATUS[code] ?? 500);
}
