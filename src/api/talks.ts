import type { CallHost } from "../actors/call-host.ts";
import type { NewCall, Supervisor } from "../actors/supervisor.ts";
import { AppError, codeOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef } from "../events/record.ts";
import type { BrowserRooms, Guest, Page, Seat } from "../media/browser.port.ts";

/**
 * The calls people have over the page, by who they are. Who comes back while the call still waits
 * goes on with it; who comes back after this process was restarted has it resumed from its log.
 */
export interface TalkPorts {
  readonly supervisor: Pick<Supervisor, "open" | "resume">;
  readonly log: Pick<EventLog, "read">;
  readonly rooms: BrowserRooms;
  /** What a new call in this room is opened with. */
  readonly newCall: (room: string) => NewCall;
}

export interface Joined {
  readonly ref: CallRef;
  readonly seat: Seat;
}

export class Talks {
  readonly #ports: TalkPorts;
  readonly #hosts = new Map<string, Promise<CallHost>>();

  constructor(ports: TalkPorts) {
    this.#ports = ports;
  }

  /** `last`: the call the page was in before. Throws `page.full`. */
  async join(guest: Guest, page: Page, last?: CallRef): Promise<Joined> {
    const running = this.#hosts.get(guest.identity);
    let host = running && (await running);
    if (!host || host.fold.closed || host.fenced) host = await this.#begin(guest.identity, last);
    return { ref: host.ref, seat: this.#ports.rooms.enter(host.ref.call, guest, page) };
  }

  #begin(identity: string, last: CallRef | undefined): Promise<CallHost> {
    if (this.#hosts.size >= LIMITS.pageCallsMax && !this.#hosts.has(identity))
      throw new AppError("page.full", `${LIMITS.pageCallsMax} calls are running here already`);
    const opening = this.#host(`page-${identity}`, last);
    this.#hosts.set(identity, opening);
    const forget = (): void => {
      if (this.#hosts.get(identity) === opening) this.#hosts.delete(identity);
    };
    opening.then((host) => {
      const over = (): void => {
        forget();
        this.#ports.rooms.close(host.ref.call);
      };
      host.ended.then(over, over);
    }, forget);
    return opening;
  }

  async #host(room: string, last: CallRef | undefined): Promise<CallHost> {
    const { supervisor, newCall } = this.#ports;
    const resumed = last && (await this.#resume(last, room).catch(notThere));
    return resumed ?? (await supervisor.open(newCall(room)));
  }

  /** Only who was in a call may go on with it. */
  async #resume(ref: CallRef, room: string): Promise<CallHost | undefined> {
    for await (const { input } of this.#ports.log.read(ref)) {
      const { room: its } = input["header"] as unknown as CallHeader;
      return its === room ? this.#ports.supervisor.resume(ref, "resume") : undefined;
    }
    return undefined;
  }
}

/** Why a call cannot be gone on with: a new one begins then. */
const GONE = new Set(["call.notFound", "call.closed", "machine.unknown", "log.damaged"]);

function notThere(error: unknown): undefined {
  if (!GONE.has(codeOf(error))) throw error;
}
