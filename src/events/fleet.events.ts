import { z } from "zod";
import { AppError } from "../base/errors.ts";
import type { Json } from "./record.ts";

/**
 * What workers and whoever steers them say to each other over the bus. None of it stands in a log:
 * a command that is taken does so in its stored form (`Command`). What is asked of us is checked to
 * the letter; of what others tell, fields that a newer build added are left out.
 */

/** Payload of a job: what the agent of a room is to be; null is all defaults. */
const JoinRequest = z.strictObject({
  /** One of the agents of the worker; default: its first. */
  agent: z.string().min(1).max(128).optional(),
  /** Who the agent is in the room; default `agent`. */
  identity: z.string().min(1).max(128).optional(),
  /** Of the caller's own. */
  metadata: z.json().optional(),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

/** Throws `input.invalid`, which names the field. */
export function parseJoin(payload: Json): JoinRequest {
  const parsed = JoinRequest.safeParse(payload ?? {});
  if (parsed.success) return parsed.data;
  const fix = "give null or {agent?, identity?, metadata?}";
  throw new AppError("input.invalid", `join: ${problemOf(parsed.error)}; ${fix}`);
}

/** Longest text of a command: some four minutes of speech. */
const COMMAND_CHARS_MAX = 4_000;

/** Who asks, as they call themselves; it stands in the log. */
const by = z.string().min(1).max(64).optional();
const text = z.string().trim().min(1, "is empty").max(COMMAND_CHARS_MAX);

const REQUESTS = {
  say: z.strictObject({
    name: z.literal("say"),
    text,
    /** Cuts the answer that is being given, where that may be cut. */
    now: z.boolean().optional(),
    /** False: heard out, whatever is said meanwhile. */
    interruptible: z.boolean().optional(),
    by,
  }),
  interrupt: z.strictObject({
    name: z.literal("interrupt"),
    /** Cuts what is to be heard out, too. */
    force: z.boolean().optional(),
    by,
  }),
  mute: z.strictObject({ name: z.literal("mute"), by }),
  unmute: z.strictObject({ name: z.literal("unmute"), by }),
  instruct: z.strictObject({ name: z.literal("instruct"), text, by }),
  end: z.strictObject({
    name: z.literal("end"),
    reason: z.string().trim().min(1).max(200).optional(),
    by,
  }),
  state: z.strictObject({ name: z.literal("state"), by }),
  set: z.strictObject({
    name: z.literal("set"),
    /** Grouped as `TurnSettings` are, times in ms: `{"endpointing": {"minDelay": 500}}`. */
    settings: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.json())])),
    by,
  }),
} as const;

/** What may be asked of a running call. */
const CommandRequest = z.discriminatedUnion("name", [
  REQUESTS.say,
  REQUESTS.interrupt,
  REQUESTS.mute,
  REQUESTS.unmute,
  REQUESTS.instruct,
  REQUESTS.end,
  REQUESTS.state,
  REQUESTS.set,
]);
export type CommandRequest = z.infer<typeof CommandRequest>;
export type CommandName = CommandRequest["name"];
const COMMAND_NAMES = Object.keys(REQUESTS) as readonly CommandName[];

/** Throws `input.invalid`, which names the field and what the command takes. */
export function parseCommand(request: unknown): CommandRequest {
  const parsed = CommandRequest.safeParse(request);
  if (parsed.success) return parsed.data;
  const name = (request as { name?: unknown } | null)?.name;
  const known = COMMAND_NAMES.find((one) => one === name);
  if (known === undefined) {
    const what = name === undefined ? "there is no name" : `there is no ${JSON.stringify(name)}`;
    const fix = `give {"name": …} with one of ${COMMAND_NAMES.join(", ")}`;
    throw new AppError("input.invalid", `command: ${what}; ${fix}`);
  }
  throw new AppError(
    "input.invalid",
    `${known}: ${problemOf(parsed.error)}; it takes ${fieldsOf(REQUESTS[known])}`,
  );
}

/** `text, now?, interruptible?, by?` */
function fieldsOf({ shape }: z.ZodObject): string {
  const fields = Object.entries(shape as Record<string, z.ZodType>).filter(([k]) => k !== "name");
  return fields
    .map(([key, type]) => (type.safeParse(undefined).success ? `${key}?` : key))
    .join(", ");
}

/** The first thing that is wrong, behind its field. */
function problemOf({ issues: [issue] }: z.ZodError): string {
  const at = issue?.path.join(".") ?? "";
  const said = issue?.message ?? "it has another shape";
  const what = said.endsWith("received undefined") ? "is missing" : said;
  return at === "" ? what : `${at}: ${what}`;
}

/** A call as its owner sees it now. */
export const CallState = z.object({
  room: z.string(),
  worker: z.string(),
  /** Grows by one with each takeover. */
  epoch: z.int(),
  /** When the call was opened, ms since the Unix epoch. */
  since: z.number(),
  /** Name of the agent that speaks now. */
  agent: z.string(),
  /** Who is in the room, beside the agent. */
  present: z.array(z.object({ identity: z.string(), name: z.string() })),
  /** The turn that answers, else the one that listens. */
  turn: z
    .object({ n: z.int(), phase: z.enum(["listening", "thinking", "speaking", "cut"]) })
    .nullable(),
  /** What was last said by either side, as far as it is known. */
  lastWords: z.object({ user: z.string(), agent: z.string() }),
  muted: z.boolean(),
  /** Texts that wait to be said. */
  queued: z.int(),
  /** Names of the tools that run. */
  tools: z.array(z.string()),
  /** Where the chart of each actor stands. */
  actors: z.array(z.object({ actor: z.string(), state: z.json() })),
});
export type CallState = z.infer<typeof CallState>;

/** What a command came to. */
export const CommandDone = z.object({
  ok: z.literal(true),
  call: z.string(),
  tenant: z.string(),
  /** The command's record in the log; for `state` the last one. */
  seq: z.int(),
  /** False where there was nothing to do. */
  changed: z.boolean(),
  /** In words: `cut turn 3`, `nothing: no answer is being given`. */
  did: z.string(),
  /** The turn it was about, if any. */
  turn: z.int().nullable(),
  /** Of `state` alone. */
  state: CallState.optional(),
});
export type CommandDone = z.infer<typeof CommandDone>;

const CommandRefused = z.object({
  ok: z.literal(false),
  /** An error code, maybe of a newer build. */
  code: z.string(),
  message: z.string(),
});

export const CommandAnswer = z.discriminatedUnion("ok", [CommandDone, CommandRefused]);
export type CommandAnswer = z.infer<typeof CommandAnswer>;

/** How busy a process is. */
const WorkerLoad = z.object({
  /** How late the event loop ran what was due, 99th percentile since the last heartbeat. */
  loopDelayMs: z.number(),
  /** Of one core; above 1 where several are busy. */
  cpuShare: z.number(),
});
export type WorkerLoad = z.infer<typeof WorkerLoad>;

const breaker = {
  service: z.string(),
  provider: z.string(),
  model: z.string(),
  /** When it came to this, ms since the Unix epoch. */
  since: z.number(),
};

/** A circuit breaker of a worker that is not closed: its provider is not asked, or only tried. */
const OpenBreaker = z.object({ ...breaker, state: z.enum(["open", "half-open"]) });

/** What a worker says when one of its breakers changes. */
export const ProviderChange = z.object({
  ...breaker,
  worker: z.string(),
  state: z.enum(["closed", "open", "half-open"]),
});
export type ProviderChange = z.infer<typeof ProviderChange>;

const worker = {
  worker: z.string(),
  build: z.string(),
  /** Versions of each machine whose calls it can own. */
  machines: z.record(z.string(), z.array(z.string())),
  /** Jobs it takes at a time; 0 for a process that takes none. */
  capacity: z.int().nonnegative(),
  /** Claims on jobs it holds. */
  claims: z.int().nonnegative(),
  /** Calls it owns; the list is cut at `LIMITS.heartbeatCallsMax`. */
  calls: z.object({ count: z.int().nonnegative(), ids: z.array(z.string()) }),
  load: WorkerLoad,
  /** Of providers that its calls do not ask now; none of a build that has none. */
  breakers: z.array(OpenBreaker).default([]),
  /** Since when it runs, ms since the Unix epoch. */
  since: z.number(),
};

/** What each worker says every second; `gone` is its last word. */
const FleetHeartbeat = z.object({ ...worker, state: z.enum(["live", "draining", "gone"]) });
export type FleetHeartbeat = z.infer<typeof FleetHeartbeat>;

/** Undefined for what is none: anybody may publish anything. */
export function parseHeartbeat(data: Json): FleetHeartbeat | undefined {
  return FleetHeartbeat.safeParse(data).data;
}

const FleetWorker = z.object({ ...worker, state: z.enum(["live", "draining"]) });
export type FleetWorker = z.infer<typeof FleetWorker>;

/** The whole fleet, as any worker of it answers. */
export const FleetAnswer = z.object({
  workers: z.array(FleetWorker),
  /** Calls that are owned by a worker. */
  calls: z.int(),
  /** Jobs that can be done at a time, by those who take new ones. */
  capacity: z.int(),
  queue: z.object({
    /** Rooms that wait for an agent. */
    count: z.int(),
    /** How long the first of them has waited; 0 where none does. */
    oldestMs: z.number(),
    /** Rooms whose worker is gone, and that no other has taken over yet. */
    orphans: z.int(),
  }),
});
export type FleetAnswer = z.infer<typeof FleetAnswer>;
