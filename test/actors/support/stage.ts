import assert from "node:assert/strict";
import { Replay, replay, type ReplayResult } from "../../../src/actors/replay.ts";
import type { LogRecord } from "../../../src/events/record.ts";
import { turnSummaries, type TurnSummary } from "../../../src/folds/turns.ts";
import { MACHINES } from "../../../src/machines/machines.ts";
import type { Utterance } from "../../../src/media/simulated/simulated-room.ts";
import type { LlmRequest } from "../../../src/providers/llm.port.ts";
import type { ScriptedLlm } from "../../../src/providers/scripted/scripted-mouth.ts";
import { Simulation, type SimulationOptions } from "../../../src/testing/simulation.ts";
import { assertMoments, momentsOf } from "../../../scenarios/moments.ts";

/** Ten words: 4 s of speech, after which the echo guard is over. */
export const GREETING = "Hello and welcome to our small house by the river.";
/** Fifteen words in three sentences: 6 s. No question, and no words that a caller here says. */
export const ANSWER =
  "Doors open early each morning. Dinner runs late every evening. Fridays stay quite busy here.";

/** The greeting is over 2 s before the first utterance begins: where scenarios count from. */
const ZERO_MS = 6_100;
const PATIENCE_MS = 60_000;
/** In this time what was said last has opened its turn. */
const SETTLE_MS = 2_000;

/** A call on virtual time with a caller who has heard the greeting. */
export class Stage implements AsyncDisposable {
  readonly simulation: Simulation;

  private constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  static async open(options: SimulationOptions = {}): Promise<Stage> {
    const simulation = await Simulation.open({
      texts: { greeting: GREETING, farewell: "Goodbye." },
      answer: () => ({ text: ANSWER }),
      ...options,
    });
    const stage = new Stage(simulation);
    simulation.enter("ann");
    await stage.until(0);
    return stage;
  }

  /** Clock time of the moment scenarios count from. */
  get startedAt(): number {
    return this.simulation.startedAt + ZERO_MS;
  }

  until(ms: number): Promise<void> {
    return this.simulation.until(ZERO_MS + ms);
  }

  /** Ann says `text` from `ms` on. */
  async say(ms: number, text: string, more: Partial<Utterance> = {}): Promise<void> {
    await this.until(ms);
    this.simulation.say(text, more);
  }

  get requests(): readonly LlmRequest[] {
    return (this.simulation.llm as ScriptedLlm).requests;
  }

  /** What the model was asked, as `role: text` lines. */
  asked(index: number): readonly string[] {
    return this.requests[index]!.messages.map((message) => {
      if (message.role === "tool") return `tool: ${JSON.stringify(message.output)}`;
      const calls = message.role === "assistant" ? (message.toolCalls ?? []) : [];
      return [`${message.role}: ${message.text}`, ...calls.map((call) => call.name)].join(" + ");
    });
  }

  get turns(): readonly TurnSummary[] {
    return turnSummaries(this.simulation.records);
  }

  expect(moments: string): void {
    const { records, room } = this.simulation;
    assertMoments(momentsOf(records, room.agentSound, this.startedAt), moments);
  }

  /** Lets the call finish and hangs up; holds for every call whatever was said in it. */
  async close(): Promise<ReplayResult> {
    const { simulation } = this;
    await simulation.run(SETTLE_MS);
    await simulation.quiet(PATIENCE_MS);
    simulation.room.leave("ann");
    await simulation.run(PATIENCE_MS);
    return assertWhole(await this.log());
  }

  async log(): Promise<readonly LogRecord[]> {
    const { broker, host } = this.simulation;
    const records: LogRecord[] = [];
    for await (const record of broker.log.read(host.ref)) records.push(record);
    return records;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.simulation[Symbol.asyncDispose]();
  }
}

/** A finished call: it replays exactly, each effect ended once, no turn is live, no word lost. */
export async function assertWhole(records: readonly LogRecord[]): Promise<ReplayResult> {
  const result = await replay(records, { machines: MACHINES, deep: true });
  assert.deepEqual(result.divergence, undefined);
  assert.equal(result.verdict, "reproduced");
  assert.equal(result.finished, true);
  assert.equal(records.filter(({ outcome }) => outcome.failed).length, 0);
  const started = records.flatMap(({ outcome }) =>
    outcome.effects.filter(([op]) => op === "start").map(([, id]) => id),
  );
  const ended = records.flatMap(({ input }) =>
    input.type === "effect.ended" ? [input["effect"] as string] : [],
  );
  assert.deepEqual(ended.toSorted(), started.toSorted(), "each effect ends once");
  const live = turnSummaries(records).filter(({ status }) => status === "live");
  assert.deepEqual(live, []);
  assertHeard(records);
  return result;
}

/** T4: what was heard and what was not are all that was sent, to the character. */
export function assertHeard(records: readonly LogRecord[]): void {
  const run = new Replay({ machines: MACHINES });
  for (const record of records) run.add(record);
  const { transcript } = run;
  for (const reply of [...transcript.turns.values()].flatMap((turn) => turn.runs)) {
    const { heard, unheard } = transcript.heard(reply);
    const sent = reply.segments.map(({ text }) => text).join(" ");
    const both = [heard, unheard].filter(Boolean).join(" ");
    assert.equal(both, sent, `heard and unheard of ${reply.effect}`);
  }
}
