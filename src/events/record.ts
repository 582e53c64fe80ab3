import { z } from "zod";

/**
 * The envelope of everything that stands in a log. One record is one step: the outside input that
 * came, and what the statecharts made of it. `text` stands outside the fold and may be erased; the
 * chain holds only `textDigest` (L8).
 */
export const RECORD_VERSION = 1;

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A tenant or call id, safe in NATS subjects and file names. */
export const Token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "use 1 to 64 of A-Z a-z 0-9 _ -");

/** Where a call's log lives. */
export interface CallRef {
  readonly tenant: string;
  readonly call: string;
}

/** Text of a record under a random salt, so that the digest of a short word tells nothing (L8). */
export const TextPart = z.strictObject({ salt: z.string(), value: z.json() });
export type TextPart = z.infer<typeof TextPart>;

/**
 * What a step did to effects and timers, net, in order:
 * `start id src inputDigest`, `stop id`, `tell id command`, `arm timer due`, `disarm timer`.
 */
export const EffectChange = z.union([
  z.tuple([z.literal("start"), z.string(), z.string(), z.string()]),
  z.tuple([z.literal("stop"), z.string()]),
  z.tuple([z.literal("tell"), z.string(), z.string()]),
  z.tuple([z.literal("arm"), z.string(), z.number()]),
  z.tuple([z.literal("disarm"), z.string()]),
]);
export type EffectChange = z.infer<typeof EffectChange>;

/** A fact an actor emitted; the voice of the actor on its events subject. */
export const Fact = z.looseObject({ type: z.string(), actor: z.string() });
export type Fact = { readonly type: string; readonly actor: string } & {
  readonly [key: string]: Json;
};

export const Outcome = z.strictObject({
  /** State value of each actor the step changed. */
  state: z.record(z.string(), z.json()),
  emitted: z.array(Fact),
  effects: z.array(EffectChange),
  /** Why the input changed nothing. */
  ignored: z.string().optional(),
  /** The actor that threw; the step was discarded whole (E1). */
  failed: z.strictObject({ actor: z.string(), code: z.string() }).optional(),
});
export interface Outcome {
  readonly state: { readonly [actor: string]: Json };
  readonly emitted: readonly Fact[];
  readonly effects: readonly EffectChange[];
  readonly ignored?: string;
  readonly failed?: { readonly actor: string; readonly code: string };
}

/** An outside input as stored; `catalog.ts` has the schema of each type. */
export type StoredInput = { readonly type: string } & { readonly [key: string]: Json };

export interface LogRecord {
  readonly v: typeof RECORD_VERSION;
  /** 1 for the call header, then without gaps. */
  readonly seq: number;
  /** Host time in ms since the epoch; never goes back (E6). */
  readonly at: number;
  /** Which owner wrote it; grows by one with each takeover (L5). */
  readonly epoch: number;
  readonly actor: string;
  readonly input: StoredInput;
  /** Sequence of the record that led to this input, a command's id, or null for the world. */
  readonly cause: number | string | null;
  readonly textDigest?: string;
  readonly text?: TextPart;
  readonly outcome: Outcome;
  /** Chains over the previous hash, the record without `hash` and `text`, and the contexts (L3). */
  readonly hash: string;
}

/** The position after the last record; `{seq: 0, hash: ''}` for an empty log. */
export interface LogTail {
  readonly seq: number;
  readonly hash: string;
}

export const EMPTY_TAIL: LogTail = { seq: 0, hash: "" };
