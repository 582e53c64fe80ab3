import type { CallHost } from "../src/actors/call-host.ts";
import { connectionRunner } from "../src/actors/effects/connection.runner.ts";
import { CallMedia } from "../src/actors/effects/call-media.ts";
import { replyRunner } from "../src/actors/effects/reply.runner.ts";
import { detectorRunner, sttRunner } from "../src/actors/effects/track.runners.ts";
import { Supervisor } from "../src/actors/supervisor.ts";
import type { Clock } from "../src/base/clock.ts";
import { AppError } from "../src/base/errors.ts";
import { systemIds } from "../src/base/id.ts";
import { silentLogger } from "../src/base/logger.ts";
import type { Broker } from "../src/broker/broker.ts";
import { TurnSettings } from "../src/events/settings.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../src/machines/machines.ts";
import type { TalkingCall } from "./exchange.ts";
import { FakeLlm, FakeRoom, FakeStt, FakeTts, FakeVad } from "./fakes.ts";

/**
 * One live call: the real supervisor, host, charts and effects over fakes. Nothing is waited for
 * that is not work: no end-of-turn delay, no guard against echo, no guessing ahead.
 */
const SETTINGS = {
  endpointing: { minDelay: 1, unclearDelay: 1, digitsDelay: 1, maxDelay: 1 },
  interruption: { echoGuard: 0 },
  speculation: { enabled: false },
};
export const TOKENS = [
  "All right then. ",
  "We open at nine in the morning, ",
  "and we close at six.",
];
const BREATH_MS = 300;
const SHORTEST_MS = 30;
/** In turn, as an interim that says what the last one said is not told again. */
const DAYS = ["Monday", "Sunday"];

export class FakeCall implements TalkingCall {
  readonly room: FakeRoom;
  readonly vad = new FakeVad();
  readonly stt = new FakeStt();
  readonly llm = new FakeLlm(TOKENS);
  readonly tts = new FakeTts();
  readonly #clock: Clock;
  #supervisor: Supervisor | undefined;
  #host: CallHost | undefined;
  #questions = 0;
  #startedAt = 0;
  #endedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.room = new FakeRoom(clock);
  }

  /** Opens the call in its room; the caller is there and has said nothing. */
  async open(broker: Broker, call: string): Promise<void> {
    const media = new CallMedia();
    const { vad, stt, llm, tts, room } = this;
    const voices = [{ tts, name: "fake" }];
    const parts = { models: [llm], voices, tools: [], hooks: {} };
    const supervisor = new Supervisor({
      broker,
      clock: this.#clock,
      ids: systemIds,
      logger: silentLogger,
      machines: MACHINES,
      versions: CURRENT_VERSIONS,
      build: "bench",
      worker: "bench",
      runnersFor: () => ({
        connection: connectionRunner(room, media),
        detector: detectorRunner({ vad }, media),
        stt: sttRunner(stt, media),
        reply: replyRunner({ partsOf: () => parts, media }),
      }),
    });
    this.#supervisor = supervisor;
    this.#host = await supervisor.open({
      call,
      tenant: "bench",
      room: call,
      identity: "agent",
      agent: { name: "bench", hash: "none" },
      settings: TurnSettings.parse(SETTINGS),
      texts: { instructions: "You are kind and brief." },
      recording: null,
    });
    await loopTurn();
    room.enter();
    await loopTurn();
  }

  /** A bench that counts a dead call as a live one is worse than none. */
  checkLive(): void {
    const room = this.#host?.fold.snapshotOf("room");
    if (room?.matches({ present: { live: "engaged" } }) !== true)
      throw new AppError("bug", "the call is not live any more");
  }

  /** Leaves it as a crash would. */
  close(): void {
    this.#supervisor?.abandonAll("the bench is over");
  }

  startSpeech(): void {
    this.#questions++;
    // However quick the bench is, a caller draws breath between two utterances.
    this.#startedAt = Math.max(this.#clock.now(), this.#endedAt + BREATH_MS);
    this.vad.tell({ type: "started", fromMs: this.#startedAt });
  }

  /** Words enough to take the floor. */
  interim(): void {
    this.#words("interim", `no wait I meant ${this.#day}`, this.#clock.now());
  }

  endSpeech(): void {
    this.#endedAt = Math.max(this.#clock.now(), this.#startedAt + SHORTEST_MS);
    const fromMs = this.#startedAt;
    this.vad.tell({ type: "ended", fromMs, toMs: this.#endedAt, silenceMs: 0 });
  }

  /** The last words: what was missing for an answer. */
  final(): void {
    this.#words("final", `no wait I meant ${this.#day} please`, this.#endedAt);
  }

  watchSilence(): Promise<void> {
    return this.room.speaker.watchSilence();
  }

  watchSound(): Promise<void> {
    return this.room.speaker.watch();
  }

  get silencedAt(): number {
    return this.room.speaker.clearedAt;
  }

  get firstFrameAt(): number {
    return this.room.speaker.firstFrameAt ?? 0;
  }

  get #day(): string {
    return DAYS[this.#questions % DAYS.length]!;
  }

  #words(type: "interim" | "final", text: string, toMs: number): void {
    const range = { fromMs: this.#startedAt, toMs, text };
    if (type === "final") this.stt.tell({ type, ...range, words: [] });
    else this.stt.tell({ type, ...range, stableWords: text.split(" ").length });
  }
}

/** What was said has been taken in by all effects. */
export function loopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
