import { aborted } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { featuresOf } from "../../folds/features.ts";
import type { RoomEvent, RoomMedia } from "../../media/room.port.ts";
import type { Runner, RunningEffect } from "../effect.ts";
import { Captions } from "./captions.ts";
import { quietly, type CallMedia } from "./call-media.ts";

/**
 * The agent's stay in a room: joins, tells who and what is there, shows what is said, leaves when
 * stopped.
 */
export function connectionRunner(room: RoomMedia, media: CallMedia): Runner<unknown> {
  return {
    run: async (effect) => {
      const { header } = effect.call;
      const gone = Promise.withResolvers<Disconnected>();
      const before: RoomEvent[] = [];
      let joined = false;
      let texts = 0;
      const tell = (event: RoomEvent): void => {
        if (event.type === "disconnected") gone.resolve(event);
        else if (event.type === "text.received") tellText(effect, event, `${effect.id}.${texts++}`);
        else quietly(effect.progress(toProgress(event)));
      };
      const connection = await room.join({
        tenant: header.tenant,
        room: header.room,
        identity: header.identity,
        signal: effect.signal,
        on: (event) => (joined ? tell(event) : void before.push(event)),
      });
      const captions = new Captions(connection, header);
      const unfollow = effect.call.onRecord((record) => captions.apply(record));
      try {
        media.joined(connection);
        const { provider } = connection;
        quietly(effect.progress({ type: "room.joined", ...(provider && { provider }) }));
        joined = true;
        for (const event of before) tell(event);
        const end = await Promise.race([gone.promise, aborted(effect.signal)]);
        if (end?.lost) throw new AppError("room.lost", `the room is lost: ${end.reason}`);
        return end ? { result: { reason: end.reason } } : {};
      } finally {
        unfollow();
        media.left();
        await connection.leave();
      }
    },
  };
}

type Disconnected = Extract<RoomEvent, { type: "disconnected" }>;
type Told = Exclude<RoomEvent, { type: "disconnected" | "text.received" }>;

function toProgress(event: Told): { type: string } {
  if (event.type === "reconnecting" || event.type === "reconnected")
    return { type: `room.${event.type}` };
  return { ...event };
}

function tellText(
  effect: RunningEffect<unknown>,
  { identity, text }: Extract<RoomEvent, { type: "text.received" }>,
  ref: string,
): void {
  const { words, class: end } = featuresOf(text, {
    lang: effect.call.settings.language,
    before: "",
    agent: [],
    backchannelMax: 0,
  });
  if (words === 0) return;
  const event = { type: "text.received", identity, ref, words, class: end };
  quietly(effect.progress(event, { text }));
}
