import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { codeOf, ERRORS } from "../../src/base/errors.ts";

/** Exit code of a child that found something damaged. */
const DAMAGED = 3;
const AGAIN_MS = 50;

/** In a child: tries until it is done, as long as it is the world that fails. */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch (error) {
      if (ERRORS[codeOf(error)].family !== "outside") throw error;
      await sleep(systemClock, AGAIN_MS);
    }
}

/** In a child: says what it died of. */
export function endAt(error: unknown): never {
  console.log(`${codeOf(error)}: ${String(error)}`);
  process.exit(DAMAGED);
}

/** A child process that is killed and started anew; one that dies by itself is a failure. */
export class RestartedProcess implements AsyncDisposable {
  readonly #path: string;
  readonly #args: readonly string[];
  readonly #failed: (error: Error) => void;
  readonly #ready = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;

  constructor(name: string, args: readonly string[], failed: (error: Error) => void) {
    this.#path = join(import.meta.dirname, `${name}.ts`);
    this.#args = args;
    this.#failed = failed;
  }

  /** Resolves when it says something for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** It need not work yet when this returns. */
  start(): void {
    const child = spawn(process.execPath, [this.#path, ...this.#args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (bytes) => {
      said += String(bytes);
      this.#ready.resolve();
    });
    child.once("exit", (code) => {
      if (code !== null) this.#failed(new assert.AssertionError({ message: said.trim() }));
    });
    this.#child = child;
  }

  /** As `kill -9`, at whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
