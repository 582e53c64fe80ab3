import type { Broker } from "../../../src/broker/broker.ts";
import type { Stream } from "../../../src/broker/stream.port.ts";

/** What a ledger or an outbox stands on. */
export type Ground = Pick<Broker, "log" | "usage" | "cost" | "kv" | "blobs">;

/** How long a process lives: so many steps, and whether the last one still takes effect. */
export interface Life {
  steps: number;
  readonly after: boolean;
}

export interface Mortal {
  readonly ground: Ground;
  /** Resolves when the process is dead. */
  readonly death: Promise<void>;
}

/** A broker as a process sees it that is killed between any two of its steps: it hears no more. */
export function mortal(inner: Ground, life: Life): Mortal {
  const { promise: death, resolve: die } = Promise.withResolvers<void>();
  const never = new Promise<never>(() => undefined);
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    if (life.steps < 0) return never;
    if (life.steps-- > 0) return work();
    die();
    if (life.after) await work().catch(() => undefined);
    return never;
  };
  const wrapped = <T extends object>(port: T, names: readonly (keyof T)[]): T => {
    const copy = {} as T;
    for (const name of names) {
      const method = (port[name] as (...given: unknown[]) => unknown).bind(port);
      const dying = (...given: unknown[]) => step(() => Promise.resolve(method(...given)));
      Object.defineProperty(copy, name, { value: dying });
    }
    return copy;
  };
  const stream = (port: Stream): Stream => ({
    append: (key, expect, item) => step(() => port.append(key, expect, item)),
    tail: (key) => step(() => port.tail(key)),
    async *read(key, after) {
      for await (const entry of port.read(key, after)) yield await step(async () => entry);
    },
  });
  const ground: Ground = {
    log: inner.log,
    usage: stream(inner.usage),
    cost: stream(inner.cost),
    kv: wrapped(inner.kv, ["get", "put", "keys"]),
    blobs: wrapped(inner.blobs, ["get", "put"]),
  };
  return { ground, death };
}
