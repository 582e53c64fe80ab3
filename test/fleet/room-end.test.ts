import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Json } from "../../src/events/record.ts";
import { endCallIn, hearEnds, sayingEnds, tellEnd } from "../../src/fleet/room-end.ts";
import { Rooms } from "../../src/fleet/rooms.ts";
import { SimulatedRoom } from "../../src/media/simulated/simulated-room.ts";
import { countedRoom } from "../support/priced-call.ts";

const LOBBY = { tenant: "acme", room: "the lobby" };
const COMMANDS = "turnfold.commands.acme.the=20lobby";
const OF = { call: "c1", tenant: "acme", seq: 3, turn: null };
const DONE: Json = { ok: true, changed: true, did: "ends", ...OF };

function open() {
  const clock = new SimulatedClock();
  const broker = openMemory({ clock, logger: silentLogger });
  return { clock, broker };
}

/** What the owner of the call is asked, and answers. */
function own({ broker }: ReturnType<typeof open>, answer: Json): Json[] {
  const asked: Json[] = [];
  broker.bus.subscribe(COMMANDS, ({ data }) => {
    asked.push(data);
    return answer;
  });
  return asked;
}

async function place({ broker }: ReturnType<typeof open>): Promise<void> {
  const entry = { call: "c1", job: "j1", worker: "w", epoch: 1, state: "live" } as const;
  await new Rooms(broker.kv).put(LOBBY, entry, 0);
}

suite("the end of a call that LiveKit wants", () => {
  test("is a command to its owner", async () => {
    const stage = open();
    const asked = own(stage, DONE);
    await endCallIn(stage, LOBBY, "dispatch deleted");
    assert.deepEqual(asked, [{ name: "end", reason: "dispatch deleted", by: "livekit" }]);
  });

  test("is there already where the room has no call, or one that closes", async () => {
    const empty = open();
    await endCallIn(empty, LOBBY, "deleted");
    const closing = open();
    own(closing, { ok: false, code: "call.closed", message: "it has ended" });
    await endCallIn(closing, LOBBY, "deleted");
  });

  test("waits for the next owner of a call whose worker is gone", async () => {
    const stage = open();
    await place(stage);
    const ended = endCallIn(stage, LOBBY, "deleted");
    await stage.clock.advance(2_000);
    const asked = own(stage, DONE);
    await stage.clock.advance(2_000);
    await ended;
    assert.equal(asked.length, 1);
  });

  test("is an error where nobody takes the call over", async () => {
    const stage = open();
    await place(stage);
    const ended = assert.rejects(endCallIn(stage, LOBBY, "deleted"), { code: "bus.noResponder" });
    await stage.clock.advance(10_000);
    await ended;
  });
});

suite("the end of a call that LiveKit is told", () => {
  test("reaches the worker that has its job", async () => {
    const stage = open();
    const heard: string[] = [];
    const stops = ["lobby", "hall"].map((own) =>
      hearEnds(stage, "acme", (room) => {
        if (room === own) heard.push(room);
        return room === own;
      }),
    );
    await tellEnd(stage, "acme", "hall");
    for (const stop of stops) stop();
    await tellEnd(stage, "acme", "lobby");
    assert.deepEqual(heard, ["hall"]);
  });

  test("holds up nobody for long where no worker has one", async () => {
    const stage = open();
    hearEnds(stage, "acme", () => false);
    const told = tellEnd(stage, "acme", "hall");
    await stage.clock.advance(100);
    await told;
  });

  /** Joins by rooms that say ends, and stops the stay. */
  async function stay(isOver: boolean): Promise<readonly string[]> {
    const clock = new SimulatedClock();
    const room = new SimulatedRoom(clock);
    const order: string[] = [];
    const rooms = sayingEnds(countedRoom(room, "livekit"), {
      isOver: () => isOver,
      onOver: async (tenant, name) => void order.push(`told ${tenant} ${name}`),
    });
    const stop = new AbortController();
    const on = () => undefined;
    const options = { ...LOBBY, identity: "agent", signal: stop.signal, on };
    const connection = await rooms.join(options);
    assert.equal(connection.provider, "livekit");
    connection.setAttribute("a", "1");
    assert.equal(room.attributes.length, 1);
    stop.abort();
    await connection.leave();
    order.push("left");
    return order;
  }

  test("comes before the agent leaves, and once", async () => {
    assert.deepEqual(await stay(true), ["told acme the lobby", "left"]);
  });

  test("is not told where the call only goes elsewhere", async () => {
    assert.deepEqual(await stay(false), ["left"]);
  });
});
