import { CallMedia } from "../src/actors/effects/call-media.ts";
import { connectionRunner } from "../src/actors/effects/connection.runner.ts";
import { replyRunner } from "../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../src/actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "../src/actors/effects/track.runners.ts";
import type { AgentParts } from "../src/actors/agent-parts.ts";
import type { CallHost } from "../src/actors/call-host.ts";
import { replay } from "../src/actors/replay.ts";
import { Supervisor } from "../src/actors/supervisor.ts";
import { sleep } from "../src/base/clock.ts";
import { seededIds } from "../src/base/id.ts";
import { silentLogger } from "../src/base/logger.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import type { LogRecord } from "../src/events/record.ts";
import { TurnSettings } from "../src/events/settings.events.ts";
import { turnSummaries } from "../src/folds/turns.ts";
import { CURRENT_VERSIONS, MACHINES } from "../src/machines/machines.ts";
import type { RoomMedia } from "../src/media/room.port.ts";
import type { Stt } from "../src/providers/stt.port.ts";
import type { Tool } from "../src/providers/tool.port.ts";
import type { Vad } from "../src/providers/vad.port.ts";
import { FakeModel, FakeVoice, type Stage } from "./fakes.ts";
import { momentsOf } from "./moments.ts";
import type { OurOutcome } from "./outcome.ts";
import { AWAY, FAREWELL, FILLER, GREETING, INSTRUCTIONS, ZERO_MS } from "./scenario.ts";
import type { SoundTrack } from "./word-book.ts";

/** What differs between virtual time and real sound. */
export interface Surroundings {
  readonly stage: Stage;
  readonly room: RoomMedia;
  readonly rateHz: number;
  readonly vad: Vad;
  readonly stt: Stt;
  readonly track: SoundTrack;
}

/** One call of ours through a scenario: the real supervisor, host, charts and effects. */
export class OurCall {
  readonly openedAt: number;
  readonly records: LogRecord[] = [];
  readonly #around: Surroundings;
  readonly #supervisor: Supervisor;
  #host: CallHost | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    this.openedAt = around.stage.clock.now();
    this.#supervisor = new Supervisor({
      broker: openMemory({ clock: around.stage.clock }),
      clock: around.stage.clock,
      ids: seededIds(1),
      logger: silentLogger,
      machines: MACHINES,
      versions: CURRENT_VERSIONS,
      build: "scenarios",
      worker: "scenarios",
      runnersFor: () => this.#runners(),
    });
    this.#supervisor.onRecord((_, record) => this.records.push(record));
  }

  async open(): Promise<void> {
    const { scenario } = this.#around.stage;
    const { tool } = scenario.providers;
    this.#host = await this.#supervisor.open({
      call: `scenario-${scenario.id}`,
      tenant: "scenarios",
      room: scenario.title,
      identity: "agent",
      agent: { name: "scenario", hash: "none" },
      settings: TurnSettings.parse({}),
      texts: {
        greeting: GREETING,
        instructions: INSTRUCTIONS,
        filler: FILLER,
        away: AWAY,
        farewell: FAREWELL,
        ...(tool && { [`tool.${tool.name}`]: tool.sayWhile }),
      },
      recording: null,
    });
  }

  /** Hangs up; resolves when the call's last record is in the log. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#host?.command({ name: "interrupt", force: true }, "scenarios");
    await this.#host?.command({ name: "end", reason: "watched long enough" }, "scenarios");
    await this.#host?.ended;
  }

  /** What was met up to `endMs`, and whether the whole call is sound. */
  async outcome(): Promise<OurOutcome> {
    const { stage, track } = this.#around;
    const { scenario, book, asked } = stage;
    const zero = this.openedAt + ZERO_MS;
    const pieces = track.pieces.map((piece) => ({ ...piece, at: piece.at - zero }));
    const watched = this.records.filter(({ at }) => at - zero < scenario.endMs);
    const sound = pieces.filter(({ at }) => at < scenario.endMs);
    const turns = turnSummaries(watched);
    return {
      moments: momentsOf(
        watched,
        sound.map((piece) => ({ ...piece, at: piece.at + zero })),
        zero,
      ),
      records: this.records,
      book,
      sound,
      asked: asked.map((request) => ({ ...request, at: request.at - zero })),
      history: turns.flatMap(({ userText, heardText }) => [
        { role: "user", text: userText },
        { role: "assistant", text: heardText },
      ]),
      faults: [
        ...turns
          .filter(({ status }) => status === "live")
          .map(({ n }) => `turn ${n} is live at the end`),
        ...(await faultsOf(this.records)),
      ],
    };
  }

  dispose(): void {
    this.#supervisor.abandonAll("the scenario is over");
  }

  get #isClosed(): boolean {
    return this.records.at(-1)?.input.type === "call.ended";
  }

  #runners() {
    const { stage, room, vad, stt } = this.#around;
    const media = new CallMedia();
    const parts = this.#parts();
    const partsOf = (): AgentParts => parts;
    return {
      connection: connectionRunner(room, media),
      detector: detectorRunner({ vad }, media),
      stt: sttRunner(stt, media),
      reply: replyRunner({ partsOf, media }),
      filler: replyRunner({ partsOf, media }),
      tool: toolRunner(partsOf, openMemory({ clock: stage.clock }).blobs),
    };
  }

  #parts(): AgentParts {
    const { stage, rateHz } = this.#around;
    const { firstModelSilent, firstVoiceDiesAtMs } = stage.scenario.providers;
    const models = [new FakeModel(stage, { silent: firstModelSilent === true })];
    if (firstModelSilent) models.push(new FakeModel(stage, { model: "model-b" }));
    const dies = firstVoiceDiesAtMs !== undefined && { diesAtMs: firstVoiceDiesAtMs };
    const voices = [new FakeVoice(stage, { rateHz, ...dies })];
    if (dies) voices.push(new FakeVoice(stage, { rateHz, model: "voice-b" }));
    return {
      models,
      voices: voices.map((tts) => ({ tts, name: "fake" })),
      tools: toolsOf(stage),
      hooks: {},
    };
  }
}

function toolsOf({ scenario, clock }: Stage): readonly Tool[] {
  const { tool } = scenario.providers;
  if (!tool) return [];
  return [
    {
      spec: { name: tool.name, description: "looks it up", parameters: {} },
      write: tool.write,
      idempotent: tool.write,
      timeoutMs: 3 * tool.ms,
      sayWhile: tool.sayWhile,
      run: async (_, { signal }) => {
        await sleep(clock, tool.ms, signal);
        return { done: true };
      },
    },
  ];
}

/** The log gives the same call again, no step failed, no effect is left. */
async function faultsOf(records: readonly LogRecord[]): Promise<readonly string[]> {
  const { verdict, finished, divergence } = await replay(records, {
    machines: MACHINES,
    deep: true,
  });
  const failed = records.filter(({ outcome }) => outcome.failed).length;
  return [
    ...(verdict === "reproduced" ? [] : [`replay: ${verdict} ${JSON.stringify(divergence)}`]),
    ...(finished ? [] : ["the call did not end"]),
    ...(failed > 0 ? [`${failed} steps failed`] : []),
  ];
}
