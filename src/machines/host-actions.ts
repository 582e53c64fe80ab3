import { fromCallback } from "xstate";

/**
 * C3: what charts ask of the host by name. The bodies are empty: `transition()` returns these
 * actions as data and the host folds them (E2).
 */
export interface Send {
  /** Address of an actor of the same call: `room`, `track.<sid>`, `turn.<n>`. */
  readonly to: string;
  readonly event: { readonly type: string } & Readonly<Record<string, unknown>>;
}

export interface Open {
  readonly address: string;
  /** Kind of the machine; the call's header says which version. */
  readonly machine: string;
  readonly input: unknown;
}

/** A word to a running effect; see TELLS for which of them wait for the log (E5). */
export interface Tell {
  readonly child: string;
  readonly command: TellCommand;
}

/**
 * Immediate commands only take away and run before the append; durable ones add and run after it,
 * and only if no later command took them back.
 */
export const TELLS = {
  pause: { durable: false, undoes: "resume" },
  resume: { durable: true, undoes: "pause" },
  commit: { durable: true, undoes: "" },
} as const;
export type TellCommand = keyof typeof TELLS;

export const send = (_: unknown, _params: Send): void => undefined;
export const open = (_: unknown, _params: Open): void => undefined;
export const tell = (_: unknown, _params: Tell): void => undefined;

/** Stands for an effect's logic: the host runs the real one. */
export const effect = fromCallback(() => undefined);
