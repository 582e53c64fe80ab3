import { SCORE_NAMES, type Scores } from "./scores.ts";

/** One scenario on one side. */
export interface Result {
  readonly scores: Scores;
  /** Ours only: where it is not as expected. */
  readonly faults: readonly string[];
  /** From the last words that ask for something to the agent's next sound. */
  readonly answerAfterMs: number | null;
}

export const SIDES = [
  "oursVirtual",
  "oursAudio",
  "peerDefaults",
  "peerBest",
  "peerPatient",
] as const;
export type Side = (typeof SIDES)[number];

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly results: Readonly<Partial<Record<Side, Result>>>;
}

const HEADS: Readonly<Record<Side, string>> = {
  oursVirtual: "ours, virtual",
  oursAudio: "ours, audio",
  peerDefaults: "peer, defaults",
  peerBest: "peer, best",
  peerPatient: "peer, patient",
};

const WORDS: Readonly<Record<keyof Scores, string>> = {
  falseCutOffs: "false cut-off",
  lostWords: "lost words",
  doubleReplies: "double reply",
  deadAir: "dead air",
  wrongHeard: "wrong heard",
  stuck: "stuck",
};

export function totalsOf(rows: readonly Row[], side: Side): Scores {
  const total = (name: keyof Scores): number =>
    rows.reduce((sum, { results }) => sum + (results[side]?.scores[name] ?? 0), 0);
  return Object.fromEntries(SCORE_NAMES.map((name) => [name, total(name)])) as unknown as Scores;
}

/** How long the caller waits, over the scenarios that are answered. */
export function medianAfterMs(rows: readonly Row[], side: Side): number {
  const times = rows.flatMap(({ results }) => results[side]?.answerAfterMs ?? []);
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

/** Ours is as expected, and nothing can be held against it. */
export function isHeld({ results }: Row): boolean {
  return [results.oursVirtual, results.oursAudio].every(
    (result) =>
      !result || (result.faults.length === 0 && SCORE_NAMES.every((name) => !result.scores[name])),
  );
}

export function tableOf(rows: readonly Row[]): string {
  const sides = SIDES.filter((side) => rows.some(({ results }) => results[side]));
  const head = ["scenario", ...sides.map((side) => HEADS[side])];
  const body = rows.map(({ id, title, results }) => [
    `${id} ${title}`,
    ...sides.map((side) => cellOf(results[side])),
  ]);
  const totals = SCORE_NAMES.map((name) => [
    `total ${WORDS[name]}`,
    ...sides.map((side) => String(totalsOf(rows, side)[name])),
  ]);
  const waits = ["answer after, median", ...sides.map((side) => `${medianAfterMs(rows, side)} ms`)];
  const lines = [head, ...body, ...totals, waits];
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const table = lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i]!)).join("  "));
  const faults = rows.flatMap(({ id, results }) =>
    sides.flatMap((side) =>
      (results[side]?.faults ?? []).map((fault) => `${id} ${HEADS[side]}: ${fault}`),
    ),
  );
  return [...table, ...faults].map((line) => `${line.trimEnd()}\n`).join("");
}

/** What is wrong, or `ok`; then how long the caller waited. */
function cellOf(result: Result | undefined): string {
  if (!result) return "-";
  const { scores, faults, answerAfterMs } = result;
  const wrong = SCORE_NAMES.filter((name) => scores[name] > 0).map(
    (name) => `${WORDS[name]} ${scores[name]}`,
  );
  const said = wrong.length > 0 ? wrong.join(", ") : faults.length > 0 ? "not as expected" : "ok";
  return answerAfterMs === null ? said : `${said} (${answerAfterMs} ms)`;
}
