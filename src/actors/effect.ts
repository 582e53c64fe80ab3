import type { Clock } from "../base/clock.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { Usage } from "../events/effect.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import type { Transcript } from "../folds/transcript.ts";
import type { TellCommand } from "../machines/host-actions.ts";
import type { Purse } from "./purse.ts";

/**
 * The effect port: what the host starts and stops, and what comes back. A runner is told to stop by
 * its signal, whose listeners run at once (E5: stopping is immediate); its promise then settles
 * with what there is to say for the last time (E4).
 */
export interface Runner<Input = never, Prepared = unknown> {
  /**
   * Called within the step that asks for the effect, so that what it reads of the call is exactly
   * what the log held then. Pure.
   */
  prepare?(input: Input, call: CallContext): Prepared;
  run(effect: RunningEffect<Input>, prepared: Prepared): Promise<EffectResult>;
}

/** Runners by the `src` of the charts. */
export type Runners = Readonly<Record<string, Runner>>;

export interface RunningEffect<Input> {
  readonly id: string;
  readonly child: string;
  readonly input: Input;
  /** The record that asked for it. */
  readonly upTo: number;
  readonly signal: AbortSignal;
  readonly call: CallContext;
  /**
   * Logs something the effect met. Resolves when it is in the log; rejects with `effect.stopped`
   * where the effect has been stopped and `owner.fenced` where the call is lost.
   */
  progress(
    event: { readonly type: string; readonly [key: string]: Json },
    text?: Json,
  ): Promise<void>;
  /** Commands from the chart; see TELLS. */
  onTell(handler: (command: TellCommand) => void): void;
  /** Lossy live view: interim text, deltas, levels. Never logged. */
  live(what: string, data: Json): void;
  /**
   * Says on the logger why something failed; the log of the call has the code alone, as a message
   * is the provider's own and may hold anything.
   */
  warn(what: string, error: unknown): void;
}

/** What every effect of a call may read. */
export interface CallContext {
  readonly header: CallHeader;
  /** As they are now. */
  readonly settings: TurnSettings;
  readonly transcript: Transcript;
  /** Host time: never behind the log, whatever this machine's clock says (E6). */
  readonly clock: Clock;
  readonly ids: Ids;
  /** Whom to ask before something that costs is let out; nobody where nothing is bounded. */
  readonly purse?: Purse | undefined;
  /** Tells each record from here on, once it is in the log; what it returns ends that. */
  onRecord(listener: (record: LogRecord) => void): () => void;
}

export interface EffectResult {
  /** It failed with this code; what else is here is logged all the same. */
  readonly error?: ErrorCode;
  readonly result?: Json;
  readonly position?: number;
  readonly usage?: readonly Usage[];
  /** Text part of the end's record. */
  readonly text?: Json;
}
