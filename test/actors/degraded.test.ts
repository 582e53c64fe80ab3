import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Breakers } from "../../src/providers/breakers.ts";
import type { Llm } from "../../src/providers/llm.port.ts";
import { ScriptedLlm, ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tts, TtsEvent, TtsRequest } from "../../src/providers/tts.port.ts";
import type { Simulation } from "../../src/testing/simulation.ts";
import { logFile, simulateIn, tempDir } from "../support/recorded-call.ts";
import { run } from "../support/run-cli.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

const QUESTION = "What are your opening hours?";
const FILLER = "One moment.";
const APOLOGY = "Sorry, that did not work.";
const texts = { greeting: GREETING, filler: FILLER, apology: APOLOGY };
/** Speech ends at 1000, the answer is awaited from here on. */
const AWAITED_MS = 1_500;

/** Speaks what it may, and fails with a code otherwise. */
class FaultyTts extends ScriptedTts implements Tts {
  readonly #fails: (text: string) => boolean;

  constructor(clock: Clock, model: string, fails: (text: string) => boolean) {
    super(clock, { model });
    this.#fails = fails;
  }

  override async *speak(request: TtsRequest): AsyncIterable<TtsEvent> {
    if (this.#fails(request.text)) throw new AppError("provider.unavailable", "no network");
    yield* super.speak(request);
  }
}

function hung(name: string): Llm {
  return {
    provider: "acme",
    model: name,
    stream: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    }),
  };
}

/** The agent's sound after `from`, in ms of the stage: when each piece without a gap began. */
function soundsOf(simulation: Simulation, zero: number): readonly number[] {
  const begins: number[] = [];
  let end = 0;
  for (const { at, ms } of simulation.room.agentSound) {
    if (at - end > 1 && at >= zero) begins.push(Math.round(at - zero));
    end = at + ms;
  }
  return begins;
}

/** What of the agent was shown, whole, in order. */
function shownOf(simulation: Simulation): readonly string[] {
  return simulation.room.texts.flatMap((shown) =>
    shown.topic === "lk.transcription" && !shown.of && shown.final ? [shown.text] : [],
  );
}

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

suite("a turn whose providers fail", () => {
  test("whose model, then voice, fail is answered in time, and show says why", async (t) => {
    const dataDir = await tempDir(t);
    await using simulation = await simulateIn(dataDir, {
      texts: { greeting: "Hello.", filler: FILLER },
      llm: hung("gpt-x"),
      otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: ANSWER }), "llama-y")],
      voices: (clock) => [
        {
          tts: new FaultyTts(clock, "sonic", (text) => text !== "Hello."),
          name: "anna",
        },
        { tts: new ScriptedTts(clock, { model: "aura" }), name: "bert" },
      ],
      tools: [],
    });
    simulation.enter("ann");
    await simulation.until(5_000);
    const zero = simulation.clock.now();
    simulation.say(QUESTION, { ms: 1_000 });
    await simulation.run(2_000);
    await simulation.quiet();
    const [filler, answer] = soundsOf(simulation, zero);
    const { fillerAfter, firstToken, firstAudio } = simulation.host.fold.settings.answer;
    // The filler has the same voices, and a scripted model and voice take 400 ms.
    assert.ok(filler! <= AWAITED_MS + fillerAfter + firstAudio + 100, `filler at ${filler}`);
    const latest = AWAITED_MS + firstToken + firstAudio + 400;
    assert.ok(answer! <= latest, `answer at ${answer}, at the latest at ${latest}`);
    await simulation.host.command({ name: "end", reason: "all done" }, "test");
    await simulation.run(20_000);
    const { code, stdout } = await run(["show", logFile(dataDir)]);
    assert.equal(code, 0);
    for (const line of [
      /acme\/gpt-x is asked/,
      /gpt-x gave no word in 3 s: llama-y is asked/,
      /scripted\/llama-y is asked/,
      /the voice scripted\/anna could not be reached \(provider\.unavailable\): it is asked again/,
      /the voice scripted\/anna could not be reached \(\S+\): scripted\/bert goes on/,
      /Doors open early each morning\./,
    ])
      assert.match(stdout, line);
  });

  test("is answered at once by others while breakers are open, and show says so", async (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    const guard = new Breakers({ inRow: 1 });
    const dataDir = await tempDir(t);
    guard.enter({ service: "llm", provider: "acme", model: "gpt-x" })?.end("failed");
    guard.enter({ service: "tts", provider: "scripted", model: "sonic" })?.end("failed");
    await using simulation = await simulateIn(dataDir, {
      guard,
      texts: {},
      llm: hung("gpt-x"),
      otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: ANSWER }), "llama-y")],
      voices: (clock) => [
        { tts: new FaultyTts(clock, "sonic", () => true), name: "anna" },
        { tts: new ScriptedTts(clock, { model: "aura" }), name: "bert" },
      ],
      tools: [],
    });
    simulation.enter("ann");
    const zero = simulation.clock.now();
    simulation.say(QUESTION, { ms: 1_000 });
    await simulation.run(2_000);
    await simulation.quiet();
    const [answer] = soundsOf(simulation, zero);
    assert.ok(answer! <= AWAITED_MS + 400, `answer at ${answer}`);
    await simulation.host.command({ name: "end", reason: "all done" }, "test");
    await simulation.run(20_000);
    const { stdout } = await run(["show", logFile(dataDir)]);
    assert.match(stdout, /gpt-x was refused by its breaker: llama-y is asked/);
    assert.match(
      stdout,
      /the voice scripted\/anna was refused by its breaker: scripted\/bert goes on/,
    );
  });
});

suite("S1-52: a capability is down", () => {
  test("no voice: the answer is read, and the next turn is spoken again", async () => {
    let down = true;
    await using stage = await Stage.open({
      texts: { greeting: GREETING, apology: APOLOGY },
      voices: (clock) => [
        { tts: new FaultyTts(clock, "sonic", (text) => down && text !== GREETING), name: "anna" },
      ],
    });
    await ask(stage);
    await stage.until(8_000);
    const [, turn] = stage.turns;
    assert.deepEqual([turn?.status, turn?.heardText], ["completed", ANSWER]);
    assert.equal(shownOf(stage.simulation).slice(1).join(" "), ANSWER);
    assert.deepEqual(soundsOf(stage.simulation, stage.startedAt), []);
    const marks = progressOf(stage.simulation.records, "reply.switched");
    assert.deepEqual(marks, [
      {
        type: "reply.switched",
        what: "voice",
        from: "scripted/anna",
        to: "text",
        why: "provider.unavailable",
      },
    ]);
    down = false;
    await stage.say(12_000, QUESTION, { ms: 1_000 });
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    assert.equal(soundsOf(stage.simulation, stage.startedAt).length, 1);
    // The caller has read it: the model is told that it was said.
    assert.deepEqual(stage.asked(1).at(-2), `assistant: ${ANSWER}`);
  });

  test("no model: a filler, then the apology, and never silence in between", async () => {
    await using stage = await Stage.open({ texts, llm: hung("gpt-x") });
    await ask(stage);
    await stage.close();
    const [, turn, apology] = stage.turns;
    assert.deepEqual([turn?.status, turn?.heardText], ["failed", FILLER]);
    assert.equal(apology?.agentText, APOLOGY);
    const { total, fillerAfter } = stage.simulation.host.fold.settings.answer;
    const [filler, sorry] = soundsOf(stage.simulation, stage.startedAt);
    assert.ok(filler! <= AWAITED_MS + fillerAfter + 100);
    assert.ok(sorry! <= AWAITED_MS + total + 100, `apology at ${sorry}`);
  });

  test("no model, known by its breaker: the apology comes at once", async (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    const guard = new Breakers({ inRow: 1 });
    guard.enter({ service: "llm", provider: "acme", model: "gpt-x" })?.end("failed");
    await using stage = await Stage.open({ texts, llm: hung("gpt-x"), guard });
    await ask(stage);
    await stage.close();
    assert.deepEqual(
      stage.turns.slice(1).map(({ status, agentText }) => [status, agentText]),
      [
        ["failed", ""],
        ["completed", APOLOGY],
      ],
    );
    assert.ok(soundsOf(stage.simulation, stage.startedAt)[0]! <= AWAITED_MS + 200);
  });

  test("nothing is written down: the caller is told once, and can type", async () => {
    const unheard = "I cannot hear you. Please type.";
    await using stage = await Stage.open({ texts: { greeting: GREETING, unheard } });
    const drop = { downAfterMs: 100, upAfterMs: 60_000 };
    await stage.say(0, "what are your hours", { drop, interims: [], finalAfterMs: null });
    await stage.say(12_000, "are you there", { interims: [], finalAfterMs: null });
    await stage.until(22_000);
    const said = (): number => stage.turns.filter(({ agentText }) => agentText === unheard).length;
    assert.equal(said(), 1);
    stage.simulation.room.type("ann", QUESTION);
    await stage.simulation.quiet();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    assert.equal(said(), 1);
  });
});

function progressOf(records: readonly LogRecord[], type: string) {
  return records
    .map(({ input }) => input["event"] as unknown as { type: string } | undefined)
    .filter((event) => event?.type === type);
}
