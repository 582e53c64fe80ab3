import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SimulatedClock } from "../../src/base/clock.ts";
import {
  type EmbeddedBroker,
  type EmbeddedOptions,
  openEmbedded,
} from "../../src/broker/embedded/embedded-broker.ts";
import type { CallRef } from "../../src/events/record.ts";

export const REF: CallRef = { tenant: "acme", call: "c1" };

/** A data folder of its own, gone after the test; brokers on it are opened as often as wanted. */
export class DataFolder implements AsyncDisposable {
  readonly dir: string;
  readonly clock = new SimulatedClock();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<DataFolder> {
    return new DataFolder(await mkdtemp(join(tmpdir(), "turnfold-broker-")));
  }

  open(more: Partial<EmbeddedOptions> = {}): Promise<EmbeddedBroker> {
    return openEmbedded({ dataDir: this.dir, clock: this.clock, ...more });
  }

  /** The path of a segment of the one call. */
  segment(number = 1): string {
    return join(this.dir, REF.tenant, REF.call, `${String(number).padStart(4, "0")}.jsonl`);
  }

  async addTo(path: string, text: string): Promise<void> {
    await appendFile(path, text);
  }

  /** Rewrites a file's text. */
  async edit(path: string, change: (text: string) => string): Promise<void> {
    await writeFile(path, change(await readFile(path, "utf8")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true });
  }
}
