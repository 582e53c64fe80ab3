import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { AppError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { FleetAnswer } from "../events/fleet.events.ts";
import type { CallRef } from "../events/record.ts";
import { type BudgetDesk, budgetRoutes } from "./budget.routes.ts";
import { callsRoutes, type CallsPorts } from "./calls.routes.ts";
import { commandsRoutes, type CommandsPort } from "./commands.routes.ts";
import { toResponse } from "./http-errors.ts";
import { checkOrigin } from "./origin.ts";
import { servePages } from "./pages.ts";

/**
 * The page and the HTTP it needs: the calls there are, the statecharts as data, and a button that
 * runs the sample call. It listens on loopback only, as it knows no users yet.
 */
export interface ServerPorts extends CallsPorts {
  readonly logger: Logger;
  /** Runs the sample call here; resolves with its id once it has been opened. */
  readonly runSample: () => Promise<CallRef>;
  /** Whether there is speech-to-text, and if not, why. */
  readonly speech: { readonly ready: boolean; readonly missing: string | undefined };
  /** The statecharts, as `turnfold charts --format json` gives them. */
  readonly charts: readonly unknown[];
  /** What the calls that run here may be told. */
  readonly commands: CommandsPort;
  readonly fleet: () => Promise<FleetAnswer>;
  readonly budgets: BudgetDesk;
}

export function createApp(ports: ServerPorts): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    const response = toResponse(error, context);
    const level = response.status < 500 ? "info" : "error";
    ports.logger.log(level, "request failed", { error: String(error) });
    return response;
  });
  app.use(async ({ req }, next) => {
    checkOrigin({ host: req.header("host"), origin: req.header("origin") }, false);
    await next();
  });
  servePages(app);
  app.get("/api/speech", (context) => context.json(ports.speech));
  app.get("/api/charts", (context) => context.json(ports.charts));
  app.post("/api/sample", async (context) => context.json(await ports.runSample(), 201));
  app.get("/api/fleet", async (context) => context.json(await ports.fleet()));
  app.route("/api/calls", callsRoutes(ports));
  app.route("/api/calls", commandsRoutes(ports.commands));
  app.route("/api/tenants", budgetRoutes(ports.budgets));
  return app;
}

export interface Listening extends AsyncDisposable {
  readonly url: string;
}

/** Something beside the app on the same port: it takes upgrades and ends with the server. */
export interface Attachment {
  attach(server: Server): void;
  close(): void;
}

/**
 * Listens on loopback; port 0 takes a free one. Throws `config.invalid` where the port is taken.
 */
export function listen(app: Hono, port: number, talk?: Attachment): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const options = { fetch: app.fetch, port, hostname: "127.0.0.1" };
    const server = serve(options, (info: AddressInfo) =>
      resolve({
        url: `http://localhost:${info.port}`,
        [Symbol.asyncDispose]: () =>
          new Promise<void>((done) => {
            server.close(() => done());
            talk?.close();
            server.closeAllConnections();
          }),
      }),
    ) as Server;
    talk?.attach(server);
    server.on("error", (cause: Error) => {
      const message = `cannot listen on port ${port}: ${cause.message}; choose another with --port`;
      reject(new AppError("config.invalid", message, { cause }));
    });
  });
}
