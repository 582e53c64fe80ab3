import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const START_MS = 15_000;

export interface ServerOptions {
  readonly path: string;
  readonly args: readonly string[];
  /** File for what it writes, named in the error where it does not start. */
  readonly log: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether it takes connections by now. */
  readonly isReady: () => Promise<boolean>;
  /** In a process group of its own, which a Ctrl-C in the terminal does not reach. */
  readonly apart?: boolean;
}

/** A server as a child of this process, which it does not outlive. */
export class ServerProcess {
  readonly #options: ServerOptions;
  #child: ChildProcess | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Also again after its end; it takes connections when this resolves. */
  async start(): Promise<void> {
    const { path, args, log, env, isReady, apart = false } = this.#options;
    const output = openSync(log, "a");
    const child = spawn(path, args, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...env },
      detached: apart,
    });
    closeSync(output);
    this.#child = child;
    // Where this process is ended from outside, none stays behind.
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    const until = Date.now() + START_MS;
    while (!(await isReady())) {
      if (this.isRunning && Date.now() < until) {
        await pause(5);
        continue;
      }
      child.kill("SIGKILL");
      assert.fail(`${path} did not start:\n${await readFile(log, "utf8").catch(String)}`);
    }
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Resolves when it has ended, by itself or by `stop`. */
  async ended(): Promise<void> {
    if (this.#child && this.isRunning) await once(this.#child, "exit");
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    const ended = this.ended();
    this.#child?.kill(signal);
    await ended;
  }

  /** Asked to end, and killed where it has not done so in time. */
  async stopWithin(graceMs: number): Promise<void> {
    const kill = setTimeout(() => this.#child?.kill("SIGKILL"), graceMs);
    await this.stop("SIGTERM");
    clearTimeout(kill);
  }
}
