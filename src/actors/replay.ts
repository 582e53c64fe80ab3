import { AppError, codeOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { parseInput } from "../events/catalog.ts";
import type { CallHeader, MachineVersions } from "../events/call.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import { featuresOf, wordsOf } from "../folds/features.ts";
import {
  historyFor,
  requestDigest,
  withContext,
  type History,
  type ReplyInput,
} from "../folds/history.ts";
import { Transcript } from "../folds/transcript.ts";
import { CallFold } from "./call-fold.ts";
import { digestText } from "./call-host.ts";
import type { Plan } from "./effect-table.ts";
import { carries, type MachineSet } from "./machine-set.ts";

/**
 * Re-executes a log: no provider, no clock, no write. L3: sequence, every stored field and the hash
 * of every record are recomputed; the first that differs is named with both sides. An epoch written
 * by machine versions that are not carried is folded with the nearest and never called verified.
 * What cannot be read as a record ends the replay as damage, with the place.
 */
export interface Divergence {
  readonly seq: number;
  /** The path of the first field that differs, such as `outcome.state.turn.2`. */
  readonly what: string;
  readonly stored: Json;
  readonly recomputed: Json;
}

export interface ReplayResult {
  readonly verdict: "reproduced" | "diverged" | "damaged" | "folded";
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
  readonly #fold: CallFold;
  readonly #transcript = new Transcript();
  readonly #requests = new Map<string, History>();
  /** Shared with the fold, which so sees the stand-ins of a later epoch. */
  readonly #machines: Record<string, MachineSet[string]>;
  #missing: MachineVersions | undefined;
  #last: LogRecord | undefined;
  #records = 0;
  #erased = 0;
  #divergence: Divergence | undefined;
  #damaged = false;
  /** Stand-ins could not go on: from here only sequence and texts are looked at. */
  #lost = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#machines = { ...options.machines };
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
    this.#divergence = this.#compare(record);
    if (this.#divergence) return false;
    this.#last = record;
    this.#records++;
    this.#options.onRecord?.(record, this.#fold);
    return this.#options.until === undefined || record.seq < this.#options.until;
  }

  /** The log cannot be read on: `log.damaged` names the file and the line. */
  damage(error: AppError): void {
    if (this.#divergence) return;
    const seq = this.#records + 1;
    this.#damaged = true;
    this.#divergence = {
      seq,
      what: "damage",
      stored: error.message,
      recomputed: `record ${seq}`,
    };
  }

  result(): ReplayResult {
    const finished = this.#last?.input.type === "call.ended";
    const divergence = this.#divergence ?? this.#endless();
    const turns = this.#transcript.turns.size;
    return {
      verdict: this.#verdict(divergence),
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

  #verdict(divergence: Divergence | undefined): ReplayResult["verdict"] {
    if (divergence) return this.#damaged ? "damaged" : "diverged";
    return this.#missing ? "folded" : "reproduced";
  }

  /**
   * What ends a call and its `call.ended` are one append: a log with only the first has lost some.
   */
  #endless(): Divergence | undefined {
    const partial = this.#options.until !== undefined && this.#last?.seq === this.#options.until;
    if (partial || this.#missing || this.#last?.input.type === "call.ended") return undefined;
    const hopeless = this.#fold.failures >= 2 * LIMITS.failedStepsMax;
    if ((!this.#fold.closed && !hopeless) || this.#options.torn?.()) return undefined;
    return {
      seq: this.#records + 1,
      what: "missing record",
      stored: null,
      recomputed: "the call is over, so its call.ended must follow",
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
    addStandIns(this.#machines, versions);
  }

  #compare(record: LogRecord): Divergence | undefined {
    const { seq } = record;
    const expected = this.#records + 1;
    if (seq !== expected)
      return { seq: expected, what: "sequence", stored: seq, recomputed: expected };
    const text = this.#checkText(record);
    if (text) return text;
    const bad = invalid(record);
    if (bad) return { seq, what: "input", stored: record.input as Json, recomputed: bad };
    this.#checkVersions(record);
    return this.#lost ? undefined : this.#refold(record);
  }

  #refold(record: LogRecord): Divergence | undefined {
    const given = {
      at: record.at,
      cause: record.cause,
      ...(record.textDigest !== undefined && { textDigest: record.textDigest }),
    };
    try {
      const { record: mine, plan } = this.#fold.step(record.input, given);
      this.#transcript.apply(record);
      if (this.#missing) return undefined;
      if (!this.#options.deep) return differences(record, mine);
      this.#resolve(plan);
      return differences(record, mine) ?? this.#checkDeep(record);
    } catch (error) {
      this.#lost = this.#missing !== undefined;
      if (this.#lost) return undefined;
      const { seq, input: stored } = record;
      return { seq, what: "input", stored, recomputed: `cannot be folded: ${codeOf(error)}` };
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

  /** What each reply that starts here will ask, read of the log up to this record. */
  #resolve(plan: Plan): void {
    for (const { id, src, input } of plan.start) {
      if (src !== "reply" || (input as ReplyInput).saying !== null) continue;
      this.#requests.set(id, historyFor(this.#transcript, input as ReplyInput));
    }
  }

  /** Features and request digests, recomputed from the text that led to them. */
  #checkDeep({ seq, input, text }: LogRecord): Divergence | undefined {
    if (input.type !== "effect.progress") return undefined;
    const event = input["event"] as { type: string; [key: string]: Json };
    if (event.type === "reply.context") {
      const effect = input["effect"] as string;
      const history = this.#requests.get(effect);
      const given = (text?.value as { text?: string } | undefined)?.text;
      if (history && event["how"] === "done" && given)
        this.#requests.set(effect, withContext(history, given));
      return undefined;
    }
    if (event.type === "reply.requested") {
      const history = this.#requests.get(input["effect"] as string);
      if (!history || this.#erased > 0) return undefined;
      const names = event["tools"] as unknown as readonly string[];
      const recomputed = requestDigest(history, names);
      return recomputed === event["digest"]
        ? undefined
        : { seq, what: "request digest", stored: event["digest"] ?? null, recomputed };
    }
    const said = (text?.value as { text?: string } | undefined)?.text;
    const recomputed = said === undefined ? undefined : this.#features(event.type, said);
    if (!recomputed) return undefined;
    const stored: Record<string, Json> = {};
    for (const key of Object.keys(recomputed)) stored[key] = event[key] ?? null;
    return same(stored, recomputed) ? undefined : { seq, what: "features", stored, recomputed };
  }

  /**
   * What the edge computes from a text alone; `changed` and `echo` depend on what was around it.
   */
  #features(type: string, said: string): Record<string, Json> | undefined {
    if (type === "reply.segment" || type === "filler.segment")
      return {
        chars: said.length,
        words: wordsOf(said).length,
        question: said.trimEnd().endsWith("?"),
      };
    return textFeatures(type, said, this.#fold.settings);
  }
}

/** Features of a caller's words that follow from their text and the settings alone. */
export function textFeatures(
  type: string,
  said: string,
  settings: TurnSettings,
): Record<string, Json> | undefined {
  const spoken = type.startsWith("stt.");
  if (!spoken && type !== "text.received") return undefined;
  const {
    words,
    class: end,
    backchannel,
  } = featuresOf(said, {
    lang: settings.language,
    before: "",
    agent: [],
    backchannelMax: settings.backchannel.maxWords,
    endpointer: spoken ? settings.endpointing.endpointer : "text",
  });
  return { words, class: end, ...(spoken && { backchannel }) };
}

/**
 * Replays a whole reading; damage becomes the verdict, any other error of the reading is thrown.
 */
export async function replay(
  records: AsyncIterable<LogRecord> | Iterable<LogRecord>,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const run = new Replay(options);
  try {
    for await (const record of records) if (!run.add(record)) break;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "log.damaged") throw error;
    run.damage(error);
  }
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

/** What the fold gives again. The rest of a record it is given: only the hash vouches for that. */
const RECOMPUTED = ["at", "epoch", "actor", "outcome", "hash"] as const;

/** The first stored field that the fold does not give again; the hash last. */
function differences(stored: LogRecord, mine: LogRecord): Divergence | undefined {
  for (const field of RECOMPUTED) {
    if (same(stored[field], mine[field])) continue;
    const [what, a, b] = firstDifference(field, stored[field] as Json, mine[field] as Json);
    return { seq: stored.seq, what, stored: a, recomputed: b };
  }
  return undefined;
}

/** Goes down to the smallest part that differs; what is not there shows as null. */
function firstDifference(path: string, a: Json, b: Json): readonly [string, Json, Json] {
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return [path, a, b];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [inA, inB] = [a[key], b[key]];
    if (inA !== undefined && inB !== undefined && same(inA, inB)) continue;
    if (inA === undefined || inB === undefined) return [`${path}.${key}`, inA ?? null, inB ?? null];
    return firstDifference(`${path}.${key}`, inA, inB);
  }
  return [path, a, b];
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null;
}

/** Equal as JSON, whatever the order of keys. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key]));
}

/** Lets a version that is not carried be folded by the newest that is. */
function addStandIns(
  machines: Record<string, MachineSet[string]>,
  versions: MachineVersions,
): void {
  for (const [kind, version] of Object.entries(versions)) {
    const carried = machines[kind] ?? {};
    const nearest = carried[version] ?? Object.values(carried).at(-1);
    if (nearest) machines[kind] = { ...carried, [version]: nearest };
  }
}
