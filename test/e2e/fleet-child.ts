import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import { SimulatedRoom } from "../../src/media/simulated/simulated-room.ts";
import { scriptedRunners } from "../fleet/bench.ts";
import type { Order } from "./fleet-process.ts";
import { answer, book, tell, workAs } from "./worker-child.ts";

/**
 * One worker process of a fleet, with rooms of its own in which Ann sits and speaks when she is
 * told to. What it does it tells its parent.
 */
const rooms = new Map<string, SimulatedRoom>();

function roomOf(room: string): SimulatedRoom {
  const known = rooms.get(room);
  if (known) return known;
  const opened = new SimulatedRoom(systemClock, () => tell({ what: "sound", room }));
  opened.enter("ann");
  rooms.set(room, opened);
  return opened;
}

async function obey(order: Order, { jobs }: Broker): Promise<void> {
  if ("say" in order) void rooms.get(order.room)?.say("ann", { text: order.say, ms: order.ms });
  else if ("leave" in order) rooms.get(order.leave)?.leave("ann");
  else {
    const job = { tenant: "acme", room: order.offer, payload: null };
    const offers = Array.from({ length: order.times }, () => jobs.offer(job));
    const queued = (await Promise.all(offers)).filter((one) => one === "queued").length;
    tell({ what: "offered", queued, times: order.times });
  }
}

await workAs((broker) => {
  process.on("message", (order) => void obey(order as Order, broker));
  const runnersFor = (room: string) => {
    const media: RoomMedia = {
      join: (options) => {
        tell({ what: "joined", room });
        return roomOf(room).join(options);
      },
    };
    const script = { room: roomOf(room), media, blobs: broker.blobs, answer, tools: [book] };
    return scriptedRunners(systemClock, script);
  };
  const close = (): void => {
    for (const room of rooms.values()) room.leave("ann");
  };
  return { runnersFor, close };
});
