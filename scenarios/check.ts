import type { Moment } from "./moments.ts";
import type { Outcome } from "./outcome.ts";
import type { Scenario } from "./scenario.ts";
import { repliesIn } from "./word-book.ts";

export type Mode = "virtual" | "audio";

const VIRTUAL_MS = 1;
/** What a real clock and a busy loop may add; what hearing may add where it decides. */
const AUDIO_MS = 60;
const HEARING_MS = 150;

interface Line {
  readonly ms: number;
  readonly hearing: boolean;
  readonly what: string;
}

/** Where an outcome of ours is not what the scenario expects; nothing where it is. */
export function faultsOf(scenario: Scenario, outcome: Outcome, mode: Mode): readonly string[] {
  const { expect } = scenario;
  const replies = repliesIn(outcome.sound, outcome.book);
  const counts = {
    requests: outcome.asked.length,
    replies: replies.length,
    full: replies.filter(({ full }) => full).length,
  };
  const wrong = (["requests", "replies", "full"] as const)
    .filter((name) => counts[name] !== expect[name])
    .map((name) => `${name}: ${counts[name]} instead of ${expect[name]}`);
  const last = outcome.asked.length - 1;
  const parts = (expect.lastRequest ?? []).map((part) => ({ index: last, part }));
  const missing = [...parts, ...(expect.requestHolds ?? [])]
    .filter(({ index, part }) => !holds(outcome, index, part))
    .map(({ index, part }) => `request ${index} lacks "${part}"`);
  return [...timelineFaults(scenario, outcome, mode), ...wrong, ...missing, ...outcome.faults];
}

function holds({ asked }: Outcome, index: number, part: string): boolean {
  return asked[index]?.messages.some(({ text }) => text.includes(part)) ?? false;
}

/**
 * Order is exact in what the log says, and in what was heard; between the two only times count, as
 * a sound leaves after the fact it follows from.
 */
function timelineFaults({ expect }: Scenario, { moments }: Outcome, mode: Mode): readonly string[] {
  const lines = linesOf(expect.timeline);
  const isSound = ({ what }: { what: string }): boolean => /^(voice|silence)$/.test(what);
  return [isSound, (line: { what: string }) => !isSound(line)].flatMap((belongs) =>
    laneFaults(lines.filter(belongs), moments.filter(belongs), mode),
  );
}

function laneFaults(
  lines: readonly Line[],
  moments: readonly Moment[],
  mode: Mode,
): readonly string[] {
  const faults: string[] = [];
  for (let i = 0; i < Math.max(lines.length, moments.length); i++) {
    const [line, moment] = [lines[i], moments[i]];
    if (!line || !moment || line.what !== moment.what) {
      const [want, got] = [line, moment].map((one) => (one ? `${one.ms} ${one.what}` : "nothing"));
      return [...faults, `expected ${want}, came ${got}`];
    }
    const off = Math.round(moment.ms - line.ms);
    if (Math.abs(off) > allowed(line, mode))
      faults.push(`${line.ms} ${line.what}: ${off > 0 ? "+" : ""}${off} ms`);
  }
  return faults;
}

function allowed({ hearing }: Line, mode: Mode): number {
  if (mode === "virtual") return VIRTUAL_MS;
  return hearing ? HEARING_MS : AUDIO_MS;
}

function linesOf(timeline: string): readonly Line[] {
  return timeline
    .trim()
    .split("\n")
    .map((line) => {
      const [, ms, tilde, what] = /^(\d+)(~?)\s+(.+)$/.exec(line.trim())!;
      return { ms: Number(ms), hearing: tilde === "~", what: what! };
    });
}
