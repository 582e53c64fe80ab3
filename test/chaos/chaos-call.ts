import { CallMedia } from "../../src/actors/effects/call-media.ts";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import { Supervisor } from "../../src/actors/supervisor.ts";
import { frameMs } from "../../src/base/audio.ts";
import { systemClock, type Cancel } from "../../src/base/clock.ts";
import { seededIds, seededRandom } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { PacedRoom } from "../../src/media/paced-room.ts";
import { ScriptedVad } from "../../src/providers/scripted/scripted-ears.ts";
import { sentence, SPEECH_HZ } from "../support/numbered-speech.ts";
import type { ChaosVendors } from "./chaos-vendors.ts";

/**
 * Callers who speak in numbers, each in a room of its own, all in one process. What the agent does
 * is taken from its loudspeaker and its captions, not from what it says of itself.
 */
export const SETTINGS = TurnSettings.parse({
  answer: { fillerAfter: 800, firstToken: 1_000, firstAudio: 700, total: 4_000, stall: 1_500 },
  participant: { grace: 200 },
});
/** For an answer to begin, and for one to end: somebody who waits no longer speaks again. */
const PATIENCE_MS = 12_000;
const PAUSE_MS = 400;
const WORDS = 4;

export interface Heard {
  readonly from: number;
  to: number;
}

export interface ChaosCall {
  readonly id: string;
  readonly records: LogRecord[];
  /** When the caller had said each of its sentences. */
  readonly asked: number[];
  /** Stretches of sound, and each text that was shown. */
  readonly heard: Heard[];
  readonly shown: number[];
}

export class ChaosCalls {
  readonly calls: ChaosCall[] = [];
  readonly #vendors: ChaosVendors;
  readonly #rooms = new Map<string, PacedRoom>();
  readonly #supervisor: Supervisor;
  #words = 0;

  constructor(vendors: ChaosVendors, seed: number) {
    this.#vendors = vendors;
    this.#supervisor = new Supervisor({
      broker: openMemory({ clock: systemClock }),
      clock: systemClock,
      ids: seededIds(seed),
      logger: silentLogger,
      machines: MACHINES,
      versions: CURRENT_VERSIONS,
      build: "chaos",
      worker: "chaos",
      runnersFor: ({ call }) => this.#runners(this.#rooms.get(call)!),
    });
    this.#supervisor.onRecord(({ call }, record) => {
      this.calls.find(({ id }) => id === call)?.records.push(record);
    });
  }

  /** One whole call of `turns` sentences; some callers speak into the answer. */
  async run(index: number, turns: number): Promise<void> {
    const id = `chaos-${index}`;
    const call: ChaosCall = { id, records: [], asked: [], heard: [], shown: [] };
    this.calls.push(call);
    const random = seededRandom(index);
    const room = new PacedRoom({
      clock: systemClock,
      rateHz: SPEECH_HZ,
      silenceFrameMs: 20,
      onAgent: (frame, at) => {
        const last = call.heard.at(-1);
        if (last && at - last.to < 50) last.to = at + frameMs(frame);
        else call.heard.push({ from: at, to: at + frameMs(frame) });
      },
      onText: (text) => {
        if (text.topic === "lk.chat" || !text.of) call.shown.push(systemClock.now());
      },
    });
    this.#rooms.set(id, room);
    room.enter("caller");
    const host = await this.#supervisor.open({
      call: id,
      tenant: "chaos",
      room: id,
      identity: "agent",
      agent: { name: "chaos", hash: "none" },
      settings: SETTINGS,
      texts: {
        instructions: "Say back what you are told.",
        filler: "One moment, please.",
        apology: "Sorry, that went wrong.",
        farewell: "Goodbye.",
      },
      recording: null,
    });
    for (let turn = 0; turn < turns; turn++) {
      await room.speak("caller", this.#sentence());
      call.asked.push(systemClock.now());
      const interrupts = random() < 0.2;
      await this.#until(() => (interrupts ? isSpoken(call) : this.#isQuiet(id)));
      await this.#after(interrupts ? 100 : PAUSE_MS);
    }
    await this.#until(() => this.#isQuiet(id));
    room.leave("caller");
    await host.ended;
  }

  dispose(): void {
    this.#supervisor.abandonAll("the chaos is over");
  }

  #runners(room: PacedRoom) {
    const { parts, stt, breakers } = this.#vendors;
    const media = new CallMedia();
    const speaking = { partsOf: () => parts, media, guard: breakers };
    return {
      connection: connectionRunner(room, media),
      detector: detectorRunner({ vad: new ScriptedVad(systemClock) }, media),
      stt: sttRunner(stt, media),
      reply: replyRunner(speaking),
      filler: replyRunner(speaking),
    };
  }

  /** Words that nobody else says. */
  #sentence(): Int16Array {
    const words = Array.from({ length: WORDS }, () => (this.#words++ % 30_000) + 1);
    return sentence(...words);
  }

  /** The caller was answered: a turn of its own has come and gone. */
  #isQuiet(id: string): boolean {
    const call = this.calls.find((one) => one.id === id)!;
    const begun = call.records.some(({ at }) => at >= (call.asked.at(-1) ?? 0));
    const room = this.#supervisor.get(id)?.fold.snapshotOf("room");
    const context = room?.context as
      | { older: unknown; newer: unknown; queue: unknown[] }
      | undefined;
    const isIdle = !context?.older && !context?.newer && context?.queue.length === 0;
    const last = Math.max(call.heard.at(-1)?.to ?? 0, call.shown.at(-1) ?? 0);
    return begun && isIdle && last > (call.asked.at(-1) ?? 0);
  }

  #until(is: () => boolean): Promise<void> {
    const until = systemClock.now() + PATIENCE_MS;
    return new Promise((resolve) => {
      const look = (): void => {
        if (is() || systemClock.now() > until) resolve();
        else systemClock.after(50, look);
      };
      look();
    });
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void (systemClock.after(ms, resolve) satisfies Cancel));
  }
}

function isSpoken({ heard, asked }: ChaosCall): boolean {
  return (heard.at(-1)?.to ?? 0) > (asked.at(-1) ?? 0);
}
