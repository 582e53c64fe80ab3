/**
 * A plain structured logger: one JSON line each; the rest of what happened is in the log of calls.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silentLogger: Logger = { log: () => undefined };

/** Writes to standard error; what is below `least` is dropped. */
export function stderrLogger(least: LogLevel, now: () => number): Logger {
  const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];
  return {
    log: (level, message, fields = {}) => {
      if (order.indexOf(level) < order.indexOf(least)) return;
      const line = { time: new Date(now()).toISOString(), level, message, ...fields };
      process.stderr.write(`${JSON.stringify(line)}\n`);
    },
  };
}
