import { Hono, type Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { MachineSet } from "../actors/machine-set.ts";
import { AppError } from "../base/errors.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef } from "../events/record.ts";
import { turnsOf, verdictOf } from "./call-detail.ts";
import type { CallFeed } from "./call-feed.ts";
import { summaryOf } from "./call-summary.ts";
import type { LiveCosts } from "./live-costs.ts";

/** What there is to know of calls: the list, one call, its proof, its cost, its records. */
export interface CallsPorts {
  readonly log: EventLog;
  readonly feed: CallFeed;
  readonly machines: MachineSet;
  readonly costs: Pick<LiveCosts, "of">;
}

/** Most calls the page lists. */
const CALLS_MAX = 50;

export function callsRoutes({ log, feed, machines, costs }: CallsPorts): Hono {
  const app = new Hono();
  app.get("/", async (context) => {
    const refs = await log.calls();
    const rows = await Promise.all(refs.slice(0, CALLS_MAX).map((ref) => summaryOf(log, ref)));
    return context.json(rows.filter((row) => row !== undefined));
  });
  app.get("/:tenant/:call", async (context) => {
    const ref = await known(context, log);
    const [summary, turns] = await Promise.all([summaryOf(log, ref), turnsOf(log, ref)]);
    return context.json({ ...summary, turns });
  });
  app.get("/:tenant/:call/replay", async (context) =>
    context.json(await verdictOf(log, await known(context, log), machines)),
  );
  app.get("/:tenant/:call/cost", async (context) =>
    context.json(await costs.of(await known(context, log))),
  );
  app.get("/:tenant/:call/records", async (context) => {
    const ref = await known(context, log);
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

/** Throws `call.notFound`. */
async function known(context: Context, log: EventLog): Promise<CallRef> {
  const { tenant = "", call = "" } = context.req.param() as Record<string, string>;
  if ((await log.tail({ tenant, call })).seq === 0)
    throw new AppError("call.notFound", `no call ${call}`);
  return { tenant, call };
}
