import { Token } from "./record.ts";

/** The names of the subjects; the same on the embedded bus and on NATS. */
export interface Subjects {
  log(shard: number, tenant: string, call: string): string;
  events(tenant: string, call: string, actor: string): string;
  live(tenant: string, call: string, what: string): string;
  join(tenant: string, room: string): string;
  commands(tenant: string, target: string): string;
  /** Of calls that are over, by their rooms. */
  ended(tenant: string): string;
  usage(tenant: string, call: string): string;
  cost(tenant: string): string;
  budget(tenant: string): string;
  fleet(worker: string): string;
  /** Which providers a worker has stopped asking, and asks again. */
  providers(worker: string): string;
  /** A pattern: every worker, and those who ask. */
  wholeFleet(): string;
  fleetQuery(): string;
}

export function subjects(prefix = "turnfold"): Subjects {
  const of = (...parts: string[]): string => [prefix, ...parts].join(".");
  return {
    log: (shard, tenant, call) => of("log", String(shard), tenant, call),
    events: (tenant, call, actor) => of("events", tenant, call, actor),
    live: (tenant, call, what) => of("live", tenant, call, what),
    join: (tenant, room) => of("join", tenant, toToken(room)),
    commands: (tenant, target) => of("commands", tenant, target),
    ended: (tenant) => of("ended", tenant),
    usage: (tenant, call) => of("usage", tenant, call),
    cost: (tenant) => of("cost", tenant),
    budget: (tenant) => of("budget", tenant),
    fleet: (worker) => of("fleet", toToken(worker)),
    providers: (worker) => of("providers", toToken(worker)),
    wholeFleet: () => of("fleet", "*"),
    fleetQuery: () => of("fleet", "query"),
  };
}

/**
 * A safe token for any name, reversible: what is not a letter, digit, `-` or `_` becomes `=xx` per
 * UTF-8 byte. Room names of LiveKit may hold spaces, dots and stars.
 */
export function toToken(name: string): string {
  if (Token.safeParse(name).success) return name;
  let out = "";
  for (const byte of new TextEncoder().encode(name)) {
    const char = String.fromCharCode(byte);
    out += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).padStart(2, "0")}`;
  }
  return out;
}

/** Undoes `toToken`. */
export function fromToken(token: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i++) {
    if (token[i] === "=") {
      bytes.push(Number.parseInt(token.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(token.charCodeAt(i));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
