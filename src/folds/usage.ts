import type { EffectEnded, Usage } from "../events/effect.events.ts";
import type { LogRecord } from "../events/record.ts";

/**
 * A call's usage by service, provider, model and meter, and what was a further try, failed or was
 * stopped by itself; from inputs alone, never from charts.
 */
export function usageOf(records: Iterable<LogRecord>): readonly Usage[] {
  const sums = new Map<string, Usage>();
  for (const { input } of records) {
    if (input.type !== "effect.ended" && input.type !== "outage.spoken") continue;
    for (const usage of (input as Partial<EffectEnded>).usage ?? []) {
      const { service, provider, model, meter, attempt = "", how = "" } = usage;
      const key = [service, provider, model, meter, attempt, how].join(" ");
      const sum = sums.get(key);
      sums.set(key, {
        ...usage,
        quantity: usage.quantity + (sum?.quantity ?? 0),
        estimated: usage.estimated || (sum?.estimated ?? false),
      });
    }
  }
  return [...sums.values()];
}
