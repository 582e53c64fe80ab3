import { appendFileSync } from "node:fs";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { shopServer, type McpSeen } from "./mcp-server.ts";

/** The shop as a program; what it did is told line by line in the file named by `SEEN`. */
const file = process.env["SEEN"];
const told = (kind: keyof McpSeen) => ({
  push: (what: unknown): void => {
    if (file !== undefined) appendFileSync(file, `${kind} ${String(what)}\n`);
  },
});
const seen = { calls: told("calls"), keys: told("keys"), cancelled: told("cancelled") };
told("calls").push("started");
await shopServer(seen as unknown as McpSeen).connect(new StdioServerTransport());
