import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { promisify } from "node:util";
import { loadAgent } from "../../src/cli/load-agent.ts";
import type { Json } from "../../src/events/record.ts";
import { mcpTools, voiceAgent, type McpOptions, type McpTools } from "../../src/index.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { scripted, simulate } from "../../src/testing/index.ts";
import { HttpShop } from "../support/mcp-server.ts";

const PROGRAM = join(import.meta.dirname, "..", "support", "mcp-stdio.ts");
const folder = await mkdtemp(join(tmpdir(), "turnfold-mcp-"));
after(() => rm(folder, { recursive: true }));
let files = 0;

/** The shop as a program of its own, and what it told. */
function program() {
  const file = join(folder, `${++files}.txt`);
  const server = { command: process.execPath, args: [PROGRAM], env: { SEEN: file } };
  const seen = (): string[] => {
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };
  return { server, seen };
}

function toolOf(tools: McpTools, name: string): Tool {
  const definition = tools[name];
  assert.ok(definition, `no tool ${name} in ${Object.keys(tools).join(", ")}`);
  return definition.named(name);
}

function run(tools: McpTools, name: string, input: Json = {}): Promise<unknown> {
  return runUntil(never)(tools, name, input);
}

function runUntil(signal: AbortSignal) {
  return (tools: McpTools, name: string, input: Json): Promise<unknown> =>
    Promise.try(() => toolOf(tools, name).run(input, { key: "call.7", signal }));
}

const never = new AbortController().signal;

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}

/** The same over both transports. */
function opened(by: "stdio" | "http") {
  return async (options: McpOptions = {}) => {
    if (by === "stdio") {
      const { server, seen } = program();
      const tools = await mcpTools(server, options);
      return { tools, seen, [Symbol.asyncDispose]: () => tools[Symbol.asyncDispose]() };
    }
    const shop = await HttpShop.start();
    const tools = await mcpTools(
      { url: shop.url, headers: { authorization: "Bearer me" } },
      options,
    );
    return {
      tools,
      seen: () =>
        Object.entries(shop.seen).flatMap(([kind, all]) =>
          (all as unknown[]).map((one) => `${kind} ${String(one)}`),
        ),
      [Symbol.asyncDispose]: async () => {
        await tools[Symbol.asyncDispose]();
        assert.equal(shop.sessions, 0);
        assert.ok(shop.headers.every((header) => header === "Bearer me"));
        await shop[Symbol.asyncDispose]();
      },
    };
  };
}

for (const by of ["stdio", "http"] as const)
  suite(`tools of an MCP server by ${by}`, () => {
    const open = opened(by);

    test("their schemas, flags and outputs are the server's", async () => {
      await using shop = await open();
      const priced = toolOf(shop.tools, "price_of");
      assert.equal(priced.write, false);
      assert.equal(priced.onBargeIn, "cancel");
      assert.equal(priced.spec.description, "The price of a thing.");
      const { required } = priced.spec.parameters as { required: string[] };
      assert.deepEqual(required, ["thing"]);
      const order = toolOf(shop.tools, "order");
      assert.deepEqual([order.write, order.idempotent], [true, true]);
      assert.equal(toolOf(shop.tools, "crash").write, true);
      assert.deepEqual(await run(shop.tools, "price_of", { thing: "pen" }), { cents: 300 });
      assert.equal(await run(shop.tools, "order", { thing: "pen" }), "ordered pen");
      assert.ok(shop.seen().includes("keys call.7"));
    });

    test("input that does not fit is refused here, an error of the tool is its own", async () => {
      await using shop = await open();
      assert.throws(() => toolOf(shop.tools, "order").check?.({ thing: 7 }), {
        code: "input.invalid",
      });
      await assert.rejects(run(shop.tools, "order", {}), { code: "input.invalid" });
      assert.ok(!shop.seen().includes("calls order"));
      await assert.rejects(run(shop.tools, "refuse"), {
        code: "tool.failed",
        message: "refuse: sold out",
      });
    });

    test("what is no text is described", async () => {
      await using shop = await open();
      assert.equal(
        await run(shop.tools, "show"),
        "Here it is.\n[image, image/png, 3 bytes]\n[link to manual: shop://manual]\n" +
          "[shop://note]\nhandle with care",
      );
    });

    test("a call that is stopped is cancelled at the server, and others go on", async () => {
      await using shop = await open();
      const stop = new AbortController();
      const stopped = runUntil(stop.signal)(shop.tools, "wait", {});
      await until(() => shop.seen().includes("calls wait"));
      stop.abort();
      await assert.rejects(stopped, { code: "effect.stopped" });
      await until(() => shop.seen().includes("cancelled wait"));
      assert.deepEqual(await run(shop.tools, "price_of", { thing: "ink" }), { cents: 300 });
      assert.equal(getEventListeners(stop.signal, "abort").length, 0);
    });

    test("names can be prefixed and chosen, writes told", async () => {
      await using shop = await open({ prefix: "shop_", only: ["order", "wait"], write: ["wait"] });
      assert.deepEqual(Object.keys(shop.tools), ["shop_order", "shop_wait"]);
      const writes = Object.keys(shop.tools).map((name) => toolOf(shop.tools, name).write);
      assert.deepEqual(writes, [false, true]);
    });

    test("a call of an agent uses one, and replays exactly without the server", async () => {
      await using shop = await open();
      const llm = scripted([
        { call: { tool: "order", input: { thing: "pen" } } },
        "The pen is on its way.",
      ]);
      const agent = voiceAgent({
        name: "shop",
        instructions: "You sell things.",
        tools: { ...shop.tools },
      });
      await using call = await simulate(agent, { llm });
      await call.says("A pen, please.");
      call.heard("on its way").tool("order").once().calledWith({ thing: "pen" });
      await shop.tools[Symbol.asyncDispose]();
      const ran = shop.seen().length;
      await call.replaysExactly();
      assert.equal(shop.seen().length, ran);
    });
  });

suite("the connection to an MCP server", () => {
  test("a program that ended is started again before the next call", async () => {
    const { server, seen } = program();
    await using tools = await mcpTools(server);
    await assert.rejects(run(tools, "crash"), { code: "tool.failed", message: /is not known/ });
    assert.equal(await run(tools, "order", { thing: "pen" }), "ordered pen");
    const starts = seen().filter((line) => line === "calls started");
    assert.equal(starts.length, 2);
  });

  test("a server that knows the session no more is asked again, once", async () => {
    await using shop = await HttpShop.start();
    await using tools = await mcpTools({ url: shop.url });
    shop.forgetSessions();
    assert.equal(await run(tools, "order", { thing: "pen" }), "ordered pen");
    assert.deepEqual(shop.seen.calls, ["order"]);
  });

  test("a call whose connection broke fails and is not asked again", async () => {
    await using shop = await HttpShop.start();
    await using tools = await mcpTools({ url: shop.url });
    const failed = run(tools, "wait");
    await until(() => shop.seen.calls.length === 1);
    shop.tear();
    await assert.rejects(failed, { code: "tool.failed", message: /is not known/ });
    assert.deepEqual(await run(tools, "price_of", { thing: "pen" }), { cents: 300 });
    assert.deepEqual(shop.seen.calls, ["wait", "price-of"]);
  });

  test("a tool that changed meanwhile is refused, the others are not", async () => {
    const { server } = program();
    await using tools = await mcpTools(server);
    assert.equal(await run(tools, "changing"), "as it was");
    await run(tools, "change");
    await assert.rejects(run(tools, "changing"), {
      code: "tool.failed",
      message: /has changed it since the agent was loaded/,
    });
    assert.deepEqual(await run(tools, "price_of", { thing: "pen" }), { cents: 300 });
  });

  test("one server of a process has one connection, until the last lets go", async () => {
    const { server, seen } = program();
    const first = await mcpTools(server);
    const second = await mcpTools({ ...server }, { only: ["order"] });
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    assert.equal(await run(second, "order", { thing: "ink" }), "ordered ink");
    await second[Symbol.asyncDispose]();
    assert.deepEqual(seen().slice(0, 2), ["calls started", "calls order"]);
  });

  test("one that is not there is named, its secrets are not", async () => {
    const env = { TOKEN: "secret" };
    const args = ["--x", "y", "--api-key", "secret", "--token=secret", "--header", "A: secret"];
    await assert.rejects(mcpTools({ command: "no-such-program", args, env }), (error) => {
      const { code, message } = error as { code: string; message: string };
      assert.equal(code, "provider.unavailable");
      const shown = "no-such-program --x y --api-key *** --token=*** --header ***";
      assert.ok(message.startsWith(`the MCP server ${shown} cannot be started: `), message);
      assert.match(message, /ENOENT/);
      return true;
    });
    await assert.rejects(mcpTools({ command: process.execPath, args: ["-e", "0"] }), {
      code: "provider.unavailable",
    });
    const shop = await HttpShop.start();
    const gone = shop.url;
    const url = `${gone}?key=secret`;
    await shop[Symbol.asyncDispose]();
    await assert.rejects(mcpTools({ url, headers: { authorization: "secret" } }), (error) => {
      const { code, message } = error as { code: string; message: string };
      assert.equal(code, "provider.unavailable");
      assert.ok(message.includes(gone) && !message.includes("secret"), message);
      return true;
    });
  });

  test("an agent's file whose server is not there is not loaded, and says which", async () => {
    const file = join(folder, "agent.ts");
    const agent = `import { mcpTools, voiceAgent } from "turnfold";
      const tools = await mcpTools({ command: "no-such-program", args: ["--x"] });
      export default voiceAgent({ name: "a", instructions: "b", tools });`;
    await writeFile(file, agent);
    await assert.rejects(loadAgent(file), {
      code: "provider.unavailable",
      message: /agent\.ts.*the MCP server no-such-program --x cannot be started/,
    });
  });

  test("an agent may take the tools as they are", async () => {
    const { server } = program();
    await using tools = await mcpTools(server, { only: ["order"] });
    const agent = voiceAgent({ name: "a", instructions: "b", tools });
    assert.deepEqual(
      agent.tools.map(({ spec }) => spec.name),
      ["order"],
    );
  });

  test("names it does not have are refused with those that it has", async () => {
    const { server } = program();
    await assert.rejects(mcpTools(server, { only: ["sell"] }), {
      code: "config.invalid",
      message: /it has no tool sell; there are: price-of, order/,
    });
    await assert.rejects(mcpTools({ url: "not an address" }), { code: "config.invalid" });
  });

  for (const by of ["stdio", "http"] as const)
    test(`keeps no process alive (${by})`, async () => {
      await using shop = await HttpShop.start();
      const server = by === "http" ? { url: shop.url } : program().server;
      const index = new URL("../../src/index.ts", import.meta.url).href;
      const code = `import { mcpTools } from ${JSON.stringify(index)};
        const tools = await mcpTools(${JSON.stringify(server)});
        const input = { thing: "pen" };
        const context = { key: "k", signal: new AbortController().signal };
        console.log(await tools.order.named("order").run(input, context));`;
      const line = ["--input-type=module", "-e", code];
      const { stdout } = await promisify(execFile)(process.execPath, line, { timeout: 20_000 });
      assert.equal(stdout.trim(), "ordered pen");
    });
});
