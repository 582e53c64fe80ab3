import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { sleep, systemClock } from "../base/clock.ts";
import { shortHash } from "../base/digest.ts";
import { loadAgent, type LoadedAgent } from "./load-agent.ts";

/** What follows an edit: the agent as it is now, or why it cannot be loaded. */
export interface AgentEdits {
  readonly onAgent: (agent: LoadedAgent["agent"]) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Editors write a file in several steps: it is read once it has been still for so long. */
const STILL_MS = 60;

/**
 * Loads an agent again when its file changes, or one that it imports of its own project. A folder
 * is watched and not the file, as editors put a new one in its place.
 */
export class AgentWatch implements Disposable {
  readonly #file: string;
  readonly #edits: AgentEdits;
  readonly #watchers = new Map<string, Disposable>();
  #files: readonly string[];
  #seen = "";
  #running = false;
  #again = false;

  private constructor(file: string, files: readonly string[], edits: AgentEdits) {
    this.#file = file;
    this.#files = files;
    this.#edits = edits;
  }

  static async open(file: string, loaded: LoadedAgent, edits: AgentEdits): Promise<AgentWatch> {
    const watching = new AgentWatch(file, loaded.files, edits);
    watching.#seen = await hashOf(loaded.files);
    watching.#watch();
    return watching;
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher[Symbol.dispose]();
    this.#watchers.clear();
  }

  #watch(): void {
    for (const folder of new Set(this.#files.map((file) => dirname(file)))) {
      if (this.#watchers.has(folder)) continue;
      const watcher = watch(folder, () => void this.#look());
      watcher.on("error", this.#edits.onError);
      this.#watchers.set(folder, { [Symbol.dispose]: () => watcher.close() });
    }
  }

  /** One look at a time; what changes meanwhile is looked at after it. */
  async #look(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      await sleep(systemClock, STILL_MS);
      if (!this.#again) await this.#reload();
    }
    this.#running = false;
  }

  async #reload(): Promise<void> {
    const seen = await hashOf(this.#files);
    if (seen === this.#seen || this.#watchers.size === 0) return;
    this.#seen = seen;
    try {
      const { agent, files } = await loadAgent(this.#file);
      this.#files = files;
      this.#seen = await hashOf(files);
      this.#watch();
      await this.#edits.onAgent(agent);
    } catch (error) {
      this.#edits.onError(error);
    }
  }
}

/** Of all the files; one that is gone counts as empty. */
async function hashOf(files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return shortHash(texts.join("\0"));
}
