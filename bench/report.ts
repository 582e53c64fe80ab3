import { z } from "zod";

/**
 * What a bench says: one row for each figure. `ours` is the median of its rounds, or the p50 of its
 * samples; `ratio` is ours to the peer's, and null while there is no peer to stand beside it.
 */
export const Row = z.strictObject({
  name: z.string().min(1),
  ours: z.number().nullable(),
  peer: z.number().nullable(),
  ratio: z.number().nullable(),
  unit: z.string().min(1),
  /** The least or most of the rounds; of samples, of all of them. */
  min: z.number().optional(),
  max: z.number().optional(),
  p95: z.number().optional(),
  p99: z.number().optional(),
  /** Rounds or samples behind the figure. */
  count: z.int().positive().optional(),
  /** What the same work costs with nothing of ours around it, and ours to that. */
  floor: z.number().optional(),
  floorRatio: z.number().optional(),
  target: z.number().optional(),
  targetP95: z.number().optional(),
  /** Whether more is better, as for a rate; less is, where this is missing. */
  higherIsBetter: z.boolean().optional(),
  /** The most that ours may be to the peer's. */
  ratioTarget: z.number().optional(),
  peerP95: z.number().optional(),
  met: z.boolean().optional(),
  note: z.string().optional(),
});
export type Row = z.infer<typeof Row>;

export const BenchReport = z.strictObject({ rows: z.array(Row) });
export type BenchReport = z.infer<typeof BenchReport>;

export interface Bench {
  readonly name: string;
  run(): Promise<readonly Row[]>;
}

/** A figure as a bench has it, before what follows from it is added. */
export type Figure = Omit<Row, "peer" | "ratio" | "floorRatio" | "met"> & {
  readonly peer?: number;
};

export function toRow(figure: Figure): Row {
  const { ours, floor, target, peer, ratioTarget } = figure;
  const ratio = ours !== null && peer !== undefined ? round(ours / peer) : null;
  return {
    ...rounded(figure),
    peer: peer === undefined ? null : round(peer),
    ratio,
    ...(ratio !== null && ratioTarget !== undefined && { met: ratio <= ratioTarget }),
    ...(ours !== null && floor !== undefined && { floorRatio: round(ours / floor) }),
    ...(ours !== null && target !== undefined && { met: isMet(figure, ours, target) }),
  };
}

function isMet({ higherIsBetter, p95, targetP95 }: Figure, ours: number, target: number): boolean {
  if (higherIsBetter) return ours >= target;
  return ours <= target && (targetP95 === undefined || (p95 ?? 0) <= targetP95);
}

function rounded(figure: Figure): Figure {
  const pairs = Object.entries(figure).map(([key, value]) => [
    key,
    typeof value === "number" && !Number.isInteger(value) ? round(value) : value,
  ]);
  return Object.fromEntries(pairs) as Figure;
}

/** Three digits that mean something. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** The rows for people, in columns; a missed target is said, not left to be worked out. */
export function tableOf(rows: readonly Row[]): string {
  const head = ["what", "ours", "min..max", "p95", "p99", "peer", "floor", "target", "verdict"];
  const cells = [head, ...rows.map(cellsOf)];
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const lines = cells.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  "));
  const notes = rows.filter(({ note }) => note).map(({ name, note }) => `  ${name}: ${note}`);
  return [...lines, ...notes].map((line) => line.trimEnd() + "\n").join("");
}

function cellsOf(row: Row): string[] {
  const { name, ours, unit, min, max, p95, p99, peer, ratio, floor, floorRatio } = row;
  return [
    name,
    ours === null ? "-" : `${ours} ${unit}`,
    min === undefined || max === undefined ? "" : `${min}..${max}`,
    p95 === undefined ? "" : `${p95}`,
    p99 === undefined ? "" : `${p99}`,
    peer === null ? "" : `${peer} (x${ratio})`,
    floor === undefined ? "" : `${floor} (x${floorRatio})`,
    targetOf(row),
    row.met === undefined ? "" : row.met ? "met" : "MISSED",
  ];
}

function targetOf({ target, targetP95, higherIsBetter, ratioTarget }: Row): string {
  if (ratioTarget !== undefined) return `<= ${ratioTarget} of the peer's`;
  if (target === undefined) return "";
  const tail = targetP95 === undefined ? "" : ` / ${targetP95}`;
  return `${higherIsBetter ? ">=" : "<="} ${target}${tail}`;
}
