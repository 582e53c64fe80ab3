import { z } from "zod";
import type { ShownVariable } from "../config.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { EXIT } from "./output.ts";

/** What `config --json` prints. */
export const ConfigReport = z.strictObject({
  variables: z.array(
    z.strictObject({
      name: z.string(),
      group: z.string(),
      /** Masked where it is secret. */
      value: z.string().nullable(),
      from: z.enum(["environment", "file", "default", "unset"]),
      /** The name it was given under. */
      as: z.string(),
      /** What is not built yet; null where it has effect. */
      waitsFor: z.string().nullable(),
    }),
  ),
  /** Names that nobody reads, and that look like one of them. */
  unread: z.array(
    z.strictObject({
      name: z.string(),
      from: z.enum(["environment", "file"]),
      /** The name that is meant; null where none is like it. */
      meant: z.string().nullable(),
    }),
  ),
});

interface Options {
  readonly all?: boolean;
}

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "config",
    summary: "print every setting and where it is from, secrets masked",
    details: "What was set, and defaults; --all shows what is neither too.",
    examples: ["config", "config --all", "config --json"],
    options: [{ flags: "--all", description: "also what is not set and has no default" }],
    run,
  });
};

async function run({ options, config, out }: Invocation<Options>): Promise<number> {
  out.json(ConfigReport, { variables: [...config.shown], unread: [...config.unread] });
  const rows = config.shown.filter(({ value }) => options.all || value !== null);
  const width = Math.max(...rows.map(({ name }) => name.length));
  let group = "";
  for (const row of rows) {
    if (row.group !== group) out.line(out.style(`${group === "" ? "" : "\n"}${row.group}`, "bold"));
    group = row.group;
    out.line(`  ${row.name.padEnd(width)}  ${wordsOf(row)}`);
  }
  for (const { name, from, meant } of config.unread) {
    const hint = meant === null ? "see docs/configuration.md" : `is ${meant} meant?`;
    out.note(`${name} (${from}) is no variable of turnfold: ${hint}`);
  }
  return EXIT.ok;
}

function wordsOf({ name, value, from, as, waitsFor }: ShownVariable): string {
  const by = as === name ? from : `${from}, as ${as}`;
  const later = waitsFor === null ? "" : `; changes nothing yet: waits for ${waitsFor}`;
  return value === null ? `not set${later}` : `${value}  (${by}${later})`;
}
