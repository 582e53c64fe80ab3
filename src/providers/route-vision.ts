import { AppError } from "../base/errors.ts";
import type { Usage } from "../events/effect.events.ts";
import type { ComplexityLevel } from "../events/routing.events.ts";
import { routed, type Levels } from "../folds/routes.ts";
import type { LookRequest, Vision, VisionUsage } from "./vision.port.ts";

export interface RoutedLook extends LookRequest {
  /** Default `simple`. */
  readonly level?: ComplexityLevel;
}

export interface Looked {
  readonly text: string;
  /** Who has told it: not always of the level that was asked for. */
  readonly model: Vision;
  /** What it cost, with what it cost to ask those that failed. */
  readonly usage: readonly Usage[];
}

const METERS = [
  "inputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "outputTokens",
  "reasoningTokens",
  "images",
] as const;

/**
 * Images put to the models of a level, in order: the next is asked where one fails. Nothing is
 * given before a model has told all. Throws what the last one threw, `effect.stopped` where it is
 * aborted, and `input.invalid` for a level that is none; `onUsage` has been told the cost then too.
 */
export async function routeVision(
  levels: Levels<Vision>,
  { level, ...request }: RoutedLook,
  { signal, onUsage }: { signal: AbortSignal; onUsage?: (usage: readonly Usage[]) => void },
): Promise<Looked> {
  const usage: Usage[] = [];
  let last: unknown;
  for (const model of routed(levels, level)) {
    const { text, counted, error } = await look(model, request, signal);
    const how = signal.aborted ? "stopped" : text === undefined ? "failed" : undefined;
    const rows = counted.flatMap((one) => rowsOf(one, how));
    usage.push(...rows);
    onUsage?.(rows);
    if (signal.aborted) throw new AppError("effect.stopped", "it was aborted", { cause: error });
    if (text !== undefined) return { text, model, usage };
    last = error;
  }
  throw last;
}

interface Told {
  /** Undefined where it failed. */
  readonly text?: string;
  readonly counted: readonly VisionUsage[];
  readonly error?: unknown;
}

async function look(model: Vision, request: LookRequest, signal: AbortSignal): Promise<Told> {
  const counted: VisionUsage[] = [];
  let text = "";
  try {
    for await (const event of model.look(request, signal))
      if (event.type === "text") text += event.text;
      else counted.push(event.usage);
    return { text, counted };
  } catch (error) {
    return { counted, error };
  }
}

function rowsOf(counts: VisionUsage, how: "stopped" | "failed" | undefined): readonly Usage[] {
  const { provider, model, estimated } = counts;
  return METERS.filter((meter) => (counts[meter] ?? 0) > 0).map((meter) => ({
    service: "vision",
    provider,
    model,
    meter,
    quantity: counts[meter]!,
    estimated,
    ...(how && { how }),
  }));
}
