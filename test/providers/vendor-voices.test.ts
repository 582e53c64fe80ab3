import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { joinSamples } from "../../src/base/audio.ts";
import { createCartesiaTts } from "../../src/providers/cartesia/cartesia.tts.ts";
import { createDeepgramTts } from "../../src/providers/deepgram/deepgram.tts.ts";
import { createElevenLabsTts } from "../../src/providers/elevenlabs/elevenlabs.tts.ts";
import { createOpenAiTts } from "../../src/providers/openai/openai.tts.ts";
import { createRimeTts } from "../../src/providers/rime/rime.tts.ts";
import { takesVoice, type Tts, type TtsEvent } from "../../src/providers/tts.port.ts";
import { startCartesia } from "../emulators/cartesia.ts";
import { startDeepgramSpeak } from "../emulators/deepgram-speak.ts";
import { startElevenLabs } from "../emulators/elevenlabs.ts";
import { openAiHz, startOpenAiSpeech } from "../emulators/openai-speech.ts";
import { startRime } from "../emulators/rime.ts";
import { MS_PER_CHARACTER, SPEECH_KEY, speechOf } from "../emulators/tone-speech.ts";

const key = SPEECH_KEY;
const TEXT = "We open at nine, and close at six in the evening.";

function speak(tts: Tts, signal = new AbortController().signal, voice = "tone-500") {
  return Array.fromAsync(tts.speak({ text: TEXT, voice, signal }));
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}

function msOf(events: readonly TtsEvent[]): number {
  const samples = events.map((event) => (event.type === "audio" ? event.frame.samples.length : 0));
  return samples.reduce((sum, count) => sum + count, 0) / 24;
}

suite("Cartesia's one socket", () => {
  const create = (baseUrl: string): Tts => createCartesiaTts({ key, model: "sonic-3.5", baseUrl });

  test("is opened ahead, carries all sentences, and is closed with the voice", async () => {
    await using server = await startCartesia();
    {
      await using tts = create(server.url);
      await tts.warm();
      await until(() => server.seen.length === 1);
      await speak(tts);
      await Promise.all([speak(tts), speak(tts)]);
      assert.deepEqual([server.socketsEver, server.openSockets], [1, 1]);
    }
    await until(() => server.openSockets === 0);
  });

  test("stays where one sentence is stopped, and the other one is whole", async () => {
    await using server = await startCartesia();
    await using tts = create(server.url);
    const stop = new AbortController();
    const whole = speak(tts);
    await assert.rejects(
      async () => {
        const request = { text: TEXT, voice: "tone-700", signal: stop.signal };
        for await (const event of tts.speak(request)) if (event.type === "audio") stop.abort();
      },
      { code: "effect.stopped" },
    );
    assert.equal(msOf(await whole), TEXT.length * MS_PER_CHARACTER);
    await until(() => server.aborted === 1);
    await speak(tts);
    assert.equal(server.socketsEver, 1);
  });

  test("stays where one sentence is refused", async () => {
    await using server = await startCartesia();
    await using tts = create(server.url);
    await speak(tts);
    const whole = speak(tts);
    server.script.faults.push(undefined, { kind: "status", status: 429 });
    await until(() => server.script.faults.length === 1);
    await assert.rejects(speak(tts), { code: "provider.limited" });
    assert.equal(msOf(await whole), TEXT.length * MS_PER_CHARACTER);
    assert.equal(server.socketsEver, 1);
  });

  test("that is lost fails all its sentences; the next one opens another", async () => {
    await using server = await startCartesia();
    await using tts = create(server.url);
    await speak(tts);
    server.script.faults.push({ kind: "halfOpen", after: 1 }, { kind: "drop", after: 2 });
    const ends = await Promise.allSettled([speak(tts), speak(tts)]);
    for (const end of ends)
      assert.equal(end.status === "rejected" && end.reason.code, "provider.unavailable");
    await speak(tts);
    assert.equal(server.socketsEver, 2);
  });

  test("that gave a stopped sentence no answer is not trusted with another", async () => {
    await using server = await startCartesia();
    await using tts = create(server.url);
    await speak(tts);
    const stop = new AbortController();
    server.script.faults.push({ kind: "halfOpen", after: 0 });
    const hung = assert.rejects(speak(tts, stop.signal), { code: "effect.stopped" });
    await until(() => server.script.faults.length === 0);
    stop.abort();
    await hung;
    await speak(tts);
    assert.equal(server.socketsEver, 2);
    await until(() => server.openSockets === 1);
  });

  test("that does not open is given up when nobody waits for it any more", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using tts = create(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const stops = [new AbortController(), new AbortController()];
    const said = stops.map((stop) => assert.rejects(speak(tts, stop.signal), /stopped/));
    const [socket] = (await once(server, "connection")) as [Socket];
    socket.resume();
    stops[0]!.abort();
    await said[0];
    assert.equal(socket.readyState, "open");
    const closed = once(socket, "close");
    stops[1]!.abort();
    await Promise.all([said[1], closed]);
    server.close();
  });
});

suite("a vendor is asked", () => {
  test("for Deepgram's voice by the name of its model, in full or not", async () => {
    await using server = await startDeepgramSpeak();
    const english = createDeepgramTts({ key, model: "aura-2", baseUrl: server.url });
    const options = { key, model: "aura-2", baseUrl: server.url, language: "es" };
    await speak(english);
    await speak(createDeepgramTts(options));
    await speak(createDeepgramTts(options), undefined, "aura-2-tone-600-nl");
    const models = server.seen.map(({ path }) =>
      new URL(path, server.url).searchParams.get("model"),
    );
    assert.deepEqual(models, ["aura-2-tone-500-en", "aura-2-tone-500-es", "aura-2-tone-600-nl"]);
  });

  test("by OpenAI's bare samples only once it refused events, several at once too", async () => {
    await using server = await startOpenAiSpeech();
    const tts = createOpenAiTts({ key, model: "tts-1", baseUrl: `${server.url}/v1` });
    await Promise.all([speak(tts), speak(tts)]);
    await speak(tts);
    const formats = server.seen.map(
      ({ body }) => (body as { stream_format: string }).stream_format,
    );
    assert.deepEqual(formats, ["sse", "sse", "audio", "audio", "audio"]);
  });

  test("for each of OpenAI's first six voices, and speaks in it", async () => {
    await using server = await startOpenAiSpeech();
    const tts = createOpenAiTts({ key, model: "gpt-speech", baseUrl: `${server.url}/v1` });
    for (const [i, voice] of ["alloy", "echo", "fable", "onyx", "nova", "shimmer"].entries()) {
      const events = await speak(tts, undefined, voice);
      const frames = events.flatMap((event) => (event.type === "audio" ? event.frame.samples : []));
      assert.deepEqual(joinSamples(frames), speechOf(TEXT, openAiHz(i)), voice);
    }
  });

  test("in the language that is set", async () => {
    await using eleven = await startElevenLabs();
    await using rime = await startRime();
    const model = "m";
    await speak(createElevenLabsTts({ key, model, baseUrl: eleven.url, language: "de" }));
    await speak(createRimeTts({ key, model, baseUrl: rime.url, language: "ger" }));
    assert.equal((eleven.seen[0]!.body as Record<string, unknown>)["language_code"], "de");
    assert.equal((rime.seen[0]!.body as Record<string, unknown>)["lang"], "ger");
  });

  test("for any voice of its account", () => {
    const tts = createRimeTts({ key, model: "m", baseUrl: "http://127.0.0.1:9" });
    assert.ok(takesVoice(tts, "anything"));
    assert.ok(!takesVoice({ voices: ["slt"] }, "anything"));
  });

  test("ElevenLabs' times may begin anew with each line", async () => {
    await using server = await startElevenLabs();
    const told = async (model: string): Promise<TtsEvent[]> => {
      const events = await speak(createElevenLabsTts({ key, model, baseUrl: server.url }));
      return events.filter(({ type }) => type === "alignment");
    };
    const whole = await told("eleven_flash");
    assert.equal(whole.length, 1);
    assert.deepEqual(await told("eleven_relative"), whole);
  });
});
