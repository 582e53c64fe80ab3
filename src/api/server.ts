import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { AppError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { TurnFold } from "../folds/turns.ts";
import { CallFeed } from "./call-feed.ts";
import { summaryOf } from "./call-summary.ts";
import { toResponse } from "./http-errors.ts";

/**
 * The page and the little HTTP it needs: the calls there are, a call's records as they come, and a
 * button that runs the sample call. It listens on loopback only, as it knows no users yet.
 */
export interface ServerPorts {
  readonly broker: Broker;
  readonly logger: Logger;
  /** Runs the sample call here; resolves with its id once it has been opened. */
  readonly runSample: (onRecord: (ref: CallRef, record: LogRecord) => void) => Promise<CallRef>;
  /** Whether there is speech-to-text, and if not, why. */
  readonly speech: { readonly ready: boolean; readonly missing: string | undefined };
}

const PAGES = {
  "/": ["index.html", "text/html"],
  "/app.js": ["app.js", "text/javascript"],
  "/style.css": ["style.css", "text/css"],
} as const;

export function createApp(ports: ServerPorts): Hono {
  const app = new Hono();
  const feed = new CallFeed(ports.broker.log);
  app.onError((error, context) => {
    const response = toResponse(error, context);
    const level = response.status < 500 ? "info" : "error";
    ports.logger.log(level, "request failed", { error: String(error) });
    return response;
  });
  for (const [path, [file, type]] of Object.entries(PAGES))
    app.get(path, async (context) => {
      const body = await readFile(new URL(`../web/${file}`, import.meta.url), "utf8");
      return context.body(body, 200, { "content-type": `${type}; charset=utf-8` });
    });
  app.get("/api/speech", (context) => context.json(ports.speech));
  app.get("/api/calls", async (context) => {
    const refs = await ports.broker.log.calls();
    const recent = refs.slice(0, CALLS_MAX);
    const rows = await Promise.all(recent.map((ref) => summaryOf(ports.broker.log, ref)));
    return context.json(rows.filter((row) => row !== undefined));
  });
  app.post("/api/sample", async (context) => {
    const ref = await ports.runSample((of) => feed.grew(of));
    return context.json(ref, 201);
  });
  app.get("/api/calls/:tenant/:call/turns", async (context) => {
    const ref = { tenant: context.req.param("tenant"), call: context.req.param("call") };
    const fold = new TurnFold();
    for await (const record of ports.broker.log.read(ref)) fold.apply(record);
    return context.json(fold.summaries());
  });
  app.get("/api/calls/:tenant/:call/records", async (context) => {
    const ref = { tenant: context.req.param("tenant"), call: context.req.param("call") };
    if ((await ports.broker.log.tail(ref)).seq === 0)
      throw new AppError("call.notFound", `no call ${ref.call}`);
    return streamSSE(context, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      for await (const record of feed.follow(ref, gone.signal))
        await stream.writeSSE({ id: String(record.seq), data: JSON.stringify(record) });
      await stream.writeSSE({ event: "end", data: "" });
    });
  });
  return app;
}

/** Most calls the page lists. */
const CALLS_MAX = 50;

export interface Listening extends AsyncDisposable {
  readonly url: string;
}

/**
 * Listens on loopback; port 0 takes a free one. Throws `config.invalid` where the port is taken.
 */
export function listen(app: Hono, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, (info: AddressInfo) =>
      resolve({
        url: `http://localhost:${info.port}`,
        [Symbol.asyncDispose]: () =>
          new Promise<void>((done) => {
            server.close(() => done());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      }),
    );
    server.on("error", (cause: Error) => {
      const message = `cannot listen on port ${port}: ${cause.message}; choose another with --port`;
      reject(new AppError("config.invalid", message, { cause }));
    });
  });
}
