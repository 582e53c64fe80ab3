import type { CallToolResult, Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import type { JsonSchemaType } from "@modelcontextprotocol/sdk/validation/types.js";
import { canonicalJson } from "../../base/digest.ts";
import { AppError } from "../../base/errors.ts";
import type { Json } from "../../events/record.ts";
import type { Tool } from "../tool.port.ts";
import { McpConnection } from "./mcp-connection.ts";
import type { McpServer } from "./mcp-server.ts";

export interface McpSettings {
  readonly prefix: string;
  /** Names as the server has them; default: all. */
  readonly only: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly write: boolean | readonly string[] | undefined;
}

/** A server's tools by the names the model is given; each is made by the name it stands under. */
export interface McpSource {
  readonly tools: Readonly<Record<string, { readonly named: (name: string) => Tool }>>;
  close(): Promise<void>;
}

/** Where a call has its idempotency key, beside the arguments. */
export const KEY_META = "turnfold/idempotencyKey";

interface Shared {
  readonly connection: McpConnection;
  users: number;
}

/** An agent's file may be loaded many times: the server is spoken to over one connection. */
const connections = new Map<string, Shared>();

/** Errors: `provider.unavailable`, naming the server; `config.invalid` for names that cannot be. */
export async function openMcpTools(server: McpServer, settings: McpSettings): Promise<McpSource> {
  const id = canonicalJson(server);
  const connection = new McpConnection(server, settings.timeoutMs);
  const shared = connections.get(id) ?? { connection, users: 0 };
  connections.set(id, shared);
  shared.users++;
  const close = async (): Promise<void> => {
    if (--shared.users > 0) return;
    connections.delete(id);
    await shared.connection.close();
  };
  try {
    return { tools: await toolsOf(shared.connection, settings), close: onceOnly(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

function onceOnly(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => (closed ??= close());
}

async function toolsOf(
  connection: McpConnection,
  settings: McpSettings,
): Promise<McpSource["tools"]> {
  const listed = await connection.tools();
  const refuse = (what: string): never => {
    throw new AppError("config.invalid", `the MCP server ${connection.name}: ${what}`);
  };
  const names = listed.map(({ name }) => name);
  const asked = typeof settings.write === "object" ? settings.write : [];
  for (const name of [...(settings.only ?? []), ...asked])
    if (!names.includes(name)) refuse(`it has no tool ${name}; there are: ${names.join(", ")}`);
  const tools: Record<string, McpSource["tools"][string]> = {};
  for (const one of listed) {
    if (settings.only && !settings.only.includes(one.name)) continue;
    const key = `${settings.prefix}${one.name.replaceAll(/\W/g, "_")}`;
    if (key.length > 64) refuse(`the name ${key} is longer than 64 characters`);
    if (key in tools)
      refuse(`two of its tools would be called ${key}; name those wanted: \`only\``);
    tools[key] = definitionOf(one, connection, settings);
  }
  return tools;
}

function definitionOf(listed: ListedTool, connection: McpConnection, settings: McpSettings) {
  const { name, inputSchema, annotations = {} } = listed;
  const write = isWrite(listed, settings.write);
  const description = listed.description ?? listed.title ?? annotations.title ?? name;
  const told = canonicalJson(inputSchema);
  const check = checkOf(inputSchema);
  return {
    named: (as: string): Tool => ({
      spec: { name: as, description, parameters: inputSchema as Json },
      write,
      // Asked for twice it does the same once: what a write needs to be asked for after a crash.
      idempotent: annotations.idempotentHint ?? false,
      timeoutMs: settings.timeoutMs,
      onBargeIn: write ? "finish" : "cancel",
      check: (input) => check(input, as),
      run: async (input, { key, signal }) => {
        check(input, as);
        const now = (await connection.tools()).find((one) => one.name === name);
        if (!now || canonicalJson(now.inputSchema) !== told)
          throw new AppError(
            "tool.failed",
            `${name}: the MCP server ${connection.name} has changed it since the agent was loaded`,
          );
        const args = input as Record<string, unknown>;
        const params = { name, arguments: args, _meta: { [KEY_META]: key } };
        return outputOf(name, await connection.call(params, signal));
      },
    }),
  };
}

/** A tool that does not say that it only reads may change the world. */
function isWrite({ name, annotations }: ListedTool, write: McpSettings["write"]): boolean {
  if (typeof write === "boolean") return write;
  return write ? write.includes(name) : annotations?.readOnlyHint !== true;
}

function checkOf(schema: ListedTool["inputSchema"]): (input: Json, name: string) => Json {
  const validate = new AjvJsonSchemaValidator().getValidator<Json>(schema as JsonSchemaType);
  return (input, name) => {
    const { valid, errorMessage } = validate(input);
    if (valid) return input;
    throw new AppError("input.invalid", `input of ${name}: ${errorMessage}`);
  };
}

/** Error `tool.failed` with the server's own words. */
function outputOf(name: string, result: CallToolResult): Json {
  const text = result.content.map(textOf).join("\n");
  if (result.isError) throw new AppError("tool.failed", `${name}: ${text}`);
  return (result.structuredContent as Json | undefined) ?? text;
}

/** What is no text is described: a model that speaks can do no more with it. */
function textOf(content: CallToolResult["content"][number]): string {
  switch (content.type) {
    case "text":
      return content.text;
    case "image":
    case "audio":
      return `[${content.type}, ${content.mimeType}, ${bytesOf(content.data)} bytes]`;
    case "resource_link":
      return `[link to ${content.title ?? content.name}: ${content.uri}]`;
    case "resource": {
      const { resource } = content;
      if ("text" in resource) return `[${resource.uri}]\n${resource.text}`;
      const { uri, mimeType = "bytes", blob } = resource;
      return `[resource ${uri}, ${mimeType}, ${bytesOf(blob)} bytes]`;
    }
  }
}

function bytesOf(base64: string): number {
  return Buffer.byteLength(base64, "base64");
}
