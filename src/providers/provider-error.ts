import { AppError, type ErrorCode } from "../base/errors.ts";

/**
 * What a vendor's SDK throws, as one of our codes. SDKs have error classes of their own, so it is
 * told by what they share: a status, a name, a code of the network.
 */
export interface Vendor {
  /** As it stands in logs: `openai`. */
  readonly provider: string;
  /** Name of the variable that holds its key: `OPENAI_API_KEY`. */
  readonly keyName: string;
  /** Never shown: blotted out of every message. */
  readonly key: string;
}

interface Thrown {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly code?: unknown;
  /** The vendor's own word for what it is. */
  readonly type?: unknown;
  /** Body of the answer, as some SDKs keep it. */
  readonly error?: unknown;
  readonly headers?: unknown;
  readonly rawResponse?: { readonly headers?: unknown };
  readonly cause?: unknown;
}

/** Where a body says what is wrong; `detail` is ElevenLabs's, `err_msg` Deepgram's. */
interface Body {
  readonly error?: { readonly message?: unknown };
  readonly detail?: { readonly message?: unknown };
  readonly err_msg?: unknown;
}

const ABORTS = new Set(["AbortError", "APIUserAbortError", "CanceledError"]);
const NETWORK_CODE = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOST|ENET|UND_ERR_)/;
const NETWORK_WORDS = new RegExp(
  "^(fetch failed|terminated|socket hang up|connection error|premature close|other side closed|" +
    "incomplete json segment)",
  "i",
);
const BODY = /^(?:\d{3} |got status: \w+\. |Status code: \d+\s+Body: )?(\{.*\})$/s;
/** 498 is Groq's: no room left for now. */
const LIMITS = new Set([429, 498]);
const TIMEOUTS = new Set([408, 504]);
/** Of errors told within a stream, which have no status any more. */
const CODES_OF_TYPES: Readonly<Record<string, ErrorCode>> = {
  authentication_error: "provider.rejected",
  permission_error: "provider.rejected",
  billing_error: "provider.rejected",
  rate_limit_error: "provider.limited",
  rate_limit_exceeded: "provider.limited",
  timeout_error: "provider.timeout",
  not_found_error: "provider.refused",
  invalid_request_error: "provider.refused",
};

/** Error of our own for anything a vendor's SDK threw; ours are left as they are. */
export function providerError(vendor: Vendor, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const status = statusOf(thrown);
  const code = codeFor(thrown, status);
  const retryAfterMs = retryAfterOf(thrown);
  const hint = code === "provider.rejected" ? ` (see ${vendor.keyName})` : "";
  const message = blotted(vendor, `${vendor.provider}: ${messageOf(thrown)}${hint}`);
  return new AppError(code, message, {
    cause: withoutSecrets(vendor, thrown),
    detail: {
      provider: vendor.provider,
      ...(status !== undefined && { status }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  });
}

function codeFor(thrown: unknown, status: number | undefined): ErrorCode {
  const { name, message } = (thrown ?? {}) as Thrown;
  if (ABORTS.has(String(name))) return "effect.stopped";
  const words = wordsOf(thrown);
  // Gemini calls a wrong key a bad request.
  if (words.includes("insufficient_quota") || /API_KEY_INVALID/.test(String(message)))
    return "provider.rejected";
  if (status !== undefined) return codeOfStatus(status);
  const known = words.find((word) => word in CODES_OF_TYPES);
  if (known !== undefined) return CODES_OF_TYPES[known]!;
  if (chainOf(thrown).some(isNetwork)) return "provider.unavailable";
  if (/timeout/i.test(String(name))) return "provider.timeout";
  return thrown instanceof SyntaxError ? "provider.garbled" : "provider.failed";
}

/** The vendor's codes and types, of the error itself and of the body that it holds. */
function wordsOf(thrown: unknown): readonly string[] {
  const { error } = (thrown ?? {}) as Thrown;
  const inner = (error as Thrown | undefined)?.error;
  return [thrown, error, inner]
    .flatMap((one) => [(one as Thrown | undefined)?.code, (one as Thrown | undefined)?.type])
    .filter((word) => typeof word === "string");
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401 || status === 402 || status === 403) return "provider.rejected";
  if (LIMITS.has(status)) return "provider.limited";
  if (TIMEOUTS.has(status)) return "provider.timeout";
  return status >= 400 && status < 500 ? "provider.refused" : "provider.failed";
}

function statusOf(thrown: unknown): number | undefined {
  const { status, statusCode, code } = (thrown ?? {}) as Thrown;
  return [status, statusCode, code].find(
    (one): one is number => typeof one === "number" && one >= 400 && one < 600,
  );
}

function isNetwork({ code, message }: Thrown): boolean {
  return NETWORK_CODE.test(String(code)) || NETWORK_WORDS.test(String(message));
}

function chainOf(thrown: unknown): Thrown[] {
  const chain: Thrown[] = [];
  for (let at = thrown; at && typeof at === "object" && chain.length < 5;) {
    chain.push(at as Thrown);
    at = (at as Thrown).cause;
  }
  return chain;
}

/** `Retry-After` in seconds, or as the vendor's own header or field, in ms. */
function retryAfterOf(thrown: unknown): number | undefined {
  const { headers, rawResponse } = (thrown ?? {}) as Thrown;
  const given = headers ?? rawResponse?.headers;
  const ms = Number(headerOf(given, "retry-after-ms"));
  if (ms > 0) return ms;
  const seconds = Number(headerOf(given, "retry-after"));
  if (seconds > 0) return Math.ceil(seconds * 1000);
  // Google tells it in the body.
  const told = /"retryDelay":\s*"([\d.]+)s"/.exec(String((thrown as Thrown | null)?.message));
  return told ? Math.ceil(Number(told[1]) * 1000) : undefined;
}

function headerOf(headers: unknown, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const value = (headers as Record<string, unknown> | undefined)?.[name];
  return typeof value === "string" ? value : undefined;
}

/** What was thrown first, and what it comes from: between the two stands only that one failed. */
function messageOf(thrown: unknown): string {
  const said = chainOf(thrown)
    .map(({ message, code }) => message || code)
    .filter((words): words is string => typeof words === "string" && words !== "")
    .map((words) => oneLine(plainOf(words)));
  const [first = String(thrown), ...more] = said;
  const last = more.at(-1);
  return last === undefined || first.includes(last)
    ? first
    : `${first.replace(/\.$/, "")}: ${last}`;
}

function oneLine(words: string): string {
  return words.replaceAll(/\s+/g, " ").trim();
}

/** Some SDKs give the whole body as the message, behind the status or not. */
function plainOf(message: string): string {
  const json = BODY.exec(message)?.[1];
  if (json === undefined) return message;
  try {
    const { error, detail, err_msg: said } = JSON.parse(json) as Body;
    const told = error?.message ?? detail?.message ?? said;
    return typeof told === "string" ? told : message;
  } catch {
    return message;
  }
}

function blotted({ key }: Vendor, text: string): string {
  return key === "" ? text : text.replaceAll(key, "***");
}

/** SDKs keep the request with its headers in what they throw. */
function withoutSecrets(vendor: Vendor, thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return blotted(vendor, String(thrown));
  const bare = new Error(blotted(vendor, thrown.message));
  bare.name = thrown.name;
  if (thrown.stack !== undefined) bare.stack = blotted(vendor, thrown.stack);
  return bare;
}
