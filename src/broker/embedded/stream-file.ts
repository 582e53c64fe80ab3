import { closeSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { Json } from "../../events/record.ts";
import type { StreamEnd } from "../stream-rule.ts";
import { AppendFile, type Durability } from "./append-file.ts";
import { isMissing, toDataError } from "./data-error.ts";

export interface Line {
  readonly position: number;
  readonly call?: string;
  readonly id: string;
  readonly value: Json;
}

const CHUNK_BYTES = 256 * 1024;
/** A reader goes on from the nearest of such lines, not from the first. */
const MARK_EVERY = 256;
const NEWLINE = 10;

/**
 * One tenant's stream in a file: line n is position n. A line counts once its newline stands; what
 * is behind the last one was never acknowledged, and is cut off before the next append.
 */
export class StreamFile implements Disposable {
  readonly #path: string;
  readonly #ends = new Map<string, StreamEnd>();
  /** Where each of those lines begins. */
  readonly #marks: number[] = [0];
  #file: AppendFile | undefined;
  #bytes = 0;
  #count = 0;

  constructor(path: string) {
    this.#path = path;
    this.refresh();
  }

  get count(): number {
    return this.#count;
  }

  endOf(call: string | undefined): StreamEnd | undefined {
    return this.#ends.get(call ?? "");
  }

  /** Takes in what another process has written since. */
  refresh(): void {
    for (const { line, bytes } of readLines(this.#path, this.#bytes, this.#count))
      this.#note(line, bytes);
  }

  append(line: Omit<Line, "position">, durability: Durability): number {
    const whole = { position: this.#count + 1, ...line };
    const text = `${JSON.stringify(whole)}\n`;
    this.#file ??= this.#open(durability);
    this.#file.append(text);
    this.#note(whole, Buffer.byteLength(text));
    return this.#count;
  }

  /** Lines behind `after` that are known now. */
  *lines(after: number): Generator<Line> {
    const mark = Math.min(Math.floor(after / MARK_EVERY), this.#marks.length - 1);
    const end = this.#count;
    for (const { line } of readLines(this.#path, this.#marks[mark]!, mark * MARK_EVERY)) {
      if (line.position > end) return;
      if (line.position > after) yield line;
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(durability: Durability): AppendFile {
    const folder = dirname(this.#path);
    try {
      if (mkdirSync(folder, { recursive: true }) !== undefined)
        durability.syncs.markFolder(dirname(folder));
    } catch (error) {
      throw toDataError(error, `${folder} cannot be made`);
    }
    return new AppendFile(this.#path, durability, this.#bytes);
  }

  #note({ position, call, id }: Line, bytes: number): void {
    this.#count = position;
    this.#bytes += bytes;
    this.#ends.set(call ?? "", { position, id });
    if (position % MARK_EVERY === 0) this.#marks.push(this.#bytes);
  }
}

/** Whole lines from a byte on that begins one; `count` lines stand before it. */
function* readLines(
  path: string,
  from: number,
  count: number,
): Generator<{ readonly line: Line; readonly bytes: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let position = count;
  for (const chunk of readChunks(path, from)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, start)) {
      const line = parseLine(path, rest.toString("utf8", start, end), ++position);
      yield { line, bytes: end + 1 - start };
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
}

function* readChunks(path: string, from: number): Generator<Buffer> {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const { size } = fstatSync(fd);
    for (let at = from; at < size;) {
      const bytes = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at));
      const count = readSync(fd, bytes, 0, bytes.length, at);
      if (count === 0) return;
      at += count;
      yield bytes.subarray(0, count);
    }
  } catch (error) {
    if (!isMissing(error)) throw toDataError(error, `${path} cannot be read`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What the value says is for its reader to check. */
function parseLine(path: string, text: string, position: number): Line {
  const line = toJson(text) as Partial<Line> | null | undefined;
  const { call = "", id, value } = line ?? {};
  if (line?.position === position && typeof id === "string" && typeof call === "string")
    if (value !== undefined) return line as Line;
  throw new AppError("log.damaged", `${path}: line ${position} is none of a stream`);
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
