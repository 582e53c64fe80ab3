import assert from "node:assert/strict";
import { test } from "node:test";
import { aborted, SimulatedClock, systemClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { createDeepgramStt } from "../../src/providers/deepgram/deepgram.stt.ts";
import { createGroqStt } from "../../src/providers/groq/groq.stt.ts";
import { WhisperStream } from "../../src/providers/groq/whisper-stream.ts";
import { SteadyStt } from "../../src/providers/steady-stt.ts";
import type { Stt, SttEvent, SttStream } from "../../src/providers/stt.port.ts";
import { startDeepgramListen } from "../emulators/deepgram-listen.ts";
import { startGroqWhisper } from "../emulators/groq-whisper.ts";
import { SPEECH_HZ, speech } from "../support/numbered-speech.ts";

const random = (): number => 0.1;

interface Heard {
  readonly events: SttEvent[];
  readonly on: (event: SttEvent) => void;
  readonly until: (type: SttEvent["type"]) => Promise<void>;
}

function heard(): Heard {
  const events: SttEvent[] = [];
  const waiting = new Map<string, () => void>();
  return {
    events,
    on: (event) => {
      events.push(event);
      waiting.get(event.type)?.();
    },
    until: (type) =>
      new Promise((resolve) => {
        if (events.some((event) => event.type === type)) resolve();
        else waiting.set(type, resolve);
      }),
  };
}

function push(stream: SttStream, samples: Int16Array): void {
  for (let at = 0; at < samples.length; at += 320)
    stream.push({ samples: samples.subarray(at, at + 320), rateHz: SPEECH_HZ });
}

function told(events: readonly SttEvent[]): readonly (readonly [string, number])[] {
  return events.flatMap((event) =>
    event.type === "final"
      ? event.words.map(({ text, fromMs }) => [text, Math.round(fromMs)] as const)
      : [],
  );
}

for (const model of ["nova-3", "flux-general-en"])
  test(`${model}: a connection torn between two words costs none of them`, async () => {
    await using server = await startDeepgramListen();
    const stt = createDeepgramStt({ key: "k", model, baseUrl: server.url });
    const steady = new SteadyStt({ stts: [stt], clock: systemClock, random });
    server.script.faults.push({ kind: "drop", after: 9 });
    const { events, on, until } = heard();
    const stream = steady.open(on);
    push(stream, speech([0, 300], [1, 200], [0, 700], [2, 200], [0, 100], [3, 200]));
    await until("down");
    push(stream, speech([0, 100], [4, 200], [0, 700]));
    const usage = await stream.finish();
    assert.deepEqual(told(events), [
      ["word1", 300],
      ["word2", 1_200],
      ["word3", 1_500],
      ["word4", 1_800],
    ]);
    assert.deepEqual(
      usage.map(({ attempt = 1, how = "done" }) => [attempt, how]),
      [
        [1, "failed"],
        [2, "done"],
      ],
    );
  });

test("with a refused key another vendor goes on, and hears where the speech was", async () => {
  await using deepgram = await startDeepgramListen();
  await using groq = await startGroqWhisper();
  deepgram.script.faults.push({ kind: "status", status: 401 });
  const stts = [
    createDeepgramStt({ key: "k", model: "nova-3", baseUrl: deepgram.url }),
    createGroqStt({ key: "k", model: "whisper-large-v3-turbo", baseUrl: groq.url }),
  ];
  const steady = new SteadyStt({ stts, clock: systemClock, random });
  const { events, on, until } = heard();
  const stream = steady.open(on);
  push(stream, speech([0, 300], [1, 200]));
  stream.speechStarted(300);
  await until("switched");
  push(stream, speech([0, 100], [2, 200], [0, 300]));
  stream.speechEnded(800);
  const usage = await stream.finish();
  assert.deepEqual(
    events.map(({ type }) => type),
    ["down", "switched", "up", "final"],
  );
  assert.deepEqual(told(events), [
    ["word1", 300],
    ["word2", 600],
  ]);
  assert.deepEqual(
    usage.map(({ provider, model }) => [provider, model]),
    [["groq", "whisper-large-v3-turbo"]],
  );
});

test("the model and the language are asked for as they were given", async () => {
  await using server = await startDeepgramListen();
  const paths: string[] = [];
  for (const [model, language] of [
    ["nova-3", undefined],
    ["nova-2-phonecall", "de"],
    ["flux-general-multi", "de"],
  ] as const) {
    const asked = { key: "k", model, baseUrl: server.url, ...(language && { language }) };
    await createDeepgramStt(asked)
      .open(() => undefined)
      .finish();
    const { pathname, searchParams } = new URL(server.seen.at(-1)!.path, "http://localhost");
    const given = [searchParams.get("language"), searchParams.get("language_hint")];
    paths.push([pathname, searchParams.get("model"), ...given].join(" "));
  }
  assert.deepEqual(paths, [
    "/v1/listen nova-3  ",
    "/v1/listen nova-2-phonecall de ",
    "/v2/listen flux-general-multi  de",
  ]);
});

test("an utterance whose request is never answered is sent again, all of it", async () => {
  const clock = new SimulatedClock();
  const asked: number[] = [];
  const whisper: Stt = {
    provider: "groq",
    model: "w",
    rateHz: SPEECH_HZ,
    warm: () => Promise.resolve(),
    open: (on) =>
      new WhisperStream({
        vendor: { provider: "groq", keyName: "GROQ_API_KEY", key: "k" },
        model: "w",
        rateHz: SPEECH_HZ,
        clock,
        on,
        transcribe: async (file, signal) => {
          asked.push(file.size);
          if (asked.length > 1) return { text: "hello there" };
          await aborted(signal);
          throw new AppError("effect.stopped", "stopped");
        },
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { events, on } = heard();
  const stream = new SteadyStt({ stts: [whisper], clock, random }).open(on);
  const play = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 20) {
      push(stream, speech([1, 20]));
      await clock.advance(20);
    }
  };
  await play(1_000);
  stream.speechStarted(500);
  await play(3_000);
  stream.speechEnded(3_500);
  await play(LIMITS.sttFinishMsMax + 1_000);
  stream.abort();
  const [first, second] = asked;
  assert.deepEqual([asked.length, second], [2, first]);
  assert.deepEqual(
    events.flatMap((event) => (event.type === "final" ? [[event.text, event.toMs]] : [])),
    [["hello there", 3_500]],
  );
});
