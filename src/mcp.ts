import type { ToolDefinition } from "./agent/tool.ts";
import { durationMs, type Duration } from "./base/duration.ts";
import { AppError } from "./base/errors.ts";
import { fromOptional } from "./base/optional-package.ts";
import type { McpServer } from "./providers/mcp/mcp-server.ts";

export type { McpServer } from "./providers/mcp/mcp-server.ts";

export interface McpOptions {
  /** Before each name, as it stands: `'shop_'`. */
  readonly prefix?: string;
  /** Only these tools, by the server's names. */
  readonly only?: readonly string[];
  /** Of each call, and of the connecting; default `'15s'`. */
  readonly timeout?: Duration;
  /**
   * Which tools change the world, by the server's names; default: those that do not say of
   * themselves that they only read.
   */
  readonly write?: boolean | readonly string[];
}

/** To be spread into an agent's `tools`; closing it ends the connection, and the program. */
export type McpTools = Readonly<Record<string, ToolDefinition>> & AsyncDisposable;

/**
 * The tools of an MCP server, as it has them now. Errors: `provider.unavailable`, naming the server
 * that is not there; `provider.missing` without `@modelcontextprotocol/sdk`; `config.invalid`.
 */
export async function mcpTools(server: McpServer, options: McpOptions = {}): Promise<McpTools> {
  const { prefix = "", only, timeout = "15s", write } = options;
  if (!("command" in server) && !URL.canParse(server.url))
    throw new AppError(
      "config.invalid",
      "mcpTools: give { command, args }, or { url } with https://",
    );
  const timeoutMs = durationMs(timeout, "mcpTools: timeout");
  const { openMcpTools } = await fromOptional(
    "@modelcontextprotocol/sdk",
    () => import("./providers/mcp/mcp-tools.ts"),
  );
  const source = await openMcpTools(server, { prefix, only, timeoutMs, write });
  // Not enumerable: spread into an agent's tools, it is left behind.
  return Object.defineProperty({ ...source.tools }, Symbol.asyncDispose, {
    value: () => source.close(),
  }) as McpTools;
}
