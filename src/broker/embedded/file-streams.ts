import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import { codeOf } from "../../base/errors.ts";
import { checkStreamKey, encodeItem, standsAlready } from "../stream-rule.ts";
import type { Stream, StreamEntry, StreamItem, StreamKey } from "../stream.port.ts";
import type { Durability } from "./append-file.ts";
import { readOnlyError } from "./data-error.ts";
import { StreamFile } from "./stream-file.ts";

export interface FileStreamOptions {
  readonly dataDir: string;
  /** `<tenant>/<name>.jsonl`, beside the tenant's calls. */
  readonly name: string;
  /** Without it nothing can be written. */
  readonly durability?: Durability;
}

/** A stream of each tenant in a file, as durable as the log of calls, under the same lock. */
export class FileStreams implements Stream, Disposable {
  readonly #options: FileStreamOptions;
  readonly #files = new Map<string, StreamFile>();
  #closed = false;

  constructor(options: FileStreamOptions) {
    this.#options = options;
  }

  async append(key: StreamKey, expect: number, item: StreamItem): Promise<number> {
    const { durability } = this.#options;
    if (!durability) throw readOnlyError();
    assert(!this.#closed, "an append after the broker was closed: the lock is gone");
    const file = this.#fileOf(key);
    const end = file.endOf(key.call);
    if (standsAlready(end, { key, expect, item })) return end!.position;
    encodeItem(item.value);
    const call = key.call === undefined ? {} : { call: key.call };
    try {
      return file.append({ ...call, id: item.id, value: item.value }, durability);
    } catch (error) {
      // What the disk holds now is known only after looking again.
      if (codeOf(error) === "log.unknown") this.#close(key.tenant);
      throw error;
    }
  }

  async *read(key: StreamKey, after = 0): AsyncGenerator<StreamEntry> {
    const { tenant, call } = key;
    for (const line of this.#fileOf(key).lines(after)) {
      if (call !== undefined && call !== line.call) continue;
      const { position, id, value } = line;
      const of = line.call === undefined ? { tenant } : { tenant, call: line.call };
      yield { key: of, position, id, value };
    }
  }

  async tail(key: StreamKey): Promise<number> {
    const file = this.#fileOf(key);
    return key.call === undefined ? file.count : (file.endOf(key.call)?.position ?? 0);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const tenant of this.#files.keys()) this.#close(tenant);
  }

  /** A reader beside the owner looks at the file each time. */
  #fileOf(key: StreamKey): StreamFile {
    checkStreamKey(key);
    const { dataDir, name, durability } = this.#options;
    const known = this.#files.get(key.tenant);
    if (known && !durability) known.refresh();
    const file = known ?? new StreamFile(join(dataDir, key.tenant, `${name}.jsonl`));
    this.#files.set(key.tenant, file);
    return file;
  }

  #close(tenant: string): void {
    this.#files.get(tenant)?.[Symbol.dispose]();
    this.#files.delete(tenant);
  }
}
