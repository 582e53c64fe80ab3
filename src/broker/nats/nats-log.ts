import { AppError, codeOf } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord, type LogTail } from "../../events/record.ts";
import type { Blobs } from "../blobs.port.ts";
import { callNotFound, checkAppend, checkRef, newestFirst, refKey } from "../append-rule.ts";
import type { EventLog, LogReading } from "../event-log.port.ts";
import type { Layout } from "./layout.ts";
import { pack, packLines, seal, unpack, unseal, withTexts } from "./packed-message.ts";
import type { Stored, Streams } from "./streams.ts";
import type { TextKey, TextKeys } from "./text-keys.ts";

/** When the call was opened, in each message: so a list of calls needs only the last of each. */
const OPENED_HEADER = "Turnfold-Opened";
/** Which key the texts of a message were sealed with. */
const KEY_HEADER = "Turnfold-Key";
const REMEMBERED_MAX = 4_096;

/** Where a call's log ends, in the words of the log and in those of the stream. */
interface Position {
  readonly tail: LogTail;
  readonly streamSeq: number;
  readonly openedAt: number;
}

const NOWHERE: Position = { tail: EMPTY_TAIL, streamSeq: 0, openedAt: 0 };

export interface NatsLogParts {
  readonly streams: Streams;
  readonly layout: Layout;
  readonly ids: Ids;
  readonly keys: TextKeys;
  readonly blobs: Blobs;
}

/**
 * The log of calls in JetStream: one subject per call, one message per append. L1: compare-and-set
 * on the stream sequence of the call's last message. L2: what an unanswered append came to is read
 * from the leader. L8: texts are sealed with a key that can be destroyed.
 */
export class NatsLog implements EventLog {
  readonly #parts: NatsLogParts;
  /** Where this process last saw calls end; the compare-and-set tells when that is outdated. */
  readonly #positions = new Map<string, Position>();

  constructor(parts: NatsLogParts) {
    this.#parts = parts;
  }

  async append(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): Promise<LogTail> {
    checkRef(ref);
    const { lines, texts } = packLines(records);
    try {
      const position = await this.#positionAt(ref, expect);
      const tail = checkAppend({ ref, tail: position.tail, expect, records });
      const key =
        Object.keys(texts).length > 0 ? await this.#parts.keys.forWriting(ref) : undefined;
      const packed = pack(lines, key && seal(texts, key, this.#nonce()));
      const openedAt = position.streamSeq === 0 ? records[0]!.at : position.openedAt;
      const written = await this.#parts.streams.write({
        ...this.#parts.layout.placeOf(ref),
        ...packed,
        expect: position.streamSeq,
        lasting: true,
        headers: { [OPENED_HEADER]: String(openedAt), ...(key && { [KEY_HEADER]: key.id }) },
      });
      if (written === "conflict") throw lost(ref, expect);
      this.#remember(ref, { tail, streamSeq: written, openedAt });
      return tail;
    } catch (error) {
      this.#positions.delete(refKey(ref));
      if (codeOf(error) !== "broker.unavailable") throw error;
      const message = `call ${refKey(ref)}: the append was not answered`;
      throw new AppError("log.unknown", message, { cause: error, detail: { ...ref } });
    }
  }

  read(ref: CallRef, from = 1): LogReading {
    const read = (): AsyncGenerator<LogRecord> => this.#read(ref, from);
    return { tornBytes: 0, [Symbol.asyncIterator]: read };
  }

  async tail(ref: CallRef): Promise<LogTail> {
    return (await this.#find(ref)).tail;
  }

  async calls(tenant?: string): Promise<readonly CallRef[]> {
    const { streams, layout } = this.#parts;
    const headers: { ref: CallRef; at: number }[] = [];
    for (let shard = 0; shard < layout.shards; shard++) {
      const filter = layout.subjects.log(shard, tenant ?? "*", "*");
      for (const stored of await streams.newest(layout.logStream(shard), filter)) {
        const [owner, call] = stored.subject.split(".").slice(-2) as [string, string];
        const at = Number(stored.header(OPENED_HEADER));
        headers.push({ ref: { tenant: owner, call }, at });
      }
    }
    return newestFirst(headers);
  }

  async saveSnapshot(ref: CallRef, seq: number, bytes: Uint8Array): Promise<void> {
    await this.#known(ref);
    const { streams, layout, blobs, ids } = this.#parts;
    const bucket = layout.bucket("snapshots");
    const digest = await blobs.put(bytes);
    // Two owners may write the same one: each is a fold that the chain confirms, or not.
    await streams.write({
      stream: bucket.stream,
      subject: bucket.subject(`${ref.tenant}.${ref.call}.${seq}`),
      data: JSON.stringify(digest),
      id: ids.salt(),
    });
  }

  async loadSnapshot(
    ref: CallRef,
    seq: number,
  ): Promise<{ seq: number; bytes: Uint8Array } | undefined> {
    checkRef(ref);
    const { streams, layout, blobs } = this.#parts;
    const bucket = layout.bucket("snapshots");
    const all = await streams.newest(bucket.stream, bucket.subject(`${ref.tenant}.${ref.call}.*`));
    const found = all
      .map(({ subject, data }) => ({ at: Number(subject.split(".").at(-1)), data }))
      .filter(({ at }) => at <= seq)
      .sort((a, b) => b.at - a.at)[0];
    if (!found) return undefined;
    const digest = JSON.parse(new TextDecoder().decode(found.data)) as string;
    return { seq: found.at, bytes: await blobs.get(digest) };
  }

  async eraseText(ref: CallRef): Promise<void> {
    await this.#known(ref);
    await this.#parts.keys.erase(ref);
  }

  async *#read(ref: CallRef, from: number): AsyncGenerator<LogRecord> {
    const { streams, layout } = this.#parts;
    const end = await this.#known(ref);
    if (from > end.tail.seq) return;
    const texts = new TextReader(ref, this.#parts.keys);
    let next = 1;
    for await (const message of streams.messages({
      ...layout.placeOf(ref),
      until: end.streamSeq,
    })) {
      for (const record of await texts.recordsOf(message, from)) {
        if (record.seq !== next++)
          throw new AppError("log.damaged", `record ${record.seq} stands where ${next - 1} should`);
        if (record.seq >= from) yield record;
      }
    }
  }

  /** What was remembered where it fits, else as the leader has it. */
  async #positionAt(ref: CallRef, expect: LogTail): Promise<Position> {
    const known = this.#positions.get(refKey(ref)) ?? (expect.seq === 0 ? NOWHERE : undefined);
    if (known?.tail.seq === expect.seq && known.tail.hash === expect.hash) return known;
    return this.#find(ref);
  }

  async #find(ref: CallRef): Promise<Position> {
    checkRef(ref);
    const { stream, subject } = this.#parts.layout.placeOf(ref);
    const last = await this.#parts.streams.last(stream, subject);
    if (!last) return NOWHERE;
    const { seq, hash } = unpack(last.data).records.at(-1)!;
    const openedAt = Number(last.header(OPENED_HEADER));
    const position = { tail: { seq, hash }, streamSeq: last.seq, openedAt };
    this.#remember(ref, position);
    return position;
  }

  async #known(ref: CallRef): Promise<Position> {
    const position = await this.#find(ref);
    if (position.streamSeq === 0) throw callNotFound(ref);
    return position;
  }

  #remember(ref: CallRef, position: Position): void {
    const key = refKey(ref);
    // An answer that was overtaken by a later append.
    if ((this.#positions.get(key)?.streamSeq ?? 0) > position.streamSeq) return;
    this.#positions.delete(key);
    this.#positions.set(key, position);
    if (this.#positions.size > REMEMBERED_MAX)
      this.#positions.delete([...this.#positions.keys()][0]!);
  }

  #nonce(): Uint8Array {
    return Buffer.from(this.#parts.ids.salt(), "base64url").subarray(0, 12);
  }
}

/** Opens the texts of a reading with the call's key, asked for once and only where there is one. */
class TextReader {
  readonly #ref: CallRef;
  readonly #keys: TextKeys;
  #key: Promise<TextKey | undefined> | undefined;

  constructor(ref: CallRef, keys: TextKeys) {
    this.#ref = ref;
    this.#keys = keys;
  }

  /** Records with their texts where the key they were sealed with still stands. */
  async recordsOf(message: Stored, from: number): Promise<readonly LogRecord[]> {
    const { records, sealed } = unpack(message.data);
    if (!sealed || records.at(-1)!.seq < from) return records;
    this.#key ??= this.#keys.find(this.#ref);
    const key = await this.#key;
    if (key?.id !== message.header(KEY_HEADER)) return records;
    try {
      return withTexts(records, unseal(sealed, key));
    } catch (cause) {
      const { seq } = records[0]!;
      throw new AppError("log.damaged", `the text of record ${seq} does not open`, { cause });
    }
  }
}

function lost(ref: CallRef, expect: LogTail): AppError {
  return new AppError(
    "log.conflict",
    `call ${ref.call} no longer ends at record ${expect.seq}: another writer was first`,
    { detail: { ...ref, expect: expect.seq } },
  );
}
