import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomServiceClient } from "livekit-server-sdk";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";

const found = await findLiveKit();
const skip = "missing" in found && found.missing;
const path = "path" in found ? found.path : "";

test("a livekit-server can be started, killed and started again", { skip }, async () => {
  await using server = await LiveKitServer.start({ path });
  const rooms = new RoomServiceClient(server.httpUrl, server.apiKey, server.apiSecret);
  await rooms.createRoom({ name: "kitchen" });
  assert.deepEqual(
    (await rooms.listRooms()).map(({ name }) => name),
    ["kitchen"],
  );
  await server.kill();
  await assert.rejects(rooms.listRooms());
  await server.restart();
  assert.deepEqual(await rooms.listRooms(), []);
});

test("two livekit-servers have ports of their own", { skip }, async () => {
  await using one = await LiveKitServer.start({ path });
  await using other = await LiveKitServer.start({ path });
  assert.notEqual(one.url, other.url);
  const stranger = new RoomServiceClient(one.httpUrl, one.apiKey, `${other.apiSecret} not`);
  await assert.rejects(stranger.listRooms());
});
