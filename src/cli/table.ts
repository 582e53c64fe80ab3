import type { Output } from "./output.ts";

/** Columns under their names, each as wide as its longest cell; the last is never padded. */
export function printTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  out: Output,
): void {
  const widths = columns.map((name, i) =>
    Math.max(name.length, ...rows.map((cells) => cells[i]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i]!))).join("  ");
  out.line(out.style(line(columns), "bold"));
  for (const cells of rows) out.line(line(cells));
}

/** `1:02:03` or `2:03`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, "0"));
  return hours === "00" ? rest.join(":").replace(/^0/, "") : `${Number(hours)}:${rest.join(":")}`;
}
