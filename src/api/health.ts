import { Hono } from "hono";
import { type Clock, sleep } from "../base/clock.ts";

/** Who asks is answered within this time, whatever a part does. */
const CHECK_MAX_MS = 2_000;

/** A part that turnfold cannot do its work without, or can for a while. */
export interface HealthPart {
  /** Resolves with what is wrong with it, or undefined; a rejection is what is wrong, too. */
  readonly check: () => Promise<string | undefined>;
  /** False: the rest does its work without it, and it is told beside. */
  readonly isNeeded: boolean;
}

export interface HealthPorts {
  readonly clock: Clock;
  readonly build: string;
  readonly parts: Readonly<Record<string, HealthPart>>;
}

interface Report {
  readonly ok: boolean;
  readonly why?: string;
}

/**
 * `GET /health` for whoever watches this process: 200, or 503 where a part that is needed fails,
 * which it names. Every request looks anew. No secrets: it knows no users.
 */
export function createHealth(ports: HealthPorts): Hono {
  const app = new Hono();
  app.get("/health", async (context) => {
    const { parts, build } = ports;
    const reports = await Promise.all(
      Object.entries(parts).map(async ([name, { check }]) => {
        return [name, await reportOf(check, ports.clock)] as const;
      }),
    );
    const failing = reports.filter(([name, { ok }]) => !ok && parts[name]!.isNeeded);
    const status = failing.length === 0 ? "ok" : "failing";
    const names = failing.map(([name]) => name);
    const body = { status, failing: names, parts: Object.fromEntries(reports), build };
    return context.json(body, failing.length === 0 ? 200 : 503);
  });
  return app;
}

async function reportOf(check: HealthPart["check"], clock: Clock): Promise<Report> {
  const over = new AbortController();
  const late = sleep(clock, CHECK_MAX_MS, over.signal).then(
    () => `no answer in ${CHECK_MAX_MS} ms`,
  );
  const checked = check().catch((error: unknown) => (error as Error).message);
  const why = await Promise.race([checked, late]);
  over.abort();
  return why === undefined ? { ok: true } : { ok: false, why };
}
