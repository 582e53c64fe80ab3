import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { CURRENT_VERSIONS, MACHINES } from "../main.ts";
import { chartOf, type Chart, type ChartSource } from "./charts/chart.ts";
import { toMermaid } from "./charts/mermaid.ts";
import { toStately } from "./charts/stately.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT } from "./output.ts";

/** The statecharts as documents: taken from the very machines that run, never drawn by hand. */
const FORMATS = ["mermaid", "json", "stately"] as const;
type Format = (typeof FORMATS)[number];

/** `turnfold charts --json`. */
export const ChartList = z.strictObject({
  charts: z.array(
    z.strictObject({
      machine: z.string(),
      version: z.string(),
      format: z.enum(FORMATS),
      /** Where it was written; null without `--out`. */
      file: z.string().nullable(),
      content: z.string(),
    }),
  ),
});

interface Options {
  readonly format: Format;
  readonly out?: string;
}

export function register(program: Command, cli: Cli): void {
  defineCommand<Options>(program, cli, {
    usage: "charts",
    summary: "export the statecharts of room, track and turn",
    options: [
      {
        flags: "--format <format>",
        description: "mermaid for docs, json for programs, stately for Stately Studio",
        choices: FORMATS,
        fallback: "mermaid",
      },
      { flags: "--out <dir>", description: "write one file for each instead of printing them" },
    ],
    examples: ["charts", "charts --format stately --out charts", "charts --format json"],
    run: runCharts,
  });
}

function runCharts({ options, out }: Invocation<Options>): Promise<number> {
  const { format, out: dir } = options;
  const made = allCharts().map(([source, chart]) => ({
    machine: chart.machine,
    version: chart.version,
    format,
    file: dir === undefined ? null : join(dir, fileName(chart.machine, format)),
    content: contentOf(source, chart, format),
  }));
  if (dir !== undefined) write(dir, made);
  out.json(ChartList, { charts: made });
  if (dir !== undefined) for (const { file } of made) out.line(`wrote ${file}`);
  else if (format === "json") out.raw(jsonOf(allCharts().map(([, chart]) => chart)));
  else out.raw(made.map(({ content }) => content).join("\n"));
  return Promise.resolve(EXIT.ok);
}

/** The current version of every machine. */
export function allCharts(): readonly (readonly [ChartSource, Chart])[] {
  return Object.entries(CURRENT_VERSIONS).map(([kind, version]) => {
    const versions: Readonly<Record<string, ChartSource>> = MACHINES[kind as keyof typeof MACHINES];
    const source = versions[version]!;
    return [source, chartOf(source, version)];
  });
}

function contentOf(source: ChartSource, chart: Chart, format: Format): string {
  if (format === "json") return jsonOf(chart);
  return format === "mermaid" ? toMermaid(chart) : toStately(source, chart);
}

function jsonOf(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function fileName(machine: string, format: Format): string {
  return `${machine}${{ mermaid: ".mmd", json: ".json", stately: ".machine.ts" }[format]}`;
}

function write(dir: string, files: readonly { file: string | null; content: string }[]): void {
  try {
    mkdirSync(dir, { recursive: true });
    for (const { file, content } of files) writeFileSync(file!, content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("data.failed", `the charts cannot be written to ${dir}: ${why}`, { cause });
  }
}
