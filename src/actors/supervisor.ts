import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { AppError, codeOf } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import { subjects } from "../events/subjects.ts";
import type { AgentTexts, CallHeader, MachineVersions } from "../events/call.events.ts";
import type { CallRef, Json, LogRecord } from "../events/record.ts";
import { Transcript } from "../folds/transcript.ts";
import { CallFold, type FoldSnapshot } from "./call-fold.ts";
import { CallHost } from "./call-host.ts";
import type { EffectEntry } from "./effect-table.ts";
import type { Runners } from "./effect.ts";
import { carries, machineOf, type MachineSet } from "./machine-set.ts";
import type { CallPurse, OfferInput } from "./purse.ts";

/**
 * The calls of this process: opens new ones, takes over those whose owner is gone, and lets no
 * one's failure touch another. A takeover is itself logged (L5): the new epoch, then an end for
 * every effect the old owner had running; what to do about each is the charts' decision.
 */
export interface SupervisorPorts {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly machines: MachineSet;
  /** The versions new epochs are pinned to. */
  readonly versions: CallHeader["machines"];
  readonly build: string;
  readonly worker: string;
  /** The effects of one call; what they share of its room lives with them. */
  readonly runnersFor: (header: CallHeader) => Runners;
  /** The money of a call; without it nothing is bounded. */
  readonly budgetFor?: (ref: CallRef, offer: OfferInput) => CallPurse;
  readonly snapshotEveryRecords?: number;
  /** First token of the bus's subjects. */
  readonly prefix?: string;
}

export type NewCall = Omit<CallHeader, "machines" | "build" | "texts" | "agents" | "hooks"> &
  Partial<Pick<CallHeader, "agents" | "hooks">> & { readonly texts: AgentTexts };

export type RecordListener = (ref: CallRef, record: LogRecord) => void;
export type OwnedListener = (host: CallHost) => void;

export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #hosts = new Map<string, CallHost>();
  readonly #listeners = new Set<RecordListener>();
  readonly #owned = new Set<OwnedListener>();

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
  }

  /** Opens a call: its header is in the log when this resolves. */
  async open(call: NewCall): Promise<CallHost> {
    const { texts, ...rest } = call;
    const { versions: machines, build } = this.#ports;
    const header: CallHeader = {
      agents: {},
      hooks: [],
      ...rest,
      machines,
      build,
      texts: Object.keys(texts),
    };
    const ref = { tenant: call.tenant, call: call.call };
    const state = { fold: new CallFold(this.#ports.machines), transcript: new Transcript() };
    const host = this.#host(ref, header, state);
    await host.offer({
      input: { type: "call.opened", header: header as unknown as Json },
      text: texts,
    });
    return this.#own(host);
  }

  /**
   * Takes a call over. Errors: `call.notFound`, `call.closed`, `machine.unknown` where this build
   * does not carry the call's machine versions (L4).
   */
  async resume(ref: CallRef, reason: "takeover" | "handover" | "resume"): Promise<CallHost> {
    const state = await loadCall(this.#ports.broker, ref, this.#ports.machines);
    if (state.ended) throw new AppError("call.closed", `call ${ref.call} has ended`);
    const host = this.#host(ref, state.fold.header, state);
    const { machines, ...owner } = this.#ownerOf(state.fold);
    const input = { type: "owner.changed", ...owner, machines, reason };
    // The dead owner's effects and no others: what a due timer starts here is alive.
    const lost = state.fold.liveEffects().map((entry) => ({
      input: endOfLost(entry),
      cause: entry.seq,
    }));
    try {
      await host.offerAll([{ input }, ...lost]);
    } catch (error) {
      // One of these ends may have ended the call; its last records have the others.
      if (codeOf(error) !== "call.closed") throw error;
      await host.ended;
    }
    return this.#own(host);
  }

  /** The calls that go on here. */
  get live(): readonly CallHost[] {
    return [...this.#hosts.values()];
  }

  get(call: string): CallHost | undefined {
    return this.#hosts.get(call);
  }

  /** Every acknowledged record of every call of this process. */
  onRecord(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every call of this process, once its log says whose it is. */
  onOwned(listener: OwnedListener): () => void {
    this.#owned.add(listener);
    return () => this.#owned.delete(listener);
  }

  /** Stops all calls here without a word in their logs: as a crash would, but tidy. */
  abandonAll(why: string): void {
    for (const host of this.#hosts.values()) host.abandon(why);
    this.#hosts.clear();
  }

  #own(host: CallHost): CallHost {
    for (const listener of this.#owned) this.#guarded(() => listener(host));
    return host;
  }

  #ownerOf(fold: CallFold) {
    const { worker, build } = this.#ports;
    return { epoch: fold.epoch + 1, worker, build, machines: fold.versions };
  }

  #host(
    ref: CallRef,
    header: CallHeader,
    state: { fold: CallFold; transcript: Transcript },
  ): CallHost {
    const { broker, clock, ids, logger, snapshotEveryRecords } = this.#ports;
    const names = subjects(this.#ports.prefix);
    const budget = this.#ports.budgetFor?.(ref, (input) => host.offer({ input }));
    const host: CallHost = new CallHost(
      ref,
      {
        log: broker.log,
        clock,
        ids,
        logger,
        runners: this.#ports.runnersFor(header),
        ...(snapshotEveryRecords !== undefined && { snapshotEveryRecords }),
        ...(budget && { purse: budget }),
        onRecord: (record) => {
          if (budget) this.#guarded(() => budget.apply(record));
          this.#tellAll(ref, record);
        },
        onLive: (what, data) => broker.bus.publish(names.live(ref.tenant, ref.call, what), data),
      },
      state,
    );
    this.#hosts.set(ref.call, host);
    const forget = (): void => {
      if (this.#hosts.get(ref.call) === host) this.#hosts.delete(ref.call);
    };
    host.ended.then(forget, forget);
    if (budget) host.ended.catch(() => budget[Symbol.dispose]());
    return host;
  }

  /** Each actor's voice after its append; a listener's failure is its own. */
  #tellAll(ref: CallRef, record: LogRecord): void {
    const subject = subjects(this.#ports.prefix).events(ref.tenant, ref.call, record.actor);
    const { text: _, ...voice } = record;
    this.#ports.broker.bus.publish(subject, voice as unknown as Json);
    for (const listener of this.#listeners) this.#guarded(() => listener(ref, record));
  }

  #guarded(listen: () => void): void {
    try {
      listen();
    } catch (error) {
      this.#ports.logger.log("error", "a listener threw", { error: String(error) });
    }
  }
}

/** E4: whoever ran it is gone; a write without a key may have happened, and nobody can tell. */
function endOfLost({ id, src, input }: EffectEntry) {
  const { write, idempotent } = input as { write?: boolean; idempotent?: boolean };
  const unknown = src === "tool" && write === true && idempotent !== true;
  return { type: "effect.ended", effect: id, how: unknown ? "unknown" : "lost" };
}

/** Records folded without letting other calls of this process in between (E7: about 3 ms). */
const SLICE_RECORDS = 64;

/**
 * A call's state from its log: the newest snapshot that the chain confirms, then the records after
 * it. All records are read, as their text makes the transcript; only the later ones are folded.
 */
export async function loadCall(
  { log }: Pick<Broker, "log">,
  ref: CallRef,
  machines: MachineSet,
): Promise<{ fold: CallFold; transcript: Transcript; ended: boolean }> {
  const tail = await log.tail(ref);
  if (tail.seq === 0)
    throw new AppError("call.notFound", `no call ${ref.call} of tenant ${ref.tenant}`);
  const saved = await log.loadSnapshot(ref, tail.seq);
  const snapshot = saved && (JSON.parse(new TextDecoder().decode(saved.bytes)) as FoldSnapshot);
  const records: LogRecord[] = [];
  const transcript = new Transcript();
  for await (const record of log.read(ref)) {
    transcript.apply(record);
    records.push(record);
  }
  const confirmed = snapshot && records[snapshot.tail.seq - 1]?.hash === snapshot.tail.hash;
  const usable = confirmed && carries(machines, snapshot.versions);
  const fold = usable ? CallFold.restore(machines, snapshot) : new CallFold(machines);
  for (const [index, record] of records.slice(fold.tail.seq).entries()) {
    if (index % SLICE_RECORDS === SLICE_RECORDS - 1) await nextTurn();
    checkCarried(record, machines);
    refold(fold, record);
  }
  return { fold, transcript, ended: records.at(-1)?.input.type === "call.ended" };
}

/** L4: what cannot be folded must not be taken over, and looks like damage without this. */
function checkCarried({ input }: LogRecord, machines: MachineSet): void {
  const from = (input["header"] as unknown as CallHeader | undefined) ?? input;
  const versions = from["machines"] as MachineVersions | undefined;
  for (const [kind, version] of Object.entries(versions ?? {})) machineOf(machines, kind, version);
}

/** Folds a stored record again; a differing hash is an error that names the record. */
export function refold(fold: CallFold, record: LogRecord): void {
  const { record: mine } = fold.step(record.input, {
    at: record.at,
    cause: record.cause,
    ...(record.textDigest !== undefined && { textDigest: record.textDigest }),
  });
  if (mine.hash !== record.hash)
    throw new AppError("log.damaged", `record ${record.seq} does not fold to what it says`, {
      detail: { seq: record.seq },
    });
}
