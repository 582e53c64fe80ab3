import { sleep } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Json, StoredInput } from "../events/record.ts";
import type { CallContext, Runner, RunningEffect } from "./effect.ts";

/**
 * L7: what is said while the log cannot be reached. These are the only words spoken before they
 * are logged, so no chart asks for them: after 1.5 s those of `outage`, once; after 15 s the
 * farewell, and the call is left. What was said is offered as an input and lands with the rest.
 */
export interface OutagePorts {
  /** Speaks; without one the call stays silent. */
  readonly runner: Runner<OutageInput> | undefined;
  readonly call: () => CallContext;
  /** What the agent of the moment says under a name; nothing where it has no such text. */
  readonly wordsOf: (name: OutageText) => Words | undefined;
  readonly offer: (input: StoredInput) => void;
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** From now on nothing is written or acknowledged. */
  readonly stopWriting: () => void;
  readonly leave: (why: AppError) => void;
}

export type OutageText = "outage" | "farewell";

interface Words {
  /** Name of the text, as the header has it. */
  readonly ref: string;
  readonly text: string;
  /** Whose voice says it. */
  readonly agent: string;
}

export interface OutageInput extends Words {
  /** Told when its sound begins. */
  readonly onStart: () => void;
}

export class Outage {
  readonly #ports: OutagePorts;
  #said = false;
  #leaving = false;
  #saying: { readonly abort: AbortController; begun: boolean } | undefined;

  constructor(ports: OutagePorts) {
    this.#ports = ports;
  }

  /** The log has not answered for `ms`. */
  lasts(ms: number): void {
    if (this.#leaving || ms < LIMITS.outageWordsAfterMs) return;
    if (ms >= LIMITS.outageMsMax) return void this.#leave(ms);
    if (this.#said) return;
    this.#said = true;
    this.#ports.warn("the log does not answer", { ms });
    void this.#say("outage");
  }

  /** The log answers: words that have begun are said to their end, others no more. */
  ends(): void {
    this.#said = false;
    if (!this.#saying?.begun) this.hush();
  }

  /** Silence at once: asked for by a command, or the call is left. */
  hush(): void {
    this.#saying?.abort.abort();
  }

  async #leave(ms: number): Promise<void> {
    this.#leaving = true;
    this.#ports.stopWriting();
    this.ends();
    const over = new AbortController();
    const { clock } = this.#ports.call();
    await Promise.race([this.#say("farewell"), sleep(clock, LIMITS.outageWordsMsMax, over.signal)]);
    over.abort();
    this.#ports.leave(
      new AppError("owner.fenced", `the log did not answer for ${Math.round(ms / 1_000)} s`),
    );
  }

  async #say(name: OutageText): Promise<void> {
    const { runner, call, wordsOf, offer, warn } = this.#ports;
    const words = wordsOf(name);
    if (!runner || !words) return;
    const saying = { abort: new AbortController(), begun: false };
    this.#saying = saying;
    let at = 0;
    const onStart = (): void => {
      at = call().clock.now();
      saying.begun = true;
    };
    try {
      const effect = this.#effectOf({ ...words, onStart }, saying.abort.signal);
      const { position: ms = 0, result, usage = [] } = await runner.run(effect, undefined);
      if (ms === 0) return;
      const heard = result as { readonly words: number };
      offer({ type: "outage.spoken", ref: words.ref, at, ms, ...heard, usage: usage as Json });
    } catch (error) {
      warn("the words of an outage were not said", { cause: String(error) });
    } finally {
      if (this.#saying === saying) this.#saying = undefined;
    }
  }

  /** As a chart's effect, but that nothing of it is logged. */
  #effectOf(input: OutageInput, signal: AbortSignal): RunningEffect<OutageInput> {
    return {
      id: "outage",
      child: "outage",
      input,
      upTo: 0,
      signal,
      call: this.#ports.call(),
      progress: () => Promise.resolve(),
      onTell: () => undefined,
      live: () => undefined,
      warn: (what, error) => this.#ports.warn(what, { cause: String(error) }),
    };
  }
}

/** What takes away the agent's voice takes these words too. */
export function isSilencing({ type, command }: StoredInput): boolean {
  if (type !== "command.received") return false;
  const { name } = command as { readonly name: string };
  return name === "interrupt" || name === "mute";
}
