import type { LogRecord } from "../events/record.ts";
import type { ComplexityLevel } from "../events/routing.events.ts";

/** How a reply was routed, where its agent has models by level. */
export interface Routed {
  readonly level: ComplexityLevel;
  /** Asked first; others stand in where it fails. */
  readonly provider: string;
  readonly model: string;
}

interface Asked extends Omit<Routed, "level"> {
  readonly type: string;
  readonly level?: ComplexityLevel;
}

/** The routed replies of a call, by effect. */
export class RoutedReplies {
  readonly byEffect = new Map<string, Routed>();

  apply({ input }: LogRecord): void {
    if (input.type !== "effect.progress") return;
    const effect = input["effect"] as string;
    const event = input["event"] as unknown as Asked;
    if (event.type !== "reply.requested" || this.byEffect.has(effect)) return;
    const { level, provider, model } = event;
    if (level !== undefined) this.byEffect.set(effect, { level, provider, model });
  }
}
