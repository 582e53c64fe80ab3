import { tokensIn } from "../../src/base/tokens.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  RoutingSettings,
  type ComplexityLevel,
  type RoutingOptions,
} from "../../src/events/routing.events.ts";
import {
  judgeFrame,
  judgeTurn,
  type FrameToJudge,
  type TurnToJudge,
} from "../../src/folds/complexity.ts";

/**
 * A hundred turns and a hundred frames that were written and labelled by hand, with what the rules
 * make of each, and the tokens it costs. `label` is which model a person would put it to.
 */
export interface Labelled {
  readonly label: ComplexityLevel;
  readonly level: ComplexityLevel;
  readonly rule: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

interface TurnFile {
  readonly scenes: Readonly<Record<string, Pick<TurnToJudge, "language" | "tools">>>;
  readonly turns: readonly {
    readonly scene: string;
    readonly contextTokens: number;
    /** What the agent had said, and what it answers. */
    readonly agent: string;
    readonly user: string;
    readonly answer: string;
    readonly label: ComplexityLevel;
  }[];
}

interface FrameFile {
  readonly frames: readonly {
    readonly features: FrameToJudge;
    readonly prompt?: string;
    readonly answer: string;
    readonly label: ComplexityLevel;
  }[];
}

/** S1's own assumption, and about what one tile of a screen costs at today's vendors. */
const FRAME_TOKENS = 1_000;
const FRAME_PROMPT = "Describe in one sentence what is on the screen.";

export function judgedTurns(options: RoutingOptions = {}): readonly Labelled[] {
  const settings = RoutingSettings.parse(options);
  const { scenes, turns } = read("spoken-turns.json") as TurnFile;
  return turns.map((turn, i) => {
    const { scene, user: text, contextTokens, answer, label } = turn;
    const last = turns[i - 1];
    const before = last?.scene === scene ? last.user : "";
    const given = { text, before, answered: true, contextTokens, ...scenes[scene]! };
    const { level, rule } = judgeTurn(given, settings);
    const inputTokens = contextTokens + tokensIn(text.length);
    return { label, level, rule, inputTokens, outputTokens: tokensIn(answer.length) };
  });
}

export function judgedFrames(options: RoutingOptions = {}): readonly Labelled[] {
  const settings = RoutingSettings.parse(options);
  const { frames } = read("frames.json") as FrameFile;
  return frames.map(({ features, prompt = FRAME_PROMPT, answer, label }) => {
    const { level, rule } = judgeFrame(features, settings);
    const inputTokens = FRAME_TOKENS + tokensIn(prompt.length);
    return { label, level, rule, inputTokens, outputTokens: tokensIn(answer.length) };
  });
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures", name), "utf8"));
}
