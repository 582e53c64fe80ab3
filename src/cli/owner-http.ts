import { AppError, codeOf } from "../base/errors.ts";
import type { Config } from "../config.ts";
import { lockHolder } from "../main.ts";

/** What is asked of the process that owns the data folder, over its HTTP. */
export interface OwnerRequest {
  readonly path: string;
  /** Sent as JSON; without it, it is a question only. */
  readonly body?: object;
  /** Where to ask, instead of where the owner says it is. */
  readonly port?: number;
  readonly timeoutMs: number;
}

/**
 * Its answer, unchecked. Errors: what it answers with; `bus.noResponder` where no process owns the
 * folder or it serves nothing, `bus.timeout`.
 */
export async function askOwner(config: Config, request: OwnerRequest): Promise<unknown> {
  const url = request.port === undefined ? urlOf(config) : `http://localhost:${request.port}`;
  const { response, answer } = await fetchJson(url, request);
  if (response.ok) return answer;
  const { error } = answer as { readonly error?: { code?: string; message?: string } };
  throw new AppError(codeOf(error), error?.message ?? `${url} answered ${response.status}`);
}

function urlOf({ dataDir }: Config): string {
  const holder = lockHolder(dataDir);
  if (!holder)
    throw new AppError("bus.noResponder", `no process runs calls in ${dataDir}`, {
      detail: { fix: "start one with `turnfold start`, or name another folder with --data" },
    });
  if (holder.url !== undefined) return holder.url;
  const who = holder.pid === undefined ? "the process" : `process ${holder.pid}`;
  throw new AppError("bus.noResponder", `${who}, which owns ${dataDir}, takes no commands`, {
    detail: { fix: "only `turnfold start` and `turnfold dev` do; or wait until it has ended" },
  });
}

async function fetchJson(url: string, { path, body, timeoutMs }: OwnerRequest) {
  const post = { method: "POST", body: JSON.stringify(body) };
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url + path, { ...(body && post), signal });
    return { response, answer: await response.json() };
  } catch (cause) {
    if ((cause as { name?: unknown }).name === "TimeoutError")
      throw new AppError("bus.timeout", `no answer of ${url} within ${timeoutMs} ms`, { cause });
    throw new AppError("bus.noResponder", `no turnfold answers at ${url}`, {
      cause,
      detail: { fix: "see that `turnfold start` runs, and on which port" },
    });
  }
}
