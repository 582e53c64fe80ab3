import { AppError, codeOf, toAppError } from "../base/errors.ts";
import type { Json, LogRecord, StoredInput } from "../events/record.ts";
import { TELLS, type TellCommand } from "../machines/host-actions.ts";
import type { EffectEntry, Plan } from "./effect-table.ts";
import type { CallContext, EffectResult, Runner, Runners } from "./effect.ts";

/**
 * Runs what steps ask for. E4: every effect that was asked for gets exactly one terminal input. E5:
 * what only takes away runs at once, the rest when its record is in the log, and only if it is
 * still wanted: an effect stopped before that ends as never-started.
 */
export interface EffectRunnerPorts {
  readonly runners: Runners;
  readonly call: () => CallContext;
  readonly offer: (offer: {
    input: StoredInput;
    text?: Json;
    cause: LogRecord["cause"];
  }) => Promise<LogRecord>;
  readonly live: (what: string, data: Json) => void;
  /** For whoever runs the process; never part of the call. */
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

interface Running {
  readonly entry: EffectEntry;
  readonly abort: AbortController;
  tell: (command: TellCommand) => void;
  /** Told before a handler was there, in order. */
  readonly untold: TellCommand[];
}

type Durable =
  | { readonly seq: number; readonly start: EffectEntry; readonly prepared: unknown }
  | { readonly seq: number; readonly tell: { readonly id: string; readonly command: TellCommand } };

/** A provider may answer with a whole page. */
const CAUSE_CHARS_MAX = 500;

export class EffectRunner {
  readonly #ports: EffectRunnerPorts;
  readonly #running = new Map<string, Running>();
  /** Immediate commands for effects whose start is not in the log yet. */
  readonly #early = new Map<string, TellCommand[]>();
  #durable: Durable[] = [];

  constructor(ports: EffectRunnerPorts) {
    this.#ports = ports;
  }

  /** What a step stops and pauses of what runs, before its record is even made (E5). */
  takeAway({ stop, tell }: Plan): void {
    for (const id of stop) this.#running.get(id)?.abort.abort();
    for (const { id, command } of tell)
      if (!TELLS[command].durable && this.#running.has(id)) this.#tellNow(id, command);
  }

  /**
   * Immediate effects of a step now, where `takeAway` had nothing to tell them; its durable ones
   * once `acked` reaches it.
   */
  take(plan: Plan, seq: number): void {
    for (const id of plan.stop) this.#stop(id, seq);
    for (const start of plan.start)
      this.#durable.push({ seq, start, prepared: this.#prepare(start) });
    for (const tell of plan.tell) {
      const { durable, undoes } = TELLS[tell.command];
      if (durable) {
        this.#durable.push({ seq, tell });
        continue;
      }
      this.#durable = this.#durable.filter(
        (d) => !("tell" in d && d.tell.id === tell.id && d.tell.command === undoes),
      );
      if (!this.#running.has(tell.id)) this.#tellNow(tell.id, tell.command);
    }
  }

  acked(seq: number): void {
    // One by one, as what one of them says at once may be a step that takes another back.
    while (this.#durable[0] && this.#durable[0].seq <= seq) {
      const d = this.#durable.shift()!;
      if ("start" in d) this.#start(d.start, d.prepared);
      else this.#tellNow(d.tell.id, d.tell.command);
    }
  }

  /** Forgets an effect whose end another has logged. */
  drop(id: string): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    this.#durable = this.#durable.filter((d) => !("start" in d && d.start.id === id));
    running?.abort.abort();
  }

  stopAll(): void {
    this.#durable = [];
    for (const id of this.#running.keys()) this.drop(id);
  }

  #stop(id: string, seq: number): void {
    const running = this.#running.get(id);
    if (running) return running.abort.abort();
    const waiting = this.#durable.length;
    this.#durable = this.#durable.filter((d) => !("start" in d && d.start.id === id));
    this.#early.delete(id);
    // Another owner ran it, and its end is on its way (L5).
    if (this.#durable.length === waiting) return;
    // Not started yet, so it never will be (E5).
    quietly(this.#offer({ type: "effect.ended", effect: id, how: "never-started" }, seq));
  }

  #tellNow(id: string, command: TellCommand): void {
    const running = this.#running.get(id);
    // One that was stopped meanwhile is told nothing more: it may only take its leave.
    if (running?.abort.signal.aborted) return;
    if (running) running.tell(command);
    else if (this.#durable.some((d) => "start" in d && d.start.id === id))
      this.#early.set(id, [...(this.#early.get(id) ?? []), command]);
  }

  #runner(src: string): Runner<unknown> | undefined {
    return this.#ports.runners[src] as Runner<unknown> | undefined;
  }

  #prepare(entry: EffectEntry): unknown {
    return this.#runner(entry.src)?.prepare?.(entry.input, this.#ports.call());
  }

  #start(entry: EffectEntry, prepared: unknown): void {
    const untold = this.#early.get(entry.id) ?? [];
    this.#early.delete(entry.id);
    const abort = new AbortController();
    const running: Running = { entry, abort, untold, tell: (command) => untold.push(command) };
    this.#running.set(entry.id, running);
    // Not within the append that allowed it; so a stop may still come first.
    void Promise.resolve().then(() => this.#run(running, prepared));
  }

  #run(running: Running, prepared: unknown): void {
    const { entry, abort } = running;
    if (abort.signal.aborted) return this.#end(running, "never-started", {});
    const runner = this.#runner(entry.src);
    const done = runner
      ? Promise.try(() => runner.run(this.#contextOf(running), prepared))
      : Promise.reject(new AppError("bug", `no runner for ${entry.src}`));
    done.then(
      (result) => this.#endWith(running, result),
      (error: unknown) => this.#endFailed(running, error),
    );
  }

  #contextOf(running: Running) {
    const { entry, abort } = running;
    return {
      id: entry.id,
      child: entry.child,
      input: entry.input,
      upTo: entry.seq,
      signal: abort.signal,
      call: this.#ports.call(),
      progress: (event: { readonly type: string; readonly [key: string]: Json }, text?: Json) =>
        this.#progress(running, event, text),
      onTell: (handler: (command: TellCommand) => void) => {
        running.tell = handler;
        for (const command of running.untold.splice(0)) handler(command);
      },
      live: this.#ports.live,
      warn: (what: string, error: unknown) => this.#warn(running, what, error),
    };
  }

  async #progress(running: Running, event: StoredInput, text?: Json): Promise<void> {
    const { entry } = running;
    if (running.abort.signal.aborted || this.#running.get(entry.id) !== running)
      throw new AppError("effect.stopped", `${entry.child} was stopped`);
    await this.#ports.offer({
      input: { type: "effect.progress", effect: entry.id, event },
      cause: entry.seq,
      ...(text !== undefined && { text }),
    });
  }

  #endWith(running: Running, { error, ...result }: EffectResult): void {
    if (running.abort.signal.aborted) this.#end(running, "stopped", result);
    else if (error) this.#end(running, "failed", { ...result, error });
    else this.#end(running, "done", result);
  }

  #endFailed(running: Running, error: unknown): void {
    if (running.abort.signal.aborted) return this.#end(running, "stopped", {});
    this.#warn(running, "an effect failed", error);
    this.#end(running, "failed", { error: codeOf(error, "provider.failed") });
  }

  #warn({ entry }: Running, what: string, error: unknown): void {
    const { code, message } = toAppError(error, "provider.failed");
    const cause = message.slice(0, CAUSE_CHARS_MAX);
    this.#ports.warn(what, { effect: entry.id, actor: entry.actor, code, cause });
  }

  #end(running: Running, how: string, ended: EffectResult): void {
    const { entry } = running;
    // Dropped meanwhile: its end was logged by another, or this owner writes no more.
    if (this.#running.get(entry.id) !== running) return;
    this.#running.delete(entry.id);
    const { text, ...result } = ended;
    const end = { type: "effect.ended", effect: entry.id };
    const input = { ...end, how, ...result } as unknown as StoredInput;
    this.#offer(input, entry.seq, text).catch((error: unknown) => {
      // What it has to say cannot stand in a record: it ends all the same (E4).
      const code = codeOf(error);
      if (code === "record.tooLarge" || code === "record.invalid")
        quietly(this.#offer({ ...end, how: "failed", error: code }, entry.seq));
    });
  }

  #offer(input: StoredInput, cause: number, text?: Json): Promise<LogRecord> {
    return this.#ports.offer({ input, cause, ...(text !== undefined && { text }) });
  }
}

/** Whoever cannot be told any more has been frozen or is over, and logs nothing. */
function quietly(offer: Promise<LogRecord>): void {
  offer.catch(() => undefined);
}
