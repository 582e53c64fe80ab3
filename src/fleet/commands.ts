import type { CallHost } from "../actors/call-host.ts";
import type { Supervisor } from "../actors/supervisor.ts";
import { AppError, codeOf, toAppError } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import {
  parseCommand,
  type CommandAnswer,
  type CommandDone,
  type CommandRequest,
} from "../events/fleet.events.ts";
import type { CallRef, Json, LogRecord } from "../events/record.ts";
import { subjects, toToken } from "../events/subjects.ts";
import { callStateOf, roomOf } from "./call-state.ts";
import { didOf } from "./command-words.ts";

/**
 * What the calls of this process may be told from outside: over the bus, on a subject of each
 * call's id and one of its room's name, and by whoever has this object. Each command is a record of
 * the call's log before it is answered.
 */
export interface CommandPorts {
  readonly broker: Pick<Broker, "bus" | "log">;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Who owns the calls. */
  readonly worker: string;
  /** First token of the bus's subjects. */
  readonly prefix?: string;
}

/** A call by its id or its room's name; without a tenant, whosever it is. */
export interface CallTarget {
  readonly target: string;
  readonly tenant?: string;
}

export class CallCommands {
  readonly #ports: CommandPorts;
  readonly #hosts = new Set<CallHost>();

  constructor(ports: CommandPorts) {
    this.#ports = ports;
  }

  /** Takes commands for the calls of this supervisor, and for those it opens or resumes. */
  attach(supervisor: Supervisor): void {
    for (const host of supervisor.live) this.#serve(host);
    supervisor.onOwned((host) => this.#serve(host));
  }

  /** The calls that can be told things here. */
  get calls(): readonly CallRef[] {
    return [...this.#hosts].map(({ ref }) => ref);
  }

  /**
   * Carries a command out in this process. Errors: `input.invalid`, `config.invalid` (a setting),
   * `call.notFound`, `call.closed`, `owner.fenced` (another process has the call by now).
   */
  async tell({ target, tenant }: CallTarget, request: unknown): Promise<CommandDone> {
    const command = parseCommand(request);
    const fits = ({ ref }: CallHost): boolean => tenant === undefined || ref.tenant === tenant;
    const hosts = [...this.#hosts].filter(fits);
    const host =
      hosts.find(({ ref }) => ref.call === target) ??
      hosts.find(({ fold }) => fold.header.room === target);
    if (!host) throw await this.#whyNot(target, tenant);
    return this.#carryOut(host, command);
  }

  #serve(host: CallHost): void {
    if (this.#hosts.has(host)) return;
    const { broker, prefix } = this.#ports;
    const { tenant, call } = host.ref;
    const names = subjects(prefix);
    const targets = new Set([call, toToken(host.fold.header.room)]);
    const subscriptions = [...targets].map((target) =>
      broker.bus.subscribe(names.commands(tenant, target), ({ data }) => this.#answer(host, data)),
    );
    this.#hosts.add(host);
    const close = (): void => {
      this.#hosts.delete(host);
      for (const subscription of subscriptions) subscription.close();
    };
    host.ended.then(close, close);
  }

  /** Undefined where the call is another's by now: its owner is asked too, and answers. */
  async #answer(host: CallHost, request: Json): Promise<Json | undefined> {
    try {
      const command = parseCommand(request);
      if (command.name === "state" && (await this.#isBehind(host))) return undefined;
      const done: CommandAnswer = await this.#carryOut(host, command);
      return done as Json;
    } catch (error) {
      if (codeOf(error) === "owner.fenced") return undefined;
      const { code, message } = toAppError(error, "bug");
      if (code === "bug")
        this.#ports.logger.log("error", "a command failed", { error: String(error) });
      const refused: CommandAnswer = { ok: false, code, message };
      return refused;
    }
  }

  /** An owner that does not know yet that it is one no more. */
  async #isBehind({ ref, fold }: CallHost): Promise<boolean> {
    return (await this.#ports.broker.log.tail(ref)).seq > fold.tail.seq;
  }

  async #carryOut(host: CallHost, request: CommandRequest): Promise<CommandDone> {
    const { fold, ref } = host;
    if (request.name === "state")
      return {
        ok: true,
        ...ref,
        seq: fold.tail.seq,
        changed: false,
        did: "told",
        turn: null,
        state: callStateOf(host, this.#ports.worker),
      };
    const before = roomOf(host);
    const given = this.#give(host, request);
    // The step is made by now, and what comes after it is not.
    const after = roomOf(host);
    const record = await given;
    return { ok: true, ...ref, seq: record.seq, ...didOf({ request, record, before, after }) };
  }

  async #give(
    host: CallHost,
    request: Exclude<CommandRequest, { name: "state" }>,
  ): Promise<LogRecord> {
    const { by = "bus" } = request;
    switch (request.name) {
      case "say": {
        const { text, now = false, interruptible } = request;
        const hold = interruptible === undefined ? {} : { interruptible };
        const words = { ref: this.#newRef("say"), chars: text.length };
        return host.command({ name: "say", ...words, now, ...hold }, by, text);
      }
      case "instruct":
        return host.command({ name: "instruct", ref: this.#newRef("told") }, by, request.text);
      case "interrupt":
        return host.command({ name: "interrupt", force: request.force ?? false }, by);
      case "mute":
      case "unmute":
        return host.command({ name: request.name }, by);
      case "end":
        return host.command({ name: "end", reason: request.reason ?? "" }, by);
      case "set":
        return host.set(request.settings as Readonly<Record<string, object | string>>, by);
    }
  }

  /** The name its text has in the log. */
  #newRef(stem: string): string {
    return `${stem}.${this.#ports.ids.call()}`;
  }

  async #whyNot(target: string, tenant: string | undefined): Promise<AppError> {
    const calls = await this.#ports.broker.log.calls(tenant);
    const ref = calls.find(({ call }) => call === target);
    return ref ? await absent(ref, this.#ports.broker) : unknownCall(target);
  }
}

/** Why nobody answers for a call that there is. */
export async function absent(ref: CallRef, { log }: Pick<Broker, "log">): Promise<AppError> {
  const { seq } = await log.tail(ref);
  let ended = false;
  for await (const { input } of log.read(ref, seq)) ended = input.type === "call.ended";
  if (ended) return new AppError("call.closed", `call ${ref.call} has ended`);
  const fix = "ask again in a moment, or see `turnfold fleet` for who runs";
  return new AppError("bus.noResponder", `call ${ref.call} goes on, but nobody has it just now`, {
    detail: { fix },
  });
}

export function unknownCall(target: string): AppError {
  const message = `no call is named ${target}, and none goes on in a room ${target}`;
  return new AppError("call.notFound", message);
}
