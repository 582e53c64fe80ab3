import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CallToolResultSchema,
  ErrorCode,
  McpError,
  ToolListChangedNotificationSchema,
  type CallToolRequest,
  type CallToolResult,
  type Tool,
} from "@modelcontextprotocol/sdk/types.js";
import { AppError } from "../../base/errors.ts";
import type { McpServer } from "./mcp-server.ts";

/** Deadlines of calls are the host's, on its own clock; the SDK's would be one minute. */
const NEVER_MS = 2 ** 31 - 1;

/** Names of options whose values are shown to nobody. */
const SECRET_OPTION = /^--?[\w-]*(key|token|secret|passw|auth|header)[\w-]*/i;

/** As errors name it; headers, environment and options may hold secrets, which are never shown. */
export function nameOf(server: McpServer): string {
  if ("command" in server) return [server.command, ...shownArgs(server.args ?? [])].join(" ");
  const { origin, pathname } = new URL(server.url);
  return `${origin}${pathname}`;
}

function shownArgs(args: readonly string[]): readonly string[] {
  return args.map((arg, i) => {
    const [option] = SECRET_OPTION.exec(arg) ?? [];
    if (option !== undefined) return arg.startsWith(`${option}=`) ? `${option}=***` : arg;
    const before = args[i - 1] ?? "";
    return SECRET_OPTION.test(before) && !before.includes("=") ? "***" : arg;
  });
}

/**
 * The connection to one server. It is made when it is needed, and made anew before the next call
 * where it broke; a call that it broke under is never asked again. It keeps no process alive.
 */
export class McpConnection {
  readonly name: string;
  readonly #server: McpServer;
  readonly #connectMs: number;
  readonly #calling = new AsyncLocalStorage<AbortSignal>();
  #open: Promise<Client> | undefined;
  #listed: Promise<readonly Tool[]> | undefined;

  constructor(server: McpServer, connectMs: number) {
    this.name = nameOf(server);
    this.#server = server;
    this.#connectMs = connectMs;
  }

  /** What the server has now: asked for once for each connection, and again when it tells. */
  tools(): Promise<readonly Tool[]> {
    this.#listed ??= this.#list().catch((error: unknown) => {
      this.#listed = undefined;
      throw this.#unavailable(error);
    });
    return this.#listed;
  }

  /**
   * Errors: `tool.failed` where the server refused or the connection broke under the call;
   * `provider.unavailable` where there is none to be had; `effect.stopped`.
   */
  async call(params: CallToolRequest["params"], signal: AbortSignal): Promise<CallToolResult> {
    const stop = new AbortController();
    const cancel = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", cancel);
    try {
      if (signal.aborted) throw signal.reason;
      return await this.#calling.run(stop.signal, () => this.#call(params, stop.signal));
    } catch (thrown) {
      if (signal.aborted) throw new AppError("effect.stopped", `${params.name} was stopped`);
      throw thrown instanceof AppError ? thrown : this.#failed(params.name, thrown);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  async close(): Promise<void> {
    const client = await this.#open?.catch(() => undefined);
    this.#forget();
    const { transport } = client ?? {};
    if (transport instanceof StreamableHTTPClientTransport)
      await transport.terminateSession().catch(() => undefined);
    await client?.close();
  }

  async #call(params: CallToolRequest["params"], signal: AbortSignal): Promise<CallToolResult> {
    const ask = async (): Promise<CallToolResult> => {
      const client = await this.#client();
      const options = { signal, timeout: NEVER_MS };
      const result = await client.callTool(params, CallToolResultSchema, options);
      return CallToolResultSchema.parse(result);
    };
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StreamableHTTPError && error.code === 404)) throw error;
      // It knows the session no more, as after a restart: it has not run the call.
      this.#forget();
      return ask();
    }
  }

  async #list(): Promise<readonly Tool[]> {
    const client = await this.#client();
    const tools: Tool[] = [];
    let cursor: string | undefined;
    do {
      const params = cursor === undefined ? {} : { cursor };
      const page = await client.listTools(params, { timeout: this.#connectMs });
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return tools;
  }

  #client(): Promise<Client> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#forget();
      throw this.#unavailable(error);
    });
    return this.#open;
  }

  async #connect(): Promise<Client> {
    const client = new Client({ name: "turnfold", version: "1" });
    const transport = this.#transport();
    client.onclose = () => this.#forget();
    client.onerror = ({ message }) => {
      // The SDK would let the calls on that stream wait for ever.
      const isBroken = message.startsWith("SSE stream disconnected") && !/abort/i.test(message);
      if (isBroken) void client.close();
    };
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.#listed = undefined;
    });
    await client.connect(transport, { timeout: this.#connectMs });
    if (transport instanceof StdioClientTransport) letGo(transport);
    return client;
  }

  #transport(): Transport {
    if ("command" in this.#server) {
      const { command, args = [], env, cwd } = this.#server;
      return new StdioClientTransport({
        command,
        args: [...args],
        ...(env && { env: { ...env } }),
        ...(cwd !== undefined && { cwd }),
      });
    }
    const { url, headers = {} } = this.#server;
    return new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: { ...headers } },
      fetch: (to, init) => this.#fetch(to, init),
    }) as Transport;
  }

  /** A call that is stopped ends its request. There is no standing one: it would never end. */
  #fetch(to: string | URL, init: RequestInit = {}): Promise<Response> {
    if (init.method === "GET") return Promise.resolve(new Response(null, { status: 405 }));
    const signals = [init.signal, this.#calling.getStore()].filter((signal) => !!signal);
    return fetch(to, { ...init, signal: AbortSignal.any(signals) });
  }

  #forget(): void {
    this.#open = undefined;
    this.#listed = undefined;
  }

  #unavailable(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    const isProgram = "command" in this.#server;
    const what = isProgram ? "cannot be started" : "does not answer";
    const message = `the MCP server ${this.name} ${what}: ${messageOf(thrown)}`;
    const fix = isProgram
      ? "run the command by hand: it must be there, and speak MCP over its stdin and stdout"
      : "check the address and the headers, and that the server runs";
    return new AppError("provider.unavailable", message, { cause: thrown, detail: { fix } });
  }

  #failed(tool: string, thrown: unknown): AppError {
    const isBroken = thrown instanceof McpError && thrown.code === ErrorCode.ConnectionClosed;
    const why = isBroken
      ? "the connection broke; whether it was done is not known"
      : messageOf(thrown);
    return new AppError("tool.failed", `${tool}: ${why}`, { cause: thrown });
  }
}

function messageOf(thrown: unknown): string {
  const { message, cause } = thrown as { readonly message?: string; readonly cause?: Error };
  return [message ?? String(thrown), cause?.message].filter((text) => text).join(": ");
}

/** The program ends when its stdin does: with this process, which need not wait for it. */
function letGo(transport: StdioClientTransport): void {
  const { _process: child } = transport as unknown as { readonly _process?: ChildProcess };
  child?.unref();
  for (const pipe of [child?.stdin, child?.stdout]) (pipe as { unref?(): void } | null)?.unref?.();
}
