import { ToneCaller, type RoomPlace } from "../support/tone-caller.ts";
import type { CallerOrder, CallerTold } from "./callers.ts";

/** The callers of all rooms, in a process of their own: a test runner watches every promise. */
const [url, apiKey, apiSecret] = process.argv.slice(2) as [string, string, string];
const place: RoomPlace = { url, apiKey, apiSecret };
const callers = new Map<string, ToneCaller>();

const tell = (told: CallerTold): void => void process.send?.(told);

async function obey(order: CallerOrder): Promise<void> {
  const { room } = order;
  if (order.what === "join") {
    const onTrack = (): void => tell({ what: "tracks", room, tracks: tracksOf(room) });
    callers.set(room, await ToneCaller.join(place, room, { onTrack }));
    tell({ what: "joined", room });
  } else if (order.what === "say") callers.get(room)?.say(order.n);
  else if (order.what === "report") {
    tell({ what: "tracks", room, tracks: tracksOf(room) });
    tell({ what: "reported", room });
  } else {
    await callers.get(room)?.[Symbol.asyncDispose]();
    tell({ what: "left", room });
  }
}

function tracksOf(room: string) {
  const heard = callers.get(room)?.heard ?? [];
  return heard.map(({ publishedAt, goneAt, sounds }) => ({
    publishedAt,
    goneAt: goneAt ?? null,
    soundMs: sounds.soundMs,
    lastSoundAt: sounds.heard.at(-1)?.at ?? null,
  }));
}

process.on("message", (order) => void obey(order as CallerOrder));
process.once("disconnect", () => process.exit(0));
