import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";

/** What the server did: calls by name, their idempotency keys, calls that were cancelled. */
export interface McpSeen {
  readonly calls: string[];
  readonly keys: unknown[];
  readonly cancelled: string[];
}

const text = (words: string): CallToolResult => ({ content: [{ type: "text", text: words }] });

/** A shop, as one would write it with the SDK. */
export function shopServer(seen: McpSeen): McpServer {
  const server = new McpServer({ name: "shop", version: "1.0.0" });
  const readOnly = { annotations: { readOnlyHint: true } };
  server.registerTool(
    "price-of",
    {
      description: "The price of a thing.",
      inputSchema: { thing: z.string() },
      outputSchema: { cents: z.number() },
      ...readOnly,
    },
    ({ thing }) => {
      seen.calls.push("price-of");
      const structuredContent = { cents: thing.length * 100 };
      return { content: [], structuredContent };
    },
  );
  const note = z.object({ thing: z.string() });
  server.registerTool(
    "order",
    { description: "Orders it.", inputSchema: note.shape, annotations: { idempotentHint: true } },
    ({ thing }, { _meta }) => {
      seen.calls.push("order");
      seen.keys.push(_meta?.["turnfold/idempotencyKey"]);
      return text(`ordered ${thing}`);
    },
  );
  server.registerTool("refuse", { description: "Refuses.", ...readOnly }, () => {
    return { ...text("sold out"), isError: true };
  });
  server.registerTool("wait", { description: "Waits.", ...readOnly }, async ({ signal }) => {
    seen.calls.push("wait");
    await once(signal, "abort");
    seen.cancelled.push("wait");
    return text("too late");
  });
  server.registerTool("crash", { description: "Ends the server." }, () => process.exit(1));
  server.registerTool("show", { description: "Shows it.", ...readOnly }, () => ({
    content: [
      { type: "text", text: "Here it is." },
      { type: "image", mimeType: "image/png", data: "AAAA" },
      { type: "resource_link", name: "manual", uri: "shop://manual" },
      { type: "resource", resource: { uri: "shop://note", text: "handle with care" } },
    ],
  }));
  const price = server.registerTool("changing", { description: "Changes.", ...readOnly }, () =>
    text("as it was"),
  );
  server.registerTool("change", { description: "Changes the other." }, () => {
    price.update({ paramsSchema: note.shape, callback: () => text("as it is now") });
    return text("changed");
  });
  return server;
}

/** The shop by streamable HTTP on loopback, a session for each client. */
export class HttpShop implements AsyncDisposable {
  readonly seen: McpSeen = { calls: [], keys: [], cancelled: [] };
  readonly headers: (string | undefined)[] = [];
  readonly #sessions = new Map<string, StreamableHTTPServerTransport>();
  readonly #server = createServer((request, response) => {
    this.headers.push(request.headers.authorization);
    void this.#transportFor(request.headers["mcp-session-id"]).then((transport) => {
      if (transport) return transport.handleRequest(request, response);
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32001 } }));
    });
  });

  static async start(): Promise<HttpShop> {
    const shop = new HttpShop();
    shop.#server.listen(0, "127.0.0.1");
    await once(shop.#server, "listening");
    return shop;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** As a restart does: it knows no session any more. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  /** All connections are torn, with whatever runs on them. */
  tear(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #transportFor(
    session: string | string[] | undefined,
  ): Promise<StreamableHTTPServerTransport | undefined> {
    if (session !== undefined) return this.#sessions.get(String(session));
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void this.#sessions.set(id, transport),
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    await shopServer(this.seen).connect(transport as Transport);
    return transport;
  }
}
