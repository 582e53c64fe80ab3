import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What a worker process tells. */
export type Told =
  | { readonly what: "ready" }
  | { readonly what: "draining" }
  | { readonly what: "joined"; readonly room: string }
  | { readonly what: "sound"; readonly room: string }
  | { readonly what: "acked"; readonly hash: string }
  | { readonly what: "tool"; readonly key: string }
  | { readonly what: "offered"; readonly queued: number; readonly times: number }
  | { readonly what: "logged"; readonly message: string; readonly code: string };

/** What it is told. */
export type Order =
  | { readonly room: string; readonly say: string; readonly ms: number }
  | { readonly leave: string }
  | { readonly offer: string; readonly times: number };

const CHILD = join(import.meta.dirname, "fleet-child.ts");
/** Whatever has not come by then will not come. */
const PATIENCE_MS = 30_000;

/** Who told it, and when by the clock of this process. */
interface By {
  readonly worker: string;
  readonly at: number;
}

interface Waiting {
  readonly holds: () => boolean;
  readonly resolve: () => void;
}

/** Worker processes, and all they have told so far. */
export class FleetProcesses implements AsyncDisposable {
  readonly told: (By & { readonly told: Told })[] = [];
  readonly #children = new Map<string, ChildProcess>();
  readonly #waiting = new Set<Waiting>();
  readonly #url: string;
  readonly #prefix: string;

  constructor(url: string, prefix: string) {
    this.#url = url;
    this.#prefix = prefix;
  }

  /** Works when this resolves. */
  async start(worker: string, capacity = 20): Promise<void> {
    const child = fork(CHILD, [this.#url, this.#prefix, worker, String(capacity)], {
      execPath: process.execPath,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#children.set(worker, child);
    child.on("message", (told) => this.#note(worker, told as Told));
    const died = once(child, "exit").then(([code]) => {
      throw new RangeError(`${worker} ended with ${String(code)} before it worked`);
    });
    died.catch(() => undefined);
    const works = this.until(() => this.of("ready").some((one) => one.worker === worker));
    await Promise.race([works, died]);
  }

  order(order: Order): void {
    for (const child of this.#children.values()) if (child.connected) child.send(order);
  }

  signal(worker: string, signal: NodeJS.Signals): void {
    this.#children.get(worker)!.kill(signal);
  }

  /** Its exit code; null after a kill. */
  async exit(worker: string): Promise<number | null> {
    const child = this.#children.get(worker)!;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode;
  }

  of<W extends Told["what"]>(what: W): readonly (By & Extract<Told, { what: W }>)[] {
    return this.told.flatMap(({ worker, at, told }) => {
      const its = told as Extract<Told, { what: W }>;
      return told.what === what ? [{ worker, at, ...its }] : [];
    });
  }

  /** The worker that joined a room last. */
  ownerOf(room: string): string | undefined {
    return this.of("joined").findLast((one) => one.room === room)?.worker;
  }

  /** Resolves when it holds; looked at with each thing that is told, and each record seen. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { holds, resolve };
    this.#waiting.add(waiting);
    const late = (): void => {
      const last = JSON.stringify(this.told.filter(({ told }) => told.what !== "acked").slice(-12));
      reject(new RangeError(`it did not come: ${String(holds)}\n${last}`));
    };
    const timer = setTimeout(late, PATIENCE_MS);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  look(): void {
    for (const { holds, resolve } of this.#waiting) if (holds()) resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.values()) child.kill("SIGKILL");
    await Promise.all([...this.#children.keys()].map((worker) => this.exit(worker)));
  }

  #note(worker: string, told: Told): void {
    this.told.push({ worker, at: performance.now(), told });
    this.look();
  }
}
