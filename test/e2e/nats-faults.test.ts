import assert from "node:assert/strict";
import net from "node:net";
import { once } from "node:events";
import { after, before, suite, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { LogWriter } from "../../src/actors/log-writer.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import type { AppError } from "../../src/base/errors.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { NatsBus } from "../../src/broker/nats/nats-bus.ts";
import { type CallRef, EMPTY_TAIL } from "../../src/events/record.ts";
import {
  collect,
  eventually,
  fill,
  newCall,
  record,
  records,
  rejects,
  tailAt,
  unique,
} from "../contract/bench.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { openNatsBench } from "./support.ts";

/** What becomes of a call whose log cannot be reached, or has no room (L2, L7). */

/** A writer that is asked for one record after the other, and what it was told. */
function openWriter(broker: Broker, ref: CallRef) {
  const acked: number[] = [];
  const told: { fenced?: AppError; unansweredMs: number } = { unansweredMs: 0 };
  const hooks = {
    acked: (seq: number) => void acked.push(seq),
    fenced: (error: AppError) => void (told.fenced = error),
    unanswered: (ms: number) => void (told.unansweredMs = ms),
  };
  const writer = new LogWriter(broker.log, ref, { tail: EMPTY_TAIL, clock: systemClock, hooks });
  const write = (seq: number): void => {
    writer.add(record(seq));
    writer.flush();
  };
  return { write, acked, told };
}

async function slowConsumers(server: NatsServer): Promise<number> {
  const answer = await fetch(new URL("/varz", server.monitorUrl));
  return ((await answer.json()) as { slow_consumers: number }).slow_consumers;
}

/** Between client and server: can let questions through and keep the answers. */
class Wire implements AsyncDisposable {
  answersLost = 0;
  #losing = false;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #toServer = new Set<net.Socket>();

  constructor(port: number) {
    this.#server = net.createServer((client) => {
      const server = net.connect(port, "127.0.0.1");
      client.pipe(server);
      this.#toServer.add(server);
      server.on("close", () => this.#toServer.delete(server));
      server.on("data", (bytes) => {
        if (this.#losing) this.answersLost++;
        else client.write(bytes);
      });
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `nats://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  loseAnswers(): void {
    this.#losing = true;
  }

  /** Reads no more of what the server sends. */
  stall(): void {
    for (const socket of this.#toServer) socket.pause();
  }

  /** Breaks what is there; the next connection works. */
  cut(): void {
    this.#losing = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  suite(`faults of NATS ${version}`, { skip: "missing" in found && found.missing }, () => {
    if ("missing" in found) return;
    let server: NatsServer;
    before(async () => void (server = await NatsServer.start(found)));
    after(() => server[Symbol.asyncDispose]());

    test("an outage longer than the patience of an append: all lands once, in order", async () => {
      await using bench = await openNatsBench(server.url, { patienceMs: 300 });
      const ref = newCall();
      const { write, acked, told } = openWriter(bench.broker, ref);
      write(1);
      await eventually(bench, () => acked.at(-1) === 1);
      await server.kill();
      for (let seq = 2; seq <= 100; seq++) write(seq);
      await bench.advance(1_200);
      assert.deepEqual(acked, [1]);
      await server.restart();
      await eventually(bench, () => acked.at(-1) === 100);
      assert.equal(told.fenced, undefined);
      assert.deepEqual(await collect(bench.broker.log.read(ref)), records(1, 100));
    });

    test("what is published while the server is away is dropped and counted", async () => {
      await using bench = await openNatsBench(server.url);
      const bus = bench.broker.bus as NatsBus;
      const subject = unique("s");
      const seen: unknown[] = [];
      bus.subscribe(subject, ({ data }) => void seen.push(data));
      await server.kill();
      await eventually(bench, () => {
        bus.publish(subject, "lost");
        return bus.unsent > 0;
      });
      await server.restart();
      await bench.broker.kv.get("any");
      bus.publish(subject, "heard");
      await eventually(bench, () => seen.includes("heard"));
    });

    test("a request whose server dies is told so at once", async () => {
      await using bench = await openNatsBench(server.url);
      const subject = unique("s");
      bench.broker.bus.subscribe(subject, () => new Promise(() => undefined));
      await bench.broker.kv.get("any");
      const asked = rejects("bus.timeout", () => bench.broker.bus.request(subject, null, 60_000));
      await bench.advance(20);
      await server.kill();
      await asked;
      await server.restart();
    });

    test("a reader that is too slow is cut off, comes back and hears on", async () => {
      await using tight = await NatsServer.start({ ...found, config: 'write_deadline: "200ms"' });
      await using wire = new Wire(tight.port);
      await using slow = await openNatsBench(await wire.open());
      await using quick = await openNatsBench(tight.url);
      const subject = unique("s");
      const seen: unknown[] = [];
      slow.broker.bus.subscribe(subject, ({ data }) => void seen.push(data));
      await slow.broker.kv.get("any");
      wire.stall();
      const large = "x".repeat(500_000);
      for (let sent = 0; (await slowConsumers(tight)) === 0; sent++) {
        assert.ok(sent < 500, "the server buffers without end");
        quick.broker.bus.publish(subject, large);
      }
      wire.cut();
      await slow.broker.kv.get("any");
      quick.broker.bus.publish(subject, "again");
      await eventually(slow, () => seen.at(-1) === "again");
    });

    test("an append whose answer is lost has landed, and stands there once", async () => {
      await using wire = new Wire(server.port);
      await using bench = await openNatsBench(await wire.open());
      const ref = newCall();
      const { log } = bench.broker;
      await fill(log, ref, 1);
      wire.loseAnswers();
      const answer = log.append(ref, tailAt(1), records(2, 5));
      while (wire.answersLost === 0) await bench.advance(1);
      wire.cut();
      assert.deepEqual(await answer, tailAt(5));
      assert.deepEqual(await collect(log.read(ref)), records(1, 5));
      const offered = { tenant: unique("t"), room: "front desk", payload: null };
      wire.answersLost = 0;
      wire.loseAnswers();
      const queued = bench.broker.jobs.offer(offered);
      while (wire.answersLost === 0) await bench.advance(1);
      wire.cut();
      assert.equal(await queued, "queued");
      assert.equal(await bench.broker.jobs.offer(offered), "exists");
    });

    test("behind a lost answer another's record is a conflict", async () => {
      await using wire = new Wire(server.port);
      await using bench = await openNatsBench(await wire.open());
      await using other = await openNatsBench(server.url, { prefix: bench.prefix });
      const ref = newCall();
      await fill(bench.broker.log, ref, 1);
      wire.loseAnswers();
      const mine = bench.broker.log.append(ref, tailAt(1), [record(2)]);
      while (wire.answersLost === 0) await bench.advance(1);
      await other.broker.log.append(ref, tailAt(2), [record(3, { epoch: 2 })]);
      wire.cut();
      await rejects("log.conflict", () => mine);
    });

    test("of two processes the one that was overtaken is told, and may not go on", async () => {
      await using bench = await openNatsBench(server.url);
      await using other = await openNatsBench(server.url, { prefix: bench.prefix });
      const ref = newCall();
      await fill(bench.broker.log, ref, 2);
      assert.deepEqual(await other.broker.log.tail(ref), tailAt(2));
      await other.broker.log.append(ref, tailAt(2), [record(3, { epoch: 2 })]);
      await rejects("log.conflict", () => bench.broker.log.append(ref, tailAt(2), [record(3)]));
      assert.deepEqual(await bench.broker.log.tail(ref), tailAt(3));
    });

    test("a log without room refuses, keeps nothing, and goes on when there is room", async () => {
      await using bench = await openNatsBench(server.url, { shards: 1 });
      const ref = newCall();
      const stream = `${bench.prefix}_log_0`;
      const nc = await connect({ servers: `127.0.0.1:${server.port}` });
      const { streams } = await jetstreamManager(nc);
      await streams.update(stream, { max_msgs_per_subject: 2 });
      const { write, acked, told } = openWriter(bench.broker, ref);
      for (let seq = 1; seq <= 2; seq++) {
        write(seq);
        await eventually(bench, () => acked.at(-1) === seq);
      }
      const full = await rejects("broker.full", () =>
        bench.broker.log.append(ref, tailAt(2), [record(3)]),
      );
      assert.match(full.message, /maximum messages per subject/);
      assert.deepEqual(await bench.broker.log.tail(ref), tailAt(2));
      write(3);
      await bench.advance(200);
      assert.deepEqual([acked.at(-1), told.fenced], [2, undefined]);
      await streams.update(stream, { max_msgs_per_subject: 100 });
      await eventually(bench, () => acked.at(-1) === 3);
      await nc.close();
    });

    test("a server that stays away is told as unknown, and is tried until it is back", async () => {
      await using bench = await openNatsBench(server.url, { patienceMs: 100 });
      const ref = newCall();
      const { write, acked, told } = openWriter(bench.broker, ref);
      write(1);
      await eventually(bench, () => acked.at(-1) === 1);
      await server.kill();
      await rejects("log.unknown", () => bench.broker.log.append(ref, tailAt(1), [record(2)]));
      await rejects("broker.unavailable", () => bench.broker.log.tail(ref));
      await rejects("broker.unavailable", () => bench.broker.kv.get("any"));
      await rejects("broker.unavailable", () => bench.broker.jobs.claim("w", 0));
      write(2);
      while (told.unansweredMs < 5_000) await sleep(systemClock, 100);
      await server.restart();
      await eventually(bench, () => acked.at(-1) === 2);
      assert.equal(told.fenced, undefined);
    });

    test("a job may come from any client; one that is no JSON is dropped for good", async () => {
      await using bench = await openNatsBench(server.url);
      const nc = await connect({ servers: server.url });
      await nc.request(`${bench.prefix}.join.acme.front=20desk`, "{ not json");
      assert.equal(await bench.broker.jobs.claim("w1", 0), undefined);
      await nc.request(`${bench.prefix}.join.acme.front=20desk`, `{"mode":"assistant"}`);
      const claim = await bench.broker.jobs.claim("w1", 1_000);
      const payload = { mode: "assistant" };
      assert.deepEqual(claim?.job, { tenant: "acme", room: "front desk", payload });
      await claim.finish();
      await nc.close();
    });

    test("a claim outlives the server: it is kept alive and finished on the next", async () => {
      await using bench = await openNatsBench(server.url, { ackWaitMs: 5_000 });
      const { jobs } = bench.broker;
      const job = { tenant: unique("t"), room: "front desk", payload: { n: 1 } };
      await jobs.offer(job);
      const claim = await jobs.claim("w1", 1_000);
      // A server writes down what it gave out at most every 100 ms.
      await bench.advance(200);
      await server.kill();
      const kept = claim!.keepAlive();
      await server.restart();
      await kept;
      assert.equal(await jobs.offer(job), "exists");
      await claim!.finish();
      assert.equal(await jobs.offer(job), "queued");
    });
  });
}
