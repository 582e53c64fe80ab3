import assert from "node:assert/strict";
import { suite, test } from "node:test";

/** The page's audio thread, block by block, as a browser with a card of 48 kHz would run it. */
const CARD_HZ = 48_000;
const RATE_HZ = 16_000;
const BLOCK = 128;
const BLOCK_MS = (BLOCK * 1000) / CARD_HZ;

interface Report {
  readonly stream: number;
  readonly ms: number;
  readonly isNew: boolean;
  readonly level: number;
}

interface Frame {
  readonly sound: ArrayBuffer;
  readonly level: number;
}

class Port<Told> {
  readonly told: Told[] = [];
  onmessage: (event: { readonly data: object }) => void = () => undefined;
  postMessage(message: Told): void {
    this.told.push(message);
  }
  tell(data: object): void {
    this.onmessage({ data });
  }
}

interface Processor<Told> {
  readonly port: Port<Told>;
  process(inputs: readonly Float32Array[][], outputs: readonly Float32Array[][]): boolean;
}

type Make = new (options: object) => Processor<never>;
const made = new Map<string, Make>();
Object.assign(globalThis, {
  sampleRate: CARD_HZ,
  AudioWorkletProcessor: class {
    readonly port = new Port<never>();
  },
  registerProcessor: (name: string, make: Make) => made.set(name, make),
});
await import(new URL("../../src/web/audio-worklet.js", import.meta.url).href);

function open<Told>(name: string): Processor<Told> {
  return new (made.get(name)!)({ processorOptions: { rateHz: RATE_HZ } });
}

function tone(ms: number, rateHz: number): Float32Array {
  const length = (ms * rateHz) / 1000;
  return Float32Array.from({ length }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / rateHz));
}

function levelOf(samples: readonly number[] | Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length));
}

class Loudspeaker {
  readonly node = open<Report>("playback");

  /** Sends `ms` of the agent's sound in frames of 20 ms. */
  send(ms: number): void {
    const samples = Int16Array.from(tone(ms, RATE_HZ), (sample) => sample * 32_767);
    const size = (20 * RATE_HZ) / 1000;
    for (let at = 0; at < samples.length; at += size)
      this.node.port.tell({ sound: samples.slice(at, at + size).buffer });
  }

  /** What sounds in the next `ms`. */
  run(ms: number): number[] {
    const out: number[] = [];
    for (let at = 0; at < ms; at += BLOCK_MS) {
      const block = new Float32Array(BLOCK);
      assert.equal(this.node.process([], [[block]]), true);
      out.push(...block);
    }
    return out;
  }

  get last(): Report {
    return this.node.port.told.at(-1)!;
  }
}

suite("playback", () => {
  test("waits a moment, plays all of it, and reports what was played", () => {
    const speaker = new Loudspeaker();
    speaker.send(200);
    assert.equal(levelOf(speaker.run(50)), 0, "silent while it waits");
    const heard = speaker.run(300);
    const sounding = heard.filter((sample) => Math.abs(sample) > 0.01).length / CARD_HZ;
    assert.ok(Math.abs(sounding * 1000 - 200) < 10, `${sounding * 1000} ms`);
    assert.ok(Math.abs(speaker.last.ms - 200) < 2, `${speaker.last.ms} ms`);
    const reports = speaker.node.port.told.map(({ ms }) => ms);
    assert.deepEqual(
      reports,
      reports.toSorted((a, b) => a - b),
    );
    speaker.run(100);
    assert.equal(speaker.last.isNew, false, "nothing new is played, nothing new is told");
  });

  test("clear silences it within a millisecond, and what comes next is another stream", () => {
    const speaker = new Loudspeaker();
    speaker.send(200);
    speaker.run(120);
    assert.ok(levelOf(speaker.run(20)) > 0.2);
    speaker.node.port.tell({ stream: 7 });
    const after = speaker.run(300);
    assert.equal(levelOf(after.slice(CARD_HZ / 1000)) < 1e-2, true);
    assert.ok(levelOf(after.slice(CARD_HZ / 100)) < 1e-4, "and nothing of it comes later");
    assert.deepEqual([speaker.last.stream, speaker.last.ms], [7, 0]);
    speaker.send(100);
    assert.ok(levelOf(speaker.run(200)) > 0.1);
    assert.ok(Math.abs(speaker.last.ms - 100) < 2);
  });

  test("keeps no more than it may, whatever is sent", () => {
    const speaker = new Loudspeaker();
    for (let i = 0; i < 20; i++) speaker.send(1_000);
    speaker.run(5_000);
    assert.ok(speaker.last.ms <= 2_000, `${speaker.last.ms} ms`);
  });
});

suite("capture", () => {
  test("gives frames of 20 ms at the server's rate, with their level", () => {
    const { port, node } = capture();
    feed(node, tone(1_000, CARD_HZ));
    assert.ok(Math.abs(port.told.length - 50) <= 1);
    for (const { sound, level } of port.told.slice(5)) {
      const samples = new Int16Array(sound);
      assert.equal(samples.length, 320);
      assert.ok(Math.abs(level - 0.5 / Math.SQRT2) < 0.02);
      assert.ok(Math.abs(levelOf(Float32Array.from(samples)) / 32_767 - level) < 0.001);
    }
  });

  test("muted it gives silence, and no gap", () => {
    const { port, node } = capture();
    feed(node, tone(200, CARD_HZ));
    port.tell({ muted: true });
    const before = port.told.length;
    feed(node, tone(1_000, CARD_HZ));
    // The filter rings on for half a millisecond, which may be the first of the second frame.
    const silent = port.told.slice(before + 2);
    assert.ok(silent.length >= 47);
    assert.ok(silent.every(({ sound }) => new Int16Array(sound).every((sample) => sample === 0)));
    port.tell({ muted: false });
    feed(node, tone(200, CARD_HZ));
    assert.ok(port.told.at(-1)!.level > 0.3);
  });

  test("without a device behind it, it gives silence", () => {
    const { port, node } = capture();
    for (let at = 0; at < CARD_HZ; at += BLOCK) node.process([[]], []);
    assert.ok(port.told.length >= 49);
    assert.ok(port.told.every(({ level }) => level === 0));
  });

  function capture() {
    const node = open<Frame>("capture");
    return { node, port: node.port };
  }

  function feed(node: Processor<Frame>, samples: Float32Array): void {
    for (let at = 0; at < samples.length; at += BLOCK)
      node.process([[samples.subarray(at, at + BLOCK)]], []);
  }
});
