import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { after, before, suite, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { collect, fill, newCall, rejects, unique } from "../contract/bench.ts";
import { freePorts } from "../../scripts/servers/ports.ts";
import { natsConf } from "../../scripts/servers/server-files.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { openNatsBench } from "./support.ts";

/** A server that would not keep the log safe is refused before it is used, with the fix. */

/** A server of this version, as far as a client can see at first. */
async function oldServer(version: string) {
  const info = { server_id: "x", version, max_payload: 1_048_576, headers: true, proto: 1 };
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on("data", (bytes) => {
      if (String(bytes).includes("PING")) socket.write("PONG\r\n");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

test("an old server is refused, and the message says which to install", async () => {
  using server = await oldServer("2.12.14");
  const error = await rejects("broker.unfit", () => openNatsBench(server.url));
  assert.match(error.message, /is 2\.12\.14: install 2\.12\.15 or later, best 2\.15\.2/);
});

test("nobody there: the message says how to start one, and no password", async () => {
  const url = "nats://engine:secret@127.0.0.1:1";
  const error = await rejects("broker.unavailable", () => openNatsBench(url));
  assert.match(error.message, /127\.0\.0\.1:1 .*nats-server -c nats\.conf/);
  assert.doesNotMatch(error.message, /secret/);
});

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  suite(`checks of NATS ${version}`, { skip: "missing" in found && found.missing }, () => {
    if ("missing" in found) return;

    test("no JetStream, or no room for an append", async () => {
      const cases = [
        ["", /JetStream does not answer: set jetstream \{ store_dir/],
        [`jetstream: on\nmax_payload: 64KB`, /max_payload is 65536 bytes: set max_payload: 1MB/],
      ] as const;
      for (const [lines, message] of cases) {
        await using server = await NatsServer.start({
          ...found,
          whole: ({ client, folder }) =>
            `listen: 127.0.0.1:${client}\n${lines.replace("on", `{ store_dir: "${folder}" }`)}`,
        });
        const error = await rejects("broker.unfit", () => openNatsBench(server.url));
        assert.match(error.message, message);
      }
    });

    test("one server of a cluster that has no leader yet: it may be tried again", async () => {
      const [port, other] = await freePorts(2);
      const cluster = { port: port!, routes: [port!, other!] };
      await using server = await NatsServer.start({ ...found, cluster });
      const error = await rejects("broker.unavailable", () => openNatsBench(server.url));
      assert.match(error.message, /has no leader: start the other servers/);
    });

    test("streams that are not what they should be", async () => {
      await using server = await NatsServer.start(found);
      const nc = await connect({ servers: server.url });
      const { streams } = await jetstreamManager(nc);
      const prefix = unique("tf");
      await (await openNatsBench(server.url, { prefix, shards: 2 }))[Symbol.asyncDispose]();
      const refused = async (message: RegExp, more = {}): Promise<void> => {
        const open = () => openNatsBench(server.url, { prefix, ...more });
        assert.match((await rejects("broker.unfit", open)).message, message);
      };
      await refused(/has 2 shards, not 3: set NATS_SHARDS=2/, { shards: 3 });
      await refused(/has num_replicas 1, not 3/, { replicas: 3 });
      const jobs = `${prefix}_jobs`;
      await streams.update(jobs, { republish: { src: ">", dest: "copy.>" } });
      await refused(/_jobs has a republish/);
      await streams.delete(jobs);
      await streams.add({ name: jobs, subjects: [`${prefix}.join.*.*`] });
      await refused(/_jobs has discard "old", not "new": change it/);
      await streams.delete(jobs);
      await (await openNatsBench(server.url, { prefix }))[Symbol.asyncDispose]();
      await rejects("broker.unfit", () =>
        openNatsBench(server.url, { prefix: unique("tf"), replicas: 3 }),
      );
      await nc.close();
    });

    test("a log that is synced at leisure is warned of, if the monitor can be asked", async () => {
      await using server = await NatsServer.start(found);
      const warnings: string[] = [];
      const logger = { log: (_: string, text: string) => void warnings.push(text) };
      await using _ = await openNatsBench(server.url, { logger, monitorUrl: server.monitorUrl });
      assert.ok(warnings.some((text) => text.startsWith("sync_interval is not always")));
      assert.ok(warnings.some((text) => text.includes("may publish on any subject")));
    });
  });

  suite(`nats.conf on NATS ${version}`, { skip: "missing" in found && found.missing }, () => {
    if ("missing" in found) return;
    let server: NatsServer;
    const login = (user: string) => `nats://${user}:${user}@127.0.0.1:${server.port}`;
    const as = (user: string): Promise<NatsConnection> =>
      connect({
        servers: server.url,
        user,
        pass: user,
        ...(user !== "engine" && { inboxPrefix: `_INBOX.${user}` }),
      });
    before(async () => {
      server = await NatsServer.start({ ...found, whole: natsConf });
    });
    after(() => server[Symbol.asyncDispose]());

    test("the engine's user may do all it needs and no more", async () => {
      const warnings: string[] = [];
      await using broker = await openNats({
        url: login("engine"),
        clock: systemClock,
        ids: systemIds,
        logger: { log: (_, text) => void warnings.push(text) },
        monitorUrl: server.monitorUrl,
      });
      assert.deepEqual(warnings, []);
      const ref = newCall();
      assert.deepEqual(await collect(broker.log.read(ref, 1)).catch(() => []), []);
      const written = await fill(broker.log, ref, 3);
      assert.deepEqual(await collect(broker.log.read(ref)), written);
      await broker.kv.put("a.b", 1);
      await broker.log.saveSnapshot(ref, 2, new Uint8Array([1]));
      const job = { tenant: unique("t"), room: "r", payload: null };
      await broker.jobs.offer(job);
      await (await broker.jobs.claim("w", 500))!.finish();
    });

    test("a tenant hears its own events, is answered, and reaches no log", async () => {
      await using broker = await openNats({
        url: login("engine"),
        clock: systemClock,
        ids: systemIds,
      });
      const [responder, tenant] = [await as("responder"), await as("acme")];
      const replies: string[] = [];
      responder.subscribe("turnfold.commands.>", {
        queue: "rooms",
        callback: (_, message) => {
          replies.push(message.reply ?? "");
          message.respond("done");
        },
      });
      const heard: string[] = [];
      for (const what of ["events", "live"])
        tenant.subscribe(`turnfold.${what}.acme.>`, {
          callback: (_, { subject }) => void heard.push(subject),
        });
      await responder.flush();
      await tenant.flush();
      const answer = await tenant.request("turnfold.commands.acme.room1.say", "hi");
      assert.equal(answer.string(), "done");

      // The answer to this would be a record in another tenant's log.
      const victim = { tenant: "other", call: "c1" };
      const target = "turnfold.log.0.other.c1";
      tenant.publish("turnfold.commands.acme.room1.say", "hi", { reply: target });
      await tenant.request("turnfold.commands.acme.room1.say", "hi");
      assert.equal(replies.length, 3);
      assert.ok(replies.every((reply) => reply.startsWith("_R_.")));
      assert.deepEqual(await broker.log.calls(victim.tenant), []);

      broker.bus.publish("turnfold.events.acme.c1.room", 1);
      broker.bus.publish("turnfold.events.other.c1.room", 2);
      broker.bus.publish("turnfold.live.acme.c1.words", 3);
      await broker.kv.get("any");
      await tenant.flush();
      assert.deepEqual(heard, ["turnfold.events.acme.c1.room", "turnfold.live.acme.c1.words"]);
      await assert.rejects(jetstreamManager(tenant, { timeout: 500 }));
      await Promise.all([responder.close(), tenant.close()]);
    });
  });
}
