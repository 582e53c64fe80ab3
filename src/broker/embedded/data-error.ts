import { AppError, type ErrorCode } from "../../base/errors.ts";

/** The one place where an error of the file system becomes ours; `code` says what it means. */
export function toDataError(
  error: unknown,
  what: string,
  code: ErrorCode = "data.failed",
): AppError {
  if (error instanceof AppError) return error;
  const cause = error instanceof Error ? error.message : String(error);
  return new AppError(code, `${what}: ${cause}`, { cause: error });
}

/** There is no such file, or a part of its path is no folder. */
export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Of every change that a broker without the lock is asked for. */
export function readOnlyError(): AppError {
  return new AppError("data.readOnly", "the data folder was opened for reading only");
}
