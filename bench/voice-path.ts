import { systemClock } from "../src/base/clock.ts";
import type { Broker } from "../src/broker/broker.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { FakeCall } from "./fake-call.ts";
import { exchange } from "./exchange.ts";
import { samplesOf } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";
import { warmUp } from "./warm-up.ts";

const WARMUP_TURNS = 300;
const WARMUP = 5;
const EXCHANGES = 60;
const FRAMES_MS = [20, 100];

const TARGETS = {
  toModel: { target: 0.6, targetP95: 1.1 },
  toFrame: { target: 0.7, targetP95: 1.2 },
  toSilence: { target: 0.5, targetP95: 1 },
};

interface Samples {
  readonly toModel: number[];
  readonly toFrame: number[];
  readonly toSilence: ReadonlyMap<number, number[]>;
}

/**
 * Our share of what a caller waits for, at the pace of a call: the caller speaks over each answer,
 * asks again, is answered. One call at a time, in a process that has had others before it.
 */
export const voicePath: Bench = {
  name: "voice-path",
  run: async () => {
    await warmUp(WARMUP_TURNS);
    await using folder = await TempFolder.make();
    await using embedded = await openEmbedded({ dataDir: folder.path, clock: systemClock });
    await using memory = openMemory({ clock: systemClock });
    return [...rowsOf("embedded", await talk(embedded)), ...rowsOf("memory", await talk(memory))];
  },
};

function rowsOf(log: string, { toModel, toFrame, toSilence }: Samples): readonly Row[] {
  const ms = { unit: "ms" };
  return [
    { name: `final transcript to model call, ${log}`, ...samplesOf(toModel), ...TARGETS.toModel },
    { name: `first token to first frame, ${log}`, ...samplesOf(toFrame), ...TARGETS.toFrame },
    ...[...toSilence].map(([frameMs, values]) => ({
      name: `speech start to cleared output, ${frameMs} ms frames, ${log}`,
      ...samplesOf(values),
      ...TARGETS.toSilence,
    })),
  ].map((figure) => toRow({ ...figure, ...ms }));
}

async function talk(broker: Broker): Promise<Samples> {
  const toSilence = new Map<number, number[]>(FRAMES_MS.map((frameMs) => [frameMs, []]));
  const samples: Samples = { toModel: [], toFrame: [], toSilence };
  const call = new FakeCall(systemClock);
  await call.open(broker, "c1");
  for (let n = -WARMUP; n < EXCHANGES; n++) {
    const playing = call.tts.frameMs;
    call.tts.frameMs = FRAMES_MS[(n + WARMUP) % FRAMES_MS.length]!;
    const { toModel, toFrame, toSilence } = await exchange(call, n > -WARMUP);
    if (n < 0) continue;
    samples.toModel.push(toModel);
    samples.toFrame.push(toFrame);
    samples.toSilence.get(playing)!.push(toSilence);
  }
  call.close();
  return samples;
}
