import type { CallHost } from "../actors/call-host.ts";
import type { NewCall, Supervisor } from "../actors/supervisor.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { codeOf, type ErrorCode } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import type { Job, JobClaim } from "../broker/jobs.port.ts";
import type { RoomEntry } from "../events/room-entry.events.ts";
import type { Rooms } from "./rooms.ts";

export interface AdmissionPorts {
  readonly rooms: Rooms;
  readonly supervisor: Pick<Supervisor, "open" | "resume">;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly worker: string;
  /**
   * What the call of a job is opened with. Throws `input.invalid` for a job that nobody can do,
   * `config.invalid` for one that this worker cannot.
   */
  readonly newCall: (job: Job, call: string) => NewCall;
}

/** Another was quicker, or an old owner still wrote; a claim that is held may try again (L1). */
const AGAIN: readonly ErrorCode[] = ["kv.conflict", "log.conflict", "owner.fenced"];
/** The room gets a new call, for the old one can be gone on with by nobody. */
const BROKEN: readonly ErrorCode[] = ["log.damaged", "log.notALog", "snapshot.invalid"];
const TRIES_MAX = 10;
const RETRY_MS = 20;

/**
 * From a claim to a call of this process. One room has one agent: the directory names the call by
 * compare-and-set, and its log takes one header and one owner of each epoch. Who dies between two
 * of these steps leaves nothing that the next one would stumble over.
 */
export class Admission {
  readonly #ports: AdmissionPorts;

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
  }

  /**
   * The call, live here; undefined where the job was served and only has to be finished. Throws
   * what its ports do; `job.lost` where the claim went meanwhile; `machine.unknown`.
   */
  async admit(claim: JobClaim, signal: AbortSignal): Promise<CallHost | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(claim);
      } catch (error) {
        const again = AGAIN.includes(codeOf(error)) && tries < TRIES_MAX;
        if (!again || signal.aborted) throw error;
      }
      await sleep(this.#ports.clock, RETRY_MS * tries, signal);
      await claim.keepAlive();
    }
  }

  async #try(claim: JobClaim): Promise<CallHost | undefined> {
    const { rooms } = this.#ports;
    const { entry, revision } = await rooms.get(claim.job);
    if (!entry) return this.#open(claim, revision);
    const going = await this.#goOn(claim, entry);
    if (going) return this.#own(claim, going);
    // Its owner died after the end and before it could say so.
    if (entry.job === claim.id) return void (await rooms.remove(claim.job, entry));
    return this.#open(claim, revision);
  }

  /** The call of the directory, taken over or opened; undefined where it has ended. */
  async #goOn(claim: JobClaim, entry: RoomEntry): Promise<CallHost | undefined> {
    const { supervisor, newCall, logger } = this.#ports;
    const { tenant, room } = claim.job;
    const ref = { tenant, call: entry.call };
    // Asked first, so that a call is not taken from who can go on with it.
    const call = newCall(claim.job, entry.call);
    // Who stood still since it claimed the job takes no call from the one who has it now.
    await claim.keepAlive();
    try {
      return await supervisor.resume(ref, entry.state === "handover" ? "handover" : "takeover");
    } catch (error) {
      const code = codeOf(error);
      if (code === "call.closed") return undefined;
      if (code === "call.notFound") return supervisor.open(call);
      if (!BROKEN.includes(code)) throw error;
      logger.log("error", "a call cannot be gone on with", { ...ref, room, code });
      await this.#ports.rooms.remove(claim.job, entry);
      throw error;
    }
  }

  /** The directory first: of two that open at once one has the call, and the other sees it. */
  async #open(claim: JobClaim, revision: number): Promise<CallHost> {
    const { rooms, supervisor, newCall, ids } = this.#ports;
    const call = newCall(claim.job, ids.call());
    await rooms.put(claim.job, this.#entry(claim, call.call, "opening"), revision);
    return this.#own(claim, await supervisor.open(call));
  }

  async #own(claim: JobClaim, host: CallHost): Promise<CallHost> {
    const entry = this.#entry(claim, host.ref.call, "live");
    const owned = { ...entry, epoch: host.fold.epoch };
    // The call is ours by its log; the directory is for who asks.
    await this.#ports.rooms.update(claim.job, owned).catch((error: unknown) => {
      const { tenant, call } = host.ref;
      const code = codeOf(error);
      this.#ports.logger.log("warn", "the directory was not told", { tenant, call, code });
    });
    return host;
  }

  #entry({ id }: JobClaim, call: string, state: RoomEntry["state"]): RoomEntry {
    return { call, job: id, worker: this.#ports.worker, epoch: 1, state };
  }
}
