import type { CallHost } from "../actors/call-host.ts";
import type { Supervisor } from "../actors/supervisor.ts";
import { sleep } from "../base/clock.ts";
import { AppError, codeOf, toAppError, type ErrorCode } from "../base/errors.ts";
import type { Broker } from "../broker/broker.ts";
import type { JobClaim } from "../broker/jobs.port.ts";
import { Admission, type AdmissionPorts } from "./admission.ts";
import { isBetweenTurns } from "./between-turns.ts";
import { ClaimKeeper } from "./claim-keeper.ts";
import type { FleetMember } from "./fleet-member.ts";
import type { WorkerNow } from "./heartbeat.ts";
import { Peers } from "./peers.ts";
import { Rooms } from "./rooms.ts";

export interface WorkerPorts extends Omit<AdmissionPorts, "rooms" | "supervisor" | "worker"> {
  readonly broker: Pick<Broker, "jobs" | "kv" | "bus">;
  readonly supervisor: Pick<Supervisor, "open" | "resume" | "onRecord">;
  /** Its place in the fleet, for as long as it works. */
  readonly join: (now: () => Pick<WorkerNow, "state" | "claims">) => FleetMember;
  /** A token, and nobody else's: host, process, and a random part. */
  readonly name: string;
  /** Calls at a time. */
  readonly capacity: number;
}

/** A job of this worker, from its claim to its end here. */
interface Held {
  claim: JobClaim;
  /** Undefined while it is being admitted. */
  host: CallHost | undefined;
  /** The claim is another's by now; what is done under it would be done to that one. */
  lost: boolean;
  /** It is being ended, given back or handed over: nothing else may happen to it. */
  leaving: boolean;
}

/** One wait for a job; a hand-over does not wait longer for its end. */
const CLAIM_WAIT_MS = 1_000;
const BROKER_RETRY_MS = 500;
/**
 * A job that this worker cannot do is for another: it comes back when this one has only just begun
 * to wait, and those who have waited longer come first.
 */
const ELSEWHERE_MS = 2 * CLAIM_WAIT_MS + 50;
/** The first time, then twice as long each time it comes back. */
const FAILED_MS = 1_000;
const FAILED_MAX_MS = 30_000;
/** For another build, or for a worker that is configured otherwise. */
const ELSEWHERE: readonly ErrorCode[] = ["machine.unknown", "log.version", "config.invalid"];
/** How often a worker that drains looks whether anybody else has come. */
const PEERS_EVERY_MS = 250;

/**
 * Claims rooms that want an agent, up to its capacity, and owns their calls until they end. The
 * claim is a hint and the log the fence (J3, L1): a claim is finished only after the call's end is
 * in the log under one's own epoch, and who was fenced lets it run out.
 */
export class Worker implements Disposable {
  readonly #ports: WorkerPorts;
  readonly #rooms: Rooms;
  readonly #admission: Admission;
  readonly #keeper: ClaimKeeper;
  readonly #member: FleetMember;
  readonly #peers: Peers;
  readonly #held = new Set<Held>();
  readonly #stopped = new AbortController();
  #dead = false;
  #changed = Promise.withResolvers<void>();
  #draining: "no" | "between turns" | "now" = "no";
  #running: Promise<void> | undefined;

  constructor(ports: WorkerPorts) {
    const { broker, clock, logger, name } = ports;
    this.#ports = ports;
    this.#rooms = new Rooms(broker.kv);
    this.#admission = new Admission({ ...ports, rooms: this.#rooms, worker: name });
    this.#keeper = new ClaimKeeper({ clock, logger, claimMs: broker.jobs.claimMs });
    this.#member = ports.join(() => ({
      state: this.isDraining ? "draining" : "live",
      claims: this.claims,
    }));
    this.#peers = new Peers(this.#member.view, clock, name);
  }

  get member(): FleetMember {
    return this.#member;
  }

  get name(): string {
    return this.#ports.name;
  }

  get capacity(): number {
    return this.#ports.capacity;
  }

  /** Jobs it holds, those among them too that are not calls yet. */
  get claims(): number {
    return this.#held.size;
  }

  get isDraining(): boolean {
    return this.#draining !== "no";
  }

  /** Until it was drained or disposed of. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Claims nothing more, and hands each call over between two of its turns; after `limitMs` in the
   * midst of one. While no other worker has room for them, calls may end by themselves until then.
   * Resolves when none is left.
   */
  async drain(limitMs: number): Promise<void> {
    const { clock, supervisor } = this.#ports;
    if (this.#draining === "no") this.#draining = "between turns";
    this.#member.heartbeat.beat();
    this.#notify();
    const unlisten = supervisor.onRecord(() => void Promise.resolve().then(() => this.#letGo()));
    const cancel = clock.after(limitMs, () => this.cutShort());
    while (this.#held.size > 0 && !this.#stopped.signal.aborted) {
      this.#letGo();
      const over = new AbortController();
      await Promise.race([this.#changed.promise, sleep(clock, PEERS_EVERY_MS, over.signal)]);
      over.abort();
    }
    cancel();
    unlisten();
    this.#stopped.abort();
    await this.#running;
    this.#member[Symbol.dispose]();
  }

  /** Hands all calls over at once. */
  cutShort(): void {
    this.#draining = "now";
    this.#notify();
  }

  /** Stops as a crash would, but tidy: claims run out, and the calls go on elsewhere. */
  [Symbol.dispose](): void {
    this.#dead = true;
    this.#stopped.abort();
    this.#notify();
    for (const held of this.#held) {
      held.leaving = true;
      held.host?.abandon("the worker was stopped");
      this.#forget(held);
    }
    this.#member[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const keeping = this.#keeper.run(signal);
    while (!signal.aborted && !this.isDraining) {
      if (this.#held.size >= this.capacity) await this.#changed.promise;
      else await this.#next();
    }
    await keeping;
  }

  async #next(): Promise<void> {
    const { broker, clock, logger, name } = this.#ports;
    try {
      const claim = await broker.jobs.claim(name, CLAIM_WAIT_MS);
      if (!claim || this.#dead) return;
      if (this.isDraining) await this.#release(claim, 0);
      else this.#take(claim);
    } catch (error) {
      logger.log("warn", "no jobs can be claimed", { code: codeOf(error), error: String(error) });
      await sleep(clock, BROKER_RETRY_MS, this.#stopped.signal);
    }
  }

  #take(claim: JobClaim): void {
    const known = [...this.#held].find((one) => !one.leaving && isSame(one.claim, claim));
    const held = known ?? { claim, host: undefined, lost: false, leaving: false };
    // It came back early while its call goes on here.
    if (known) this.#keeper.drop(known.claim);
    Object.assign(held, { claim, lost: false });
    this.#held.add(held);
    this.#keeper.add(claim, () => void (held.lost = held.claim === claim));
    if (!known) void this.#admit(held);
  }

  async #admit(held: Held): Promise<void> {
    try {
      const host = await this.#admission.admit(held.claim, this.#stopped.signal);
      if (this.#dead) return host?.abandon("the worker was stopped");
      if (!host) return await this.#finish(held);
      held.host = host;
      const { tenant, call } = host.ref;
      const { epoch, header } = host.fold;
      const about = { tenant, room: header.room, call, epoch };
      this.#ports.logger.log("info", "Agent connecting to room", about);
      host.ended.then(
        () => this.#finish(held),
        () => this.#fenced(held),
      );
      this.#notify();
    } catch (error) {
      if (!this.#dead) await this.#refuse(held, error);
    }
  }

  /** Why a job is no call here: nobody's, another worker's, or later. */
  async #refuse(held: Held, cause: unknown): Promise<void> {
    const { code, message } = toAppError(cause, "bug");
    const { tenant, room } = held.claim.job;
    const about = { tenant, room, code, error: message };
    this.#ports.logger.log("error", "a job was not admitted", about);
    if (code === "job.lost") return this.#forget(held);
    if (code === "input.invalid") return this.#finish(held);
    const laterMs = Math.min(FAILED_MAX_MS, FAILED_MS * 2 ** held.claim.redeliveries);
    await this.#giveBack(held, ELSEWHERE.includes(code) ? ELSEWHERE_MS : laterMs);
  }

  /** The job is done; where this cannot be said, the next who claims it sees it in the log. */
  async #finish(held: Held): Promise<void> {
    if (this.#dead) return;
    held.leaving = true;
    const { claim, lost, host } = held;
    try {
      if (!lost) await claim.finish();
      // Not before: until the job is gone the directory must say that it was served.
      if (host && !lost)
        await this.#rooms.remove(claim.job, { call: host.ref.call, epoch: host.fold.epoch });
    } catch (error) {
      const { tenant, room } = claim.job;
      const code = codeOf(error);
      this.#ports.logger.log("warn", "a job was not finished", { tenant, room, code });
    }
    this.#forget(held);
  }

  /** Another has the call, or will have it when the claim has run out. */
  #fenced(held: Held): void {
    if (held.leaving) return;
    const { tenant, room } = held.claim.job;
    const { code, message } = held.host?.fenced ?? new AppError("owner.fenced", "");
    const about = { tenant, room, code, error: message };
    this.#ports.logger.log("warn", "a call went to another owner", about);
    this.#forget(held);
  }

  /** Hands over what can be handed over now. */
  #letGo(): void {
    for (const held of this.#held) if (this.#mayGo(held)) void this.#handOver(held);
  }

  #mayGo({ host, leaving }: Held): boolean {
    if (!host || leaving || host.fenced) return false;
    return this.#draining === "now" || (this.#peers.free > 0 && isBetweenTurns(host));
  }

  async #handOver(held: Held): Promise<void> {
    const { logger, name } = this.#ports;
    const { claim, host } = held;
    if (!host) return;
    held.leaving = true;
    this.#peers.take();
    const { tenant, call } = host.ref;
    const { epoch } = host.fold;
    const entry = { call, job: claim.id, worker: name, epoch, state: "handover" } as const;
    try {
      await this.#rooms.update(claim.job, entry).catch((error: unknown) => {
        // The next owner takes it for a crash, and does the same.
        logger.log("warn", "the directory was not told", { tenant, call, code: codeOf(error) });
      });
      // Somebody has spoken meanwhile: at the next moment, then.
      if (this.#draining !== "now" && !isBetweenTurns(host)) return void (held.leaving = false);
      await host.handOver("handed over");
      logger.log("info", "a call was handed over", { tenant, call });
      await this.#giveBack(held, 0);
    } catch (error) {
      // It has ended or was fenced just now, which is seen to elsewhere.
      held.leaving = false;
      if (codeOf(error) === "owner.fenced") this.#fenced(held);
    }
  }

  /** A claim that is lost belongs to another: that one's is not given back. */
  async #giveBack(held: Held, delayMs: number): Promise<void> {
    held.leaving = true;
    this.#keeper.drop(held.claim);
    if (!held.lost) await this.#release(held.claim, delayMs);
    this.#forget(held);
  }

  async #release(claim: JobClaim, delayMs: number): Promise<void> {
    const { tenant, room } = claim.job;
    await claim.release(delayMs).catch((error: unknown) => {
      const code = codeOf(error);
      this.#ports.logger.log("warn", "a job was not given back", { tenant, room, code });
    });
  }

  #forget(held: Held): void {
    this.#keeper.drop(held.claim);
    this.#held.delete(held);
    this.#notify();
  }

  /** Whoever waits looks again. */
  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function isSame({ job: a }: JobClaim, { job: b }: JobClaim): boolean {
  return a.tenant === b.tenant && a.room === b.room;
}
