import { canonicalJson } from "../base/digest.ts";
import { codeOf, type ErrorCode } from "../base/errors.ts";
import { parseInput } from "../events/catalog.ts";
import type { CallHeader, MachineVersions } from "../events/call.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import { featuresOf } from "../folds/features.ts";
import { historyFor, requestDigest, type ReplyInput } from "../folds/history.ts";
import { Transcript } from "../folds/transcript.ts";
import { CallFold } from "./call-fold.ts";
import { digestText } from "./call-host.ts";
import { carries, type MachineSet } from "./machine-set.ts";

/**
 * Re-executes a log: no provider, no clock, no write. L3: sequence, every stored field and the hash
 * of every record are recomputed; the first that differs is named with both sides. An epoch written
 * by machine versions that are not carried is folded with the nearest and never called verified.
 */
export interface Divergence {
  readonly seq: number;
  readonly what: string;
  readonly stored: Json;
  readonly recomputed: Json;
}

export interface ReplayResult {
  readonly verdict: "reproduced" | "diverged" | "folded";
  readonly records: number;
  readonly turns: number;
  readonly epochs: number;
  /** Hash of the last record read. */
  readonly stateHash: string;
  /** Whether the call has ended; a crashed or running one has not. */
  readonly finished: boolean;
  /** Records whose text was erased. */
  readonly erased: number;
  readonly divergence?: Divergence;
  /** Versions that were not carried. */
  readonly missing?: MachineVersions;
}

export interface ReplayOptions {
  readonly machines: MachineSet;
  /** Stop after this record. */
  readonly until?: number;
  /** Recompute features and request digests from the text, where it is there (L8). */
  readonly deep?: boolean;
  readonly onRecord?: (record: LogRecord, fold: CallFold) => void;
  /** A log that ended cleanly may not lack its last record; a torn tail may. */
  readonly torn?: () => boolean;
}

export class Replay {
  readonly #options: ReplayOptions;
  #fold: CallFold;
  readonly #transcript = new Transcript();
  readonly #requests = new Map<string, readonly Json[]>();
  #machines: MachineSet;
  #missing: MachineVersions | undefined;
  #last: LogRecord | undefined;
  #records = 0;
  #erased = 0;
  #divergence: Divergence | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#machines = options.machines;
    this.#fold = new CallFold(this.#machines);
  }

  get fold(): CallFold {
    return this.#fold;
  }
  get transcript(): Transcript {
    return this.#transcript;
  }

  /** Folds one record; false once there is nothing more to do. */
  add(record: LogRecord): boolean {
    if (this.#divergence) return false;
    this.#checkVersions(record);
    this.#divergence = this.#compare(record);
    if (this.#divergence) return false;
    this.#last = record;
    this.#records++;
    this.#options.onRecord?.(record, this.#fold);
    return this.#options.until === undefined || record.seq < this.#options.until;
  }

  result(): ReplayResult {
    const finished = this.#last?.input.type === "call.ended";
    const divergence = this.#divergence ?? this.#endless();
    const verdict = divergence ? "diverged" : this.#missing ? "folded" : "reproduced";
    const turns = this.#transcript.turns.size;
    return {
      verdict,
      records: this.#records,
      turns,
      epochs: this.#fold.epoch,
      stateHash: this.#last?.hash ?? "",
      finished,
      erased: this.#erased,
      ...(divergence && { divergence }),
      ...(this.#missing && { missing: this.#missing }),
    };
  }

  /** The room's closing and `call.ended` are one append: a log with only the first has lost some. */
  #endless(): Divergence | undefined {
    const partial = this.#options.until !== undefined && this.#last?.seq === this.#options.until;
    if (!this.#fold.closed || partial || this.#last?.input.type === "call.ended") return undefined;
    if (this.#options.torn?.()) return undefined;
    return {
      seq: this.#fold.tail.seq + 1,
      what: "missing record",
      stored: null,
      recomputed: "the room has closed, so its call.ended must follow",
    };
  }

  #checkVersions({ input }: LogRecord): void {
    const versions =
      input.type === "call.opened"
        ? (input["header"] as unknown as CallHeader).machines
        : input.type === "owner.changed"
          ? (input["machines"] as MachineVersions)
          : undefined;
    if (!versions || carries(this.#machines, versions)) return;
    this.#missing = versions;
    this.#machines = withStandIns(this.#machines, versions);
    if (this.#fold.tail.seq === 0) this.#fold = new CallFold(this.#machines);
  }

  #compare(record: LogRecord): Divergence | undefined {
    const { seq } = record;
    const expected = this.#fold.tail.seq + 1;
    if (seq !== expected)
      return { seq: expected, what: "sequence", stored: seq, recomputed: expected };
    const text = this.#checkText(record);
    if (text) return text;
    const bad = invalid(record);
    if (bad) return { seq, what: "input", stored: record.input as Json, recomputed: bad };
    const given = {
      at: record.at,
      cause: record.cause,
      ...(record.textDigest !== undefined && { textDigest: record.textDigest }),
    };
    try {
      const { record: mine, plan } = this.#fold.step(record.input, given);
      this.#transcript.apply(record);
      if (this.#missing) return undefined;
      if (this.#options.deep)
        for (const entry of plan.start)
          if (entry.src === "reply") this.#resolve(entry.id, entry.input as ReplyInput);
      return (
        differences(record, mine) ?? (this.#options.deep ? this.#checkDeep(record) : undefined)
      );
    } catch (error) {
      const code: ErrorCode = codeOf(error);
      return {
        seq,
        what: "input",
        stored: record.input as Json,
        recomputed: `cannot be folded: ${code}`,
      };
    }
  }

  #checkText({ seq, text, textDigest }: LogRecord): Divergence | undefined {
    if (textDigest === undefined)
      return text ? { seq, what: "text", stored: "a text part", recomputed: "none" } : undefined;
    if (!text) {
      this.#erased++;
      return undefined;
    }
    const recomputed = digestText(text);
    return recomputed === textDigest
      ? undefined
      : { seq, what: "textDigest", stored: textDigest, recomputed };
  }

  #resolve(effect: string, input: ReplyInput): void {
    if (input.saying === null)
      this.#requests.set(effect, historyFor(this.#transcript, input) as unknown as Json[]);
  }

  /** Features and request digests, recomputed from the text that led to them. */
  #checkDeep({ seq, input, text }: LogRecord): Divergence | undefined {
    if (input.type !== "effect.progress") return undefined;
    const event = input["event"] as { type: string; [key: string]: Json };
    if (event.type === "reply.requested") {
      const messages = this.#requests.get(input["effect"] as string);
      if (!messages || this.#erased > 0) return undefined;
      const recomputed = requestDigest(
        messages as never,
        event["tools"] as unknown as readonly string[],
      );
      return recomputed === event["digest"]
        ? undefined
        : { seq, what: "request digest", stored: event["digest"] ?? null, recomputed };
    }
    if (!event.type.startsWith("stt.") || !text) return undefined;
    const said = (text.value as { text: string }).text;
    const {
      words,
      class: end,
      backchannel,
    } = featuresOf(said, {
      lang: "en",
      before: "",
      agent: [],
      backchannelMax: this.#fold.header.settings.backchannel.maxWords,
    });
    const recomputed = { words, class: end, backchannel };
    const stored = {
      words: event["words"]!,
      class: event["class"]!,
      backchannel: event["backchannel"]!,
    };
    return canonicalJson(stored) === canonicalJson(recomputed)
      ? undefined
      : { seq, what: "features", stored, recomputed };
  }
}

/** Replays a whole reading. */
export async function replay(
  records: AsyncIterable<LogRecord> | Iterable<LogRecord>,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const run = new Replay(options);
  for await (const record of records) if (!run.add(record)) break;
  return run.result();
}

function invalid({ input }: LogRecord): string | undefined {
  try {
    parseInput(input);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The first stored field that the fold does not give again; the hash last. */
function differences(stored: LogRecord, mine: LogRecord): Divergence | undefined {
  if (stored.hash === mine.hash && same(stored.outcome, mine.outcome) && stored.at === mine.at)
    return undefined;
  const { seq } = stored;
  for (const field of ["at", "epoch", "actor", "outcome", "hash"] as const) {
    if (same(stored[field], mine[field])) continue;
    return { seq, what: field, stored: stored[field] as Json, recomputed: mine[field] as Json };
  }
  return undefined;
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** Lets a version that is not carried be folded by the newest that is. */
function withStandIns(machines: MachineSet, versions: MachineVersions): MachineSet {
  const out: Record<string, MachineSet[string]> = { ...machines };
  for (const [kind, version] of Object.entries(versions)) {
    const carried = out[kind] ?? {};
    const nearest = carried[version] ?? Object.values(carried).at(-1);
    if (nearest) out[kind] = { ...carried, [version]: nearest };
  }
  return out;
}
