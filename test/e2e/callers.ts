import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** The voice of one owner of a call as its caller heard it; times in ms of one clock. */
export interface HeardVoice {
  readonly publishedAt: number;
  readonly goneAt: number | null;
  readonly soundMs: number;
  readonly lastSoundAt: number | null;
}

export type CallerOrder =
  | { readonly what: "join" | "leave" | "report"; readonly room: string }
  | { readonly what: "say"; readonly room: string; readonly n: number };

export type CallerTold =
  | { readonly what: "joined" | "left" | "reported"; readonly room: string }
  | { readonly what: "tracks"; readonly room: string; readonly tracks: readonly HeardVoice[] };

/** Callers whose speech is tones, in a process of their own. */
export class Callers implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #voices = new Map<string, readonly HeardVoice[]>();
  readonly #waiting = new Map<string, () => void>();
  readonly #onTold: () => void;

  /** `args` say where the LiveKit server is; `onTold` is called with each thing they tell. */
  constructor(args: readonly string[], onTold: () => void) {
    this.#onTold = onTold;
    this.#child = fork(join(import.meta.dirname, "rooms-callers.ts"), args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (told) => this.#hear(told as CallerTold));
  }

  join(room: string): Promise<void> {
    return this.#ask({ what: "join", room }, "joined");
  }

  say(room: string, n: number): void {
    this.#child.send({ what: "say", room, n });
  }

  leave(room: string): Promise<void> {
    return this.#ask({ what: "leave", room }, "left");
  }

  /** What they have heard by now. */
  async report(room: string): Promise<readonly HeardVoice[]> {
    await this.#ask({ what: "report", room }, "reported");
    return this.voices(room);
  }

  /** As last told: with each track that came or went. */
  voices(room: string): readonly HeardVoice[] {
    return this.#voices.get(room) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.disconnect();
    await gone;
  }

  #ask(order: CallerOrder, answer: CallerTold["what"]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(`${answer} ${order.room}`, resolve);
    this.#child.send(order);
    return promise;
  }

  #hear(told: CallerTold): void {
    if (told.what === "tracks") this.#voices.set(told.room, told.tracks);
    this.#waiting.get(`${told.what} ${told.room}`)?.();
    this.#onTold();
  }
}
