import assert from "node:assert/strict";
import { CallFold } from "../../src/actors/call-fold.ts";
import type { EffectEntry } from "../../src/actors/effect-table.ts";
import type { MachineSet } from "../../src/actors/machine-set.ts";
import type { MachineVersions } from "../../src/events/call.events.ts";
import { parseInput } from "../../src/events/catalog.ts";
import type { Json, LogRecord, StoredInput } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { TurnEnded } from "../../src/events/turn.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { assertInvariants } from "../support/invariants.ts";
import { restOf } from "./chart.ts";
import { words } from "./fixtures.ts";

export interface CallOptions {
  readonly settings?: object;
  readonly texts?: readonly string[];
  readonly hooks?: readonly string[];
  readonly machines?: MachineSet;
  readonly versions?: MachineVersions;
}

/**
 * A whole call without a host: the real fold of room, tracks and turns, driven by outside inputs at
 * times of the test's choosing. After every step the invariants of every actor are checked.
 */
export class TestCall {
  readonly fold: CallFold;
  readonly records: LogRecord[] = [];
  readonly ended = new Map<number, TurnEnded>();
  /** The actor of every effect there ever was. */
  readonly actors = new Map<string, string>();
  now = 1_000_000;
  /** The older of the two turns a test looks at. */
  n = 1;
  /** Range of the speech that turn n began with. */
  said = { from: 0, to: 0 };
  #segments = 0;

  constructor({ settings = {}, texts = [], hooks = [], ...set }: CallOptions = {}) {
    this.fold = new CallFold(set.machines ?? MACHINES, { checks: true });
    const header = {
      call: "c-table",
      tenant: "acme",
      room: "front desk",
      identity: "agent",
      agent: { name: "table", hash: "none" },
      settings: TurnSettings.parse(settings),
      machines: set.versions ?? CURRENT_VERSIONS,
      build: "test",
      agents: { cook: TurnSettings.parse({ endpointing: { minDelay: 700 } }) },
      texts: [...texts],
      hooks: [...hooks],
      recording: null,
    };
    this.input({ type: "call.opened", header: header as unknown as Json });
  }

  /** Ann is in the room with an open track, and nobody has spoken. */
  static live(options: CallOptions = {}): TestCall {
    const call = new TestCall(options);
    call.connection({ type: "room.joined" });
    call.connection({ type: "participant.joined", identity: "ann", name: "Ann" });
    call.connection({ type: "track.published", sid: "a", identity: "ann", kind: "audio" });
    return call;
  }

  input(input: StoredInput): LogRecord {
    const { record, plan } = this.fold.step(parseInput(input), { at: this.now, cause: null });
    assert.equal(record.outcome.failed, undefined, JSON.stringify(record));
    this.records.push(record);
    for (const { id, actor } of plan.start) this.actors.set(id, actor);
    for (const fact of record.outcome.emitted)
      if (fact.type === "turn.ended")
        this.ended.set(fact["n"] as number, fact as unknown as TurnEnded);
    for (const address of this.fold.addresses())
      assertInvariants(address.split(".")[0]!, this.fold.snapshotOf(address)!);
    return record;
  }

  /** Lets time pass; due timers fire in their order. */
  wait(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const [next] = this.fold.table.timers();
      if (!next || next.due > until) break;
      this.now = Math.max(this.now, next.due);
      this.input({ type: "timer.fired", timer: next.id, arm: next.arm });
    }
    this.now = until;
  }

  timer(name: string) {
    return this.fold.table.timers().find(({ id }) => id.includes(`/${name}.`));
  }

  /** Fires a timer of this name when it is due, before whatever else is; a stale one if none. */
  fire(name: string): LogRecord {
    const timer = this.timer(name);
    this.now = Math.max(this.now, timer?.due ?? 0);
    const id = timer?.id ?? `turn.1/${name}.turn`;
    return this.input({ type: "timer.fired", timer: id, arm: timer?.arm ?? "1.0" });
  }

  /** The newest effect of a child, be it stopping or not. */
  effect(actor: string, child: string): EffectEntry | undefined {
    return this.fold.table.effects().findLast((e) => e.actor === actor && e.child === child);
  }

  progress(actor: string, child: string, event: { type: string; [key: string]: Json }): LogRecord {
    const effect = this.effect(actor, child)?.id ?? `1.0.${child}`;
    return this.input({ type: "effect.progress", effect, event });
  }

  connection(event: { type: string; [key: string]: Json }): LogRecord {
    return this.progress("room", "connection", event);
  }

  end(actor: string, child: string, more: { how: string; [key: string]: Json }): LogRecord {
    const effect = this.effect(actor, child)?.id ?? `1.0.${child}`;
    return this.input({ type: "effect.ended", effect, ...more });
  }

  command(command: { name: string; [key: string]: Json }): LogRecord {
    return this.input({ type: "command.received", id: "x1", by: "test", command });
  }

  // What ann's track gives.
  started(sid = "a"): LogRecord {
    return this.progress(`track.${sid}`, "detector", { type: "vad.started", from: this.now - 64 });
  }

  hushed(): LogRecord {
    const to = this.now - 250;
    const event = { type: "vad.ended", from: to - 1_000, to, silenceMs: 250 };
    return this.progress("track.a", "detector", event);
  }

  /** Words said just now; each call is a new speech segment unless it names its `ref`. */
  heard(type: "stt.interim" | "stt.final", more: { [key: string]: Json } = {}): LogRecord {
    const { sid: _, identity: __, final: ___, ...features } = words();
    const ref = `w${++this.#segments}`;
    const said = { from: this.now - 300, to: this.now, ref, ...more };
    return this.progress("track.a", "stt", { type, ...features, ...said });
  }

  /** The speech-to-text provider says that what ann said until now is all of it. */
  judged(): LogRecord {
    const event = { type: "speech.judged", to: this.now, p: 1, class: "ended" };
    return this.progress("track.a", "stt", event);
  }

  /** Final words that continue the newest speech of the caller, and its end. */
  finishes(ref: string): void {
    this.now += 400;
    this.heard("stt.final", { ref });
    this.now += 250;
    this.hushed();
  }

  /** What turn n begins with, a second of speech; its words are final or remain an interim. */
  utterance(type: "stt.interim" | "stt.final" = "stt.final"): void {
    this.started();
    this.now += 1_000;
    this.said = { from: this.now - 1_064, to: this.now };
    this.heard(type, { ref: `u${this.n}`, ...this.said });
    this.now += 250;
    this.hushed();
  }

  /** The final words of that speech, once it is over. */
  late(changed: boolean): LogRecord {
    return this.heard("stt.final", { ref: `u${this.n}`, changed, ...this.said });
  }

  /** Bob is there too, with the track `b`. */
  joins(): this {
    this.connection({ type: "participant.joined", identity: "bob", name: "Bob" });
    this.connection({ type: "track.published", sid: "b", identity: "bob", kind: "audio" });
    return this;
  }

  // What a turn's reply meets.
  segment(question = false, n = this.n): LogRecord {
    const ref = `s${n}.${++this.#segments}`;
    const event = { type: "reply.segment", ref, chars: 50, words: 10, question };
    return this.progress(`turn.${n}`, "reply", event);
  }

  /** The segment's sound is known: ten words of 400 ms. */
  sound(n = this.n): LogRecord {
    const ref = `s${n}.${this.#segments}`;
    const wordEndsMs = Array.from({ length: 10 }, (_, i) => (i + 1) * 400);
    const event = { type: "speech.segment", ref, ms: 4_000, wordEndsMs, estimated: false };
    return this.progress(`turn.${n}`, "reply", event);
  }

  position(ms: number): LogRecord {
    return this.progress(`turn.${this.n}`, "reply", { type: "reply.position", ms });
  }

  replyEnds(how: string, more: { [key: string]: Json } = {}): LogRecord {
    return this.end(`turn.${this.n}`, "reply", { how, ...more });
  }

  /** What covers the wait for turn n says its sentence of 2 s, one second of which was heard. */
  covers(): LogRecord {
    const said = { ref: `f${this.n}`, chars: 12, words: 3, question: false };
    const sound = { ms: 2_000, wordEndsMs: [500, 1_200, 2_000], estimated: false };
    const filler = (event: { type: string; [key: string]: Json }): LogRecord =>
      this.progress(`turn.${this.n}`, "filler", event);
    filler({ type: "filler.segment", ...said });
    filler({ type: "speech.segment", ref: said.ref, ...sound });
    return filler({ type: "filler.position", ms: 1_000 });
  }

  fillerEnds(how: string, position = 2_000): LogRecord {
    return this.end(`turn.${this.n}`, "filler", { how, position });
  }

  /** Where a turn is: its leaf without the group's name, its status once over, or `none`. */
  stateOf(n: number): string {
    const snapshot = this.fold.snapshotOf(`turn.${n}`);
    if (snapshot)
      return restOf(snapshot.value)
        .join(" + ")
        .replace(/^(listening|answering)\./, "");
    return this.ended.get(n)?.status ?? "none";
  }
}
