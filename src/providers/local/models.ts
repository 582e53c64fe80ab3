import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { missingOf } from "./weights.ts";
import type { Weights } from "./weights.ts";

/** The weights turnfold can fetch, and where they then are. */
export interface MoonshinePaths {
  readonly encoder: string;
  readonly decoder: string;
  readonly tokens: string;
}

export interface SmartTurnPaths {
  readonly model: string;
}

export type Found<Paths> =
  | { readonly ok: true; readonly paths: Paths }
  | { readonly ok: false; readonly reason: string };

const TOKENIZER = "tokenizer.bin";
const TOKENS = "tokens.txt";
const SMART_TURN_FILE = "smart-turn-v3.2-cpu.onnx";

/** Later wheels do not hold these weights any more. */
export const MOONSHINE = {
  name: "moonshine-tiny-en",
  purpose: "speech to text, English, offline",
  license: "MIT",
  optional: false,
  folder: "moonshine-tiny-en-0.0.44",
  wheel: "moonshine-voice==0.0.44",
  wheelBytes: 84_884_737,
  licenseFrom: "moonshine_voice-0.0.44.dist-info/licenses/LICENSE",
  files: {
    "encoder_model.ort": {
      from: "moonshine_voice/assets/tiny-en/encoder_model.ort",
      sha256: "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
      bytes: 13_281_600,
    },
    "decoder_model_merged.ort": {
      from: "moonshine_voice/assets/tiny-en/decoder_model_merged.ort",
      sha256: "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
      bytes: 30_412_256,
    },
    [TOKENIZER]: {
      from: `moonshine_voice/assets/tiny-en/${TOKENIZER}`,
      sha256: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
      bytes: 249_974,
    },
  },
  made: {
    name: TOKENS,
    make: async (dir) => toTokensText(await readFile(join(dir, TOKENIZER))),
  },
} as const satisfies Weights;

/** Version 3.2 for CPUs (https://github.com/pipecat-ai/smart-turn), carried by Pipecat's wheel. */
export const SMART_TURN = {
  name: "smart-turn",
  purpose: "end of turn, by sound",
  license: "BSD-2-Clause",
  optional: true,
  folder: "smart-turn-3.2",
  wheel: "pipecat-ai==1.14.0",
  wheelBytes: 12_109_725,
  licenseFrom: "pipecat_ai-1.14.0.dist-info/licenses/LICENSE",
  files: {
    [SMART_TURN_FILE]: {
      from: `pipecat/audio/turn/smart_turn/data/${SMART_TURN_FILE}`,
      sha256: "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
      bytes: 8_679_182,
    },
  },
} as const satisfies Weights;

/** All that can be fetched. */
export const MODELS: readonly Weights[] = [MOONSHINE, SMART_TURN];

export async function findModels(cacheDir: string): Promise<Found<MoonshinePaths>> {
  const reason = await missingOf(MOONSHINE, cacheDir);
  if (reason !== undefined) return { ok: false, reason };
  const dir = join(cacheDir, MOONSHINE.folder);
  return {
    ok: true,
    paths: {
      encoder: join(dir, "encoder_model.ort"),
      decoder: join(dir, "decoder_model_merged.ort"),
      tokens: join(dir, TOKENS),
    },
  };
}

export async function findSmartTurn(cacheDir: string): Promise<Found<SmartTurnPaths>> {
  const reason = await missingOf(SMART_TURN, cacheDir);
  if (reason !== undefined) return { ok: false, reason };
  return { ok: true, paths: { model: join(cacheDir, SMART_TURN.folder, SMART_TURN_FILE) } };
}

/**
 * The recognizer wants `base64(token) <tab> id` lines. The tokenizer file is a run of pieces, each
 * after its length: one byte, or two where the first is 128 or more. A length of 0 is an unused id.
 */
export function toTokensText(tokenizer: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < tokenizer.length;) {
    let length = tokenizer[at++]!;
    if (length >= 128) length = tokenizer[at++]! * 128 + length - 128;
    const piece =
      length === 0 ? Buffer.from(`<empty${lines.length}>`) : tokenizer.slice(at, at + length);
    lines.push(`${Buffer.from(piece).toString("base64")}\t${lines.length}\n`);
    at += length;
  }
  return lines.join("");
}
