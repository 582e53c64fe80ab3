import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, sleep } from "../base/clock.ts";
import { AppError, codeOf, toAppError, type ErrorCode } from "../base/errors.ts";
import type { Broker } from "../broker/broker.ts";
import { CommandAnswer } from "../events/fleet.events.ts";
import { subjects, toToken } from "../events/subjects.ts";
import type { RoomMedia } from "../media/room.port.ts";
import { Rooms } from "./rooms.ts";

/** The ends of calls, between the worker that has one and the one that LiveKit gave the job to. */
export interface RoomEndPorts {
  readonly broker: Pick<Broker, "bus" | "kv">;
  readonly clock: Clock;
  readonly prefix?: string;
}

/** An agent stays in its room for so much longer at most. */
const TELL_MAX_MS = 100;
const ASK_MAX_MS = 1_000;
const AGAIN_MS = 250;
/** A call whose worker was killed is another's within three seconds. */
const NOBODY_MAX_MS = 6_000;
const NOBODY: readonly ErrorCode[] = ["bus.noResponder", "bus.timeout", "owner.fenced"];

/** Resolves when the worker that has the job of the room knows; soon, too, where none has. */
export async function tellEnd(
  { broker, prefix }: RoomEndPorts,
  tenant: string,
  room: string,
): Promise<void> {
  const subject = subjects(prefix).ended(tenant);
  await broker.bus.request(subject, { room }, TELL_MAX_MS).catch(() => undefined);
}

/** `onEnd` says whether it was its job. */
export function hearEnds(
  { broker, prefix }: RoomEndPorts,
  tenant: string,
  onEnd: (room: string) => boolean,
): () => void {
  const subscription = broker.bus.subscribe(subjects(prefix).ended(tenant), ({ data }) => {
    const { room } = data as { room?: unknown };
    return typeof room === "string" && onEnd(room) ? true : undefined;
  });
  return () => subscription.close();
}

/**
 * Tells the call of a room to end, whoever has it, also where it goes from one worker to another
 * just now. Nothing to do where the room has no call.
 */
export async function endCallIn(
  { broker, clock, prefix }: RoomEndPorts,
  { tenant, room }: { readonly tenant: string; readonly room: string },
  reason: string,
): Promise<void> {
  const subject = subjects(prefix).commands(tenant, toToken(room));
  const rooms = new Rooms(broker.kv);
  const until = clock.now() + NOBODY_MAX_MS;
  for (;;) {
    const why = await ask();
    if (why === undefined) return;
    if (!NOBODY.includes(why.code) || clock.now() >= until) throw why;
    if (!(await rooms.get({ tenant, room })).entry) return;
    await sleep(clock, AGAIN_MS);
  }

  async function ask(): Promise<AppError | undefined> {
    try {
      const request = { name: "end", reason, by: "livekit" };
      const answer = CommandAnswer.parse(await broker.bus.request(subject, request, ASK_MAX_MS));
      if (answer.ok || answer.code === "call.closed") return undefined;
      return new AppError(codeOf(answer), answer.message);
    } catch (error) {
      return toAppError(error, "bug");
    }
  }
}

export interface Ending {
  /** Whether the call is over now, and not only its stay in this process. */
  readonly isOver: () => boolean;
  readonly onOver: (tenant: string, room: string) => Promise<void>;
}

/** Rooms that say so when a call in one is over, before its agent leaves. */
export function sayingEnds(rooms: RoomMedia, { isOver, onOver }: Ending): RoomMedia {
  return {
    join: async (options) => {
      const { signal, tenant, room } = options;
      const inside = new AbortController();
      let told: Promise<void> | undefined;
      const end = async (): Promise<void> => {
        // The step that ends the stay is whole only after what it stops has been stopped.
        await nextTurn();
        if (isOver()) await onOver(tenant, room);
        inside.abort(signal.reason);
      };
      const abort = (): void => void (told ??= end());
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
      const connection = await rooms.join({ ...options, signal: inside.signal });
      const { provider, speaker } = connection;
      return {
        ...(provider !== undefined && { provider }),
        speaker,
        listen: (sid, on) => connection.listen(sid, on),
        sendText: (text) => connection.sendText(text),
        setAttribute: (name, value) => connection.setAttribute(name, value),
        leave: async () => {
          await (told ??= end());
          await connection.leave();
        },
      };
    },
  };
}
