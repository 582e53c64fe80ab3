import { AsyncLocalStorage } from "node:async_hooks";
import { initializeLogger, loggerOptions } from "@livekit/agents";
import { AppError, type ErrorCode } from "../../base/errors.ts";
import { providerError, type Vendor } from "../provider-error.ts";
import type { LiftOptions } from "./lift-options.ts";

/** What of a plugin's object is used beside its streams. */
export interface PluginObject {
  readonly model: string;
  readonly provider: string;
  on(event: "error", listener: (told: { readonly error: Error }) => void): unknown;
}

/** Attempts are ours: each is seen, and nothing that was heard is said again. */
export function connOptions(timeoutMs: number) {
  return { maxRetry: 0, retryIntervalMs: 0, timeoutMs };
}

/**
 * Plugins want the framework's logger before they are made. It writes to stdout, which is ours, so
 * it is silent where nobody has set it up.
 */
export function setUpLogger(): void {
  if (!loggerOptions()) initializeLogger({ pretty: false, level: "silent" });
}

interface PluginCall {
  error?: Error;
}

/**
 * The requests of one plugin object. It tells all errors on itself and its streams just end, so
 * which request one belongs to is known by where it is told from.
 */
export class PluginCalls {
  readonly vendor: Vendor;
  readonly model: string;
  readonly #calls = new AsyncLocalStorage<PluginCall>();

  constructor(plugin: PluginObject, { provider, model, key = "" }: LiftOptions) {
    this.vendor = { provider: provider ?? plugin.provider, keyName: "the plugin's key", key };
    this.model = model ?? plugin.model;
    // Without a listener a plugin's error would end the process.
    plugin.on("error", ({ error }) => {
      const call = this.#calls.getStore();
      if (call) call.error ??= error;
    });
  }

  /** Starts a stream; `failure` is what it failed with, once it has ended. */
  start<T>(open: () => T): { readonly stream: T; readonly failure: () => AppError | undefined } {
    const call: PluginCall = {};
    const stream = this.#calls.run(call, open);
    return { stream, failure: () => call.error && this.error(call.error) };
  }

  /** Plugins have error classes of the framework's, and words of their own. */
  error(thrown: unknown): AppError {
    const plain = providerError(this.vendor, withBody(thrown));
    const code = plain.code === "provider.failed" ? codeOf(thrown as PluginError) : plain.code;
    const { message, cause, detail } = plain;
    return code === plain.code ? plain : new AppError(code, message, { cause, detail });
  }
}

interface PluginError extends Error {
  readonly statusCode?: number;
  /** What the server said, where the plugin keeps it. */
  readonly body?: object | null;
}

/** What an error is may stand in what the server said, or in its words alone. */
function withBody(thrown: unknown): unknown {
  const { message, statusCode, body, stack } = thrown as PluginError;
  if (isStatus(statusCode)) return thrown;
  const [, refused] = /unexpected server response: (\d{3})/i.exec(message) ?? [];
  if (refused !== undefined) return { message, stack, statusCode: Number(refused) };
  return body ? { ...body, message, stack } : thrown;
}

function isStatus(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 600;
}

function codeOf({ name, message, statusCode = 0, body }: PluginError): ErrorCode {
  if (/unexpected token|is not valid json|unterminated string/i.test(message))
    return "provider.garbled";
  if (name === "APITimeoutError") return "provider.timeout";
  // Where a socket was closed, the status is its close code.
  const isClosed = statusCode >= 1000 || (statusCode < 0 && !body);
  return isClosed || name === "APIConnectionError" ? "provider.unavailable" : "provider.failed";
}
