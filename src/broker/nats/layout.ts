import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { hash } from "node:crypto";
import type { CallRef } from "../../events/record.ts";
import { type Subjects, subjects, toToken } from "../../events/subjects.ts";
import type { StreamKey } from "../stream.port.ts";

/** Messages of one call; a log rolls over long before (L9). */
const CALL_MESSAGES_MAX = 100_000;
const DUPLICATE_WINDOW_NS = 120e9;
/** Where the number of shards is written down: it says where each call lies. */
export const SHARDS_KEY = "turnfold-shards";

export type WantedStream = Partial<StreamConfig> & { readonly name: string };

/** The names of all that one deployment keeps on a server, by its prefix. */
export class Layout {
  readonly prefix: string;
  readonly shards: number;
  readonly replicas: number;
  readonly subjects: Subjects;

  constructor(prefix: string, shards: number, replicas: number) {
    this.prefix = prefix;
    this.shards = shards;
    this.replicas = replicas;
    this.subjects = subjects(prefix);
  }

  get jobs(): string {
    return `${this.prefix}_jobs`;
  }

  get workers(): string {
    return "workers";
  }

  /** A key-value bucket as every NATS client knows it. */
  bucket(name: BucketName): Bucket {
    const bucket = `${this.prefix}_${name}`;
    return { stream: `KV_${bucket}`, subject: (key) => `$KV.${bucket}.${key}` };
  }

  logStream(shard: number): string {
    return logStream(this.prefix, shard);
  }

  /** The stream and the subject of a call's log. */
  placeOf({ tenant, call }: CallRef): { stream: string; subject: string } {
    const bytes = hash("sha1", `${tenant}/${call}`, "buffer");
    const shard = bytes.readUInt32BE(0) % this.shards;
    return { stream: this.logStream(shard), subject: this.subjects.log(shard, tenant, call) };
  }

  /** Usage of all tenants, a subject per call. */
  get usage(): GrowingPlace {
    return {
      stream: `${this.prefix}_usage`,
      subjectOf: ({ tenant, call }) => this.subjects.usage(tenant, call ?? "*"),
      keyOf: (subject) => {
        const [tenant, call] = subject.split(".").slice(-2) as [string, string];
        return { tenant, call };
      },
    };
  }

  /** What it cost, a subject per tenant. */
  get cost(): GrowingPlace {
    return {
      stream: `${this.prefix}_cost`,
      subjectOf: ({ tenant }) => this.subjects.cost(tenant),
      keyOf: (subject) => ({ tenant: subject.split(".").at(-1)! }),
    };
  }

  joinSubject(tenant: string, room: string): string {
    return this.subjects.join(toToken(tenant), room);
  }

  /** Every stream, as it must stand on the server. */
  streams(): readonly WantedStream[] {
    const shards = Array.from({ length: this.shards }, (_, shard) => this.#log(shard));
    // The first shard names the number of them, so it comes last: what it promises is there.
    const buckets = BUCKETS.map((name) => this.#bucket(name));
    const growing = [this.#growing(this.usage), this.#growing(this.cost)];
    return [...growing, ...shards.toReversed(), this.#jobs(), ...buckets];
  }

  #log(shard: number): WantedStream {
    return {
      ...this.#common(),
      name: this.logStream(shard),
      subjects: [`${this.prefix}.log.${shard}.*.*`],
      retention: RetentionPolicy.Limits,
      deny_delete: true,
      max_msgs_per_subject: CALL_MESSAGES_MAX,
      discard_new_per_subject: true,
      metadata: { [SHARDS_KEY]: String(this.shards) },
    };
  }

  /** Money is never deleted, nor what it follows from. */
  #growing({ stream, subjectOf }: GrowingPlace): WantedStream {
    return {
      ...this.#common(),
      name: stream,
      subjects: [subjectOf({ tenant: "*" })],
      retention: RetentionPolicy.Limits,
      deny_delete: true,
      deny_purge: true,
    };
  }

  #jobs(): WantedStream {
    return {
      ...this.#common(),
      name: this.jobs,
      subjects: [`${this.prefix}.join.*.*`],
      retention: RetentionPolicy.Workqueue,
      max_msgs_per_subject: 1,
      discard_new_per_subject: true,
    };
  }

  /** Deleting is by sequence, hence never of a newer value, and wipes the bytes. */
  #bucket(name: BucketName): WantedStream {
    const { stream, subject } = this.bucket(name);
    return {
      ...this.#common(),
      name: stream,
      subjects: [subject(">")],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      deny_delete: false,
    };
  }

  #common(): Partial<StreamConfig> {
    return {
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      num_replicas: this.replicas,
      allow_direct: false,
      duplicate_window: DUPLICATE_WINDOW_NS,
    };
  }
}

/** Small state; the keys that calls' texts are sealed with; bytes by digest; folds of logs. */
const BUCKETS = ["kv", "keys", "blobs", "snapshots"] as const;
type BucketName = (typeof BUCKETS)[number];

export interface Bucket {
  readonly stream: string;
  readonly subject: (key: string) => string;
}

/** Where a stream that only grows has its keys. */
export interface GrowingPlace {
  readonly stream: string;
  /** A pattern where the key is not of one subject. */
  readonly subjectOf: (key: StreamKey) => string;
  readonly keyOf: (subject: string) => StreamKey;
}

export function logStream(prefix: string, shard: number): string {
  return `${prefix}_log_${shard}`;
}
