import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import type { CallHost } from "../../src/actors/call-host.ts";
import { replay } from "../../src/actors/replay.ts";
import { callOf } from "../../src/agent/voice-agent.ts";
import { joinSamples, levelDb, resample } from "../../src/base/audio.ts";
import { systemIds } from "../../src/base/id.ts";
import { readConfig } from "../../src/config.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import * as parts from "../../src/main.ts";
import { CALLER_RATE_HZ, LiveKitCaller, until } from "../support/livekit-caller.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { needModels } from "../support/models.ts";

/** Whole spoken calls in rooms of a real server, with speech, model and voice of this machine. */
const QUESTION = "What are your opening hours on Saturday?";
const INTERRUPTION = "No, I mean on Sunday, please.";
/** Words that are understood even where the machine is too busy for good sound. */
const FIRST = /hours/i;
const SECOND = /mean|sunday/i;
const VOICED_DB = -45;
/** Beyond what sound takes to the caller anyway. */
const SILENT_WITHIN_MS = 150;

const found = await findLiveKit();

/** Who was in the room is metered: for as long as the call heard of them. */
function checkMinutes(records: readonly LogRecord[]): void {
  const closed = usageEventsOf(records).filter(({ kind }) => kind === "closed");
  const stays = closed.filter(({ service }) => service === "room");
  const callMs = records.at(-1)!.at - records[0]!.at;
  assert.deepEqual(stays.map(({ requestModel }) => requestModel).toSorted(), [
    "agent",
    "participant",
  ]);
  for (const { provider, meters, quality } of stays) {
    assert.deepEqual([provider, quality], ["livekit-own", "measured"]);
    assert.ok(meters.connectionMs! > callMs / 2 && meters.connectionMs! <= callMs);
  }
}

suite("a call in a room", { skip: "missing" in found && found.missing }, () => {
  const agent = parts.openBundledAgent(readConfig({}, {}));
  const opened = new AsyncDisposableStack();
  const records = new Map<string, readonly { record: LogRecord; at: number }[]>();
  let server: LiveKitServer;
  let supervisor: ReturnType<typeof parts.openSupervisor>;
  let providers: parts.Providers;

  before(async () => {
    assert.ok("path" in found);
    server = opened.use(await LiveKitServer.start(found));
    const data = await mkdtemp(join(tmpdir(), "turnfold-room-"));
    opened.defer(() => rm(data, { recursive: true, force: true }));
    const { url: LIVEKIT_URL, apiKey: LIVEKIT_API_KEY, apiSecret: LIVEKIT_API_SECRET } = server;
    const keys = { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET };
    const config = readConfig({ data }, { ...process.env, ...keys });
    const broker = opened.use(await parts.openStore(config, false));
    providers = opened.use(await parts.openProviders(config));
    const rooms = opened.use(await parts.openLiveKitRooms(config));
    const roomOf = () => rooms;
    supervisor = parts.openSupervisor(config, broker, { providers, roomOf, agent: () => agent });
    supervisor.onRecord(({ call }, record) =>
      records.set(call, [...(records.get(call) ?? []), { record, at: performance.now() }]),
    );
  });
  after(() => opened.disposeAsync());

  function open(room: string): Promise<CallHost> {
    const settings = { ...agent.settings, participant: { grace: 500 } };
    const call = { ...callOf(agent), call: systemIds.call(), tenant: "acme", room };
    return supervisor.open({ ...call, settings, identity: "agent", recording: null });
  }

  async function soundOf(text: string): Promise<Int16Array> {
    const { signal } = new AbortController();
    const voice = parts.CALLER_VOICE;
    const pieces: Int16Array[] = [];
    for await (const event of providers.tts.speak({ text, voice, signal }))
      if (event.type === "audio") pieces.push(resample(event.frame, CALLER_RATE_HZ).samples);
    return joinSamples(pieces);
  }

  function seen(host: CallHost, type: string) {
    const all = records.get(host.ref.call) ?? [];
    return all.filter(({ record }) => (record.input["event"] as Told | undefined)?.type === type);
  }

  function recordsOf(host: CallHost): readonly LogRecord[] {
    return (records.get(host.ref.call) ?? []).map(({ record }) => record);
  }

  function isAnswered(host: CallHost, question: RegExp): boolean {
    return turnSummaries(recordsOf(host)).some(
      ({ status, userText }) => status === "completed" && question.test(userText),
    );
  }

  /** The caller goes; the log has all of the call and replays. */
  async function end(host: CallHost, caller: LiveKitCaller): Promise<readonly LogRecord[]> {
    await caller.leave();
    await host.ended;
    const all = recordsOf(host);
    const result = await replay(all, { machines: parts.MACHINES, deep: true });
    assert.equal(result.verdict, "reproduced");
    return all;
  }

  test("is heard, answered aloud, interrupted, shown, and replays", async (t) => {
    if (!(await needModels(t))) return;
    const [question, interruption] = [await soundOf(QUESTION), await soundOf(INTERRUPTION)];
    await using caller = await LiveKitCaller.join(server, { room: "one", identity: "ann" });
    const host = await open("one");
    await until("the greeting", () => isAnswered(host, /^$/));
    assert.ok(voicedMs(caller) > 500, "it is audible");
    await caller.say(question);
    const before = voicedMs(caller);
    await until("a second of the answer", () => voicedMs(caller) > before + 1_000);
    const said = caller.say(interruption);
    await until("the agent to pause", () => pausedAt(host, seen) !== undefined);
    await said;
    await until("the second answer", () => isAnswered(host, SECOND));
    checkSilence(t, caller, { pausedAt: pausedAt(host, seen)!, floorMs: floorOf(host, caller) });
    const answer = turnSummaries(recordsOf(host)).at(-1)!.agentText;
    await until("its captions", () =>
      finalsOf(caller, "agent").some((text) => answer.startsWith(text)),
    );

    const records = await end(host, caller);
    checkMinutes(records);
    const turns = turnSummaries(records);
    assert.deepEqual(turns.map(({ status }) => status).slice(0, 3), [
      "completed",
      "cutOff",
      "completed",
    ]);
    const heard = finalsOf(caller, "ann").join(" ");
    for (const word of [FIRST, SECOND]) assert.match(heard, word);
    const cut = turns.find(({ status }) => status === "cutOff")!;
    assert.ok(
      finalsOf(caller, "agent").join(" ").includes(cut.heardText),
      "what was heard is shown",
    );
    for (const state of ["listening", "thinking", "speaking"])
      assert.ok(caller.states.includes(state), `${state} of ${caller.states.join()}`);
  });

  test("two rooms at once do not mix", async (t) => {
    if (!(await needModels(t))) return;
    const asked = [
      ["left", "Can I park my car at the restaurant?", /restaurant/i],
      ["right", QUESTION, FIRST],
    ] as const;
    await Promise.all(
      asked.map(async ([room, text, words]) => {
        const sound = await soundOf(text);
        await using caller = await LiveKitCaller.join(server, { room, identity: "ann" });
        const host = await open(room);
        await until("the greeting", () => isAnswered(host, /^$/));
        await caller.say(sound);
        await until(`the answer to ${text}`, () => isAnswered(host, words));
        const shown = finalsOf(caller, "ann").join(" ");
        for (const [, , of] of asked) assert.equal(of.test(shown), of === words, shown);
        await end(host, caller);
      }),
    );
  });

  /** From the first position of an answer to its first sound at the caller. */
  function floorOf(host: CallHost, caller: LiveKitCaller): number {
    const starts = seen(host, "reply.position").filter(({ record }) => positionOf(record) === 0);
    const ways = starts.map(({ at }) => {
      const first = caller.heard.find((piece) => piece.at > at && isVoiced(piece));
      return (first?.at ?? Infinity) - at;
    });
    return Math.min(...ways);
  }
});

interface Told {
  readonly type: string;
  readonly ms?: number;
}

type Seen = (host: CallHost, type: string) => readonly { record: LogRecord; at: number }[];

/** When the chart told the answer to pause: it is silent from then on. */
function pausedAt(host: CallHost, seen: Seen): number | undefined {
  const pausing = [...seen(host, "vad.started"), ...seen(host, "stt.interim")].find(({ record }) =>
    record.outcome.effects.some(([what, , command]) => what === "tell" && command === "pause"),
  );
  return pausing?.at;
}

function positionOf({ input }: LogRecord): number | undefined {
  return (input["event"] as unknown as Told).ms;
}

function isVoiced({ samples }: { readonly samples: Int16Array }): boolean {
  return levelDb(samples) > VOICED_DB;
}

function voicedMs({ heard }: LiveKitCaller): number {
  return heard.filter(isVoiced).length * 10;
}

function finalsOf({ texts }: LiveKitCaller, who: string): readonly string[] {
  return texts
    .filter(
      ({ from, attributes }) => from === who && attributes["lk.transcription_final"] === "true",
    )
    .map(({ text }) => text);
}

/** The last sound before a silence of 300 ms. */
function checkSilence(
  t: TestContext,
  { heard }: LiveKitCaller,
  { pausedAt: from, floorMs }: { readonly pausedAt: number; readonly floorMs: number },
): void {
  let last = from;
  for (const { at } of heard.filter((piece) => piece.at > from && isVoiced(piece))) {
    if (at - last > 300) break;
    last = at;
  }
  const took = last - from;
  t.diagnostic(`silent ${Math.round(took)} ms after the pause; sound takes ${Math.round(floorMs)}`);
  assert.ok(took <= floorMs + SILENT_WITHIN_MS, `${took} ms, where sound takes ${floorMs}`);
}
