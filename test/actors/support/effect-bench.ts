import { CallMedia } from "../../../src/actors/effects/call-media.ts";
import type { EffectResult, Runner } from "../../../src/actors/effect.ts";
import { SimulatedClock, sleep } from "../../../src/base/clock.ts";
import { AppError } from "../../../src/base/errors.ts";
import { seededIds } from "../../../src/base/id.ts";
import type { CallHeader } from "../../../src/events/call.events.ts";
import type { Json } from "../../../src/events/record.ts";
import { TurnSettings } from "../../../src/events/settings.events.ts";
import { Transcript } from "../../../src/folds/transcript.ts";
import type { TellCommand } from "../../../src/machines/host-actions.ts";
import { SimulatedRoom } from "../../../src/media/simulated/simulated-room.ts";

/** Something an effect met, with the ms at which it offered it to the log. */
export interface Met {
  readonly ms: number;
  readonly event: { readonly type: string; readonly [key: string]: Json };
  readonly text: Json | undefined;
}

/** One effect over a simulated room, on virtual time, with a log that acknowledges when told. */
export class EffectBench {
  readonly clock = new SimulatedClock();
  readonly room = new SimulatedRoom(this.clock);
  readonly media = new CallMedia();
  readonly transcript = new Transcript();
  readonly met: Met[] = [];
  /** What it said on the logger: what, and the message of the cause. */
  readonly warned: (readonly [what: string, cause: string])[] = [];
  readonly abort = new AbortController();
  settings = TurnSettings.parse({});
  /** How long the log takes. */
  ackAfterMs = 0;
  tell: (command: TellCommand) => void = () => undefined;
  readonly #startedAt = this.clock.now();

  get ms(): number {
    return this.clock.now() - this.#startedAt;
  }

  /** Sound of the agent as `[from, to]` in ms of the bench; what has no gap is one piece. */
  get sound(): readonly (readonly [number, number])[] {
    const pieces: [number, number][] = [];
    for (const { at, ms } of this.room.agentSound) {
      const from = at - this.#startedAt;
      const last = pieces.at(-1);
      if (last && from - last[1] < 0.5) last[1] = from + ms;
      else pieces.push([from, from + ms]);
    }
    return pieces.map(([from, to]) => [Math.round(from), Math.round(to)]);
  }

  metOf(type: string): readonly Met[] {
    return this.met.filter(({ event }) => event.type === type);
  }

  /** Joins the room, as the connection effect would. */
  async join(): Promise<this> {
    const options = { tenant: "acme", room: "desk", identity: "agent", on: () => undefined };
    const { signal } = new AbortController();
    this.media.joined(await this.room.join({ ...options, signal }));
    return this;
  }

  run<Input>(runner: Runner<Input>, input: Input): Promise<EffectResult> {
    const header = { settings: this.settings } as CallHeader;
    const ids = seededIds(1);
    const call = {
      header,
      settings: header.settings,
      transcript: this.transcript,
      clock: this.clock,
      ids,
      onRecord: () => () => undefined,
    };
    const prepared = runner.prepare?.(input, call);
    const effect = {
      id: "9.0.effect",
      child: "effect",
      input,
      upTo: 9,
      signal: this.abort.signal,
      call,
      progress: (event: Met["event"], text?: Json) => this.#progress(event, text),
      onTell: (handler: (command: TellCommand) => void) => void (this.tell = handler),
      live: () => undefined,
      warn: (what: string, error: unknown) =>
        void this.warned.push([what, (error as Error).message]),
    };
    return runner.run(effect, prepared);
  }

  async #progress(event: Met["event"], text: Json | undefined): Promise<void> {
    if (this.abort.signal.aborted) throw new AppError("effect.stopped", "it was stopped");
    this.met.push({ ms: this.ms, event, text });
    if (this.ackAfterMs > 0) await sleep(this.clock, this.ackAfterMs);
  }
}

/** What a promise came to so far: its value, or undefined while it is open. */
export function watch<T>(promise: Promise<T>): { readonly value: T | undefined; done: boolean } {
  const seen: { value: T | undefined; done: boolean } = { value: undefined, done: false };
  promise.then(
    (value) => Object.assign(seen, { value, done: true }),
    () => (seen.done = true),
  );
  return seen;
}
