import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MODEL_DATA, type ModelFacts } from "../src/providers/vendor-models.ts";
import { GROUPS, VARIABLES, type Variable } from "../src/config/variables.ts";

/**
 * Writes the pages that say what stands in tables of the program: run it after changing one. A test
 * holds the pages against what is made here.
 */
const ROOT = join(import.meta.dirname, "..");
const ALL = Object.entries<Variable>(VARIABLES);

/** Text of `.env.example`: every variable with its default, each one commented out. */
export function envTemplate(): string {
  const blocks = GROUPS.map((group) => {
    const own = ALL.filter(([, variable]) => variable.group === group);
    return [`# == ${group} ==`, ...own.map(templateLines)].join("\n\n");
  });
  const head = [
    "# All variables of turnfold. Copy this file to `.env` in the folder turnfold is started in,",
    "# and take the # off what you set. The environment wins over the file. Copied as it is,",
    "# nothing is set: calls run with the local engines and no key. More: docs/configuration.md.",
  ];
  return `${[head.join("\n"), ...blocks].join("\n\n")}\n`;
}

function templateLines([name, variable]: readonly [string, Variable]): string {
  const { meaning, kind, fallback = "", aliases = [], waitsFor } = variable;
  const takes = kind.takes === "text" ? "" : `; ${kind.takes}`;
  const also = aliases.length > 0 ? ` Also: ${aliases.join(", ")}.` : "";
  const later = waitsFor === undefined ? "" : ` Changes nothing yet: waits for ${waitsFor}.`;
  return `${wrapped(`${meaning}${takes}.${also}${later}`, "# ")}\n# ${name}=${fallback}`;
}

function wrapped(text: string, before: string): string {
  const lines = [before.trimEnd()];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= 100) lines[lines.length - 1] = longer;
    else lines.push(`${before}${word}`);
  }
  return lines.join("\n");
}

/** The tables of docs/configuration.md. */
export function variableTables(): string {
  const tables = GROUPS.map((group) => {
    const rows = ALL.filter(([, variable]) => variable.group === group).map(tableRow);
    const head = ["| variable | meaning | takes | default |", "| --- | --- | --- | --- |"];
    return [`### ${group}`, "", ...head, ...rows].join("\n");
  });
  return tables.join("\n\n");
}

function tableRow([name, variable]: readonly [string, Variable]): string {
  const { meaning, kind, fallback, aliases = [], secret, waitsFor } = variable;
  const names = [name, ...aliases].map((one) => `\`${one}\``).join(", also ");
  const later = waitsFor === undefined ? "" : ` **Changes nothing yet**: waits for ${waitsFor}`;
  const hidden = secret ? "; secret" : "";
  const cells = [names, `${meaning}.${later}`, `${kind.takes}${hidden}`, fallback ?? ""];
  return `| ${cells.join(" | ")} |`;
}

/** The tables of docs/models.md. */
export function modelTables(): string {
  const { checkedOn, models, voices } = MODEL_DATA;
  const tables = Object.entries(MODEL_DATA.providers).map(([provider, kinds]) => {
    const defaults = Object.entries(kinds).map(
      ([kind, { model, voice }]) => `${kind} \`${model}\`${voice ? ` with \`${voice}\`` : ""}`,
    );
    const rows = models.filter((one) => one.provider === provider).map(modelRow);
    const head = [
      "| model | for | leaves the API on | instead | remarks |",
      "| --- | --- | --- | --- | --- |",
    ];
    return [`### ${provider}`, "", `Defaults: ${defaults.join(", ")}.`, "", ...head, ...rows].join(
      "\n",
    );
  });
  const sets = Object.entries(voices).map(([name, { known, nearest }]) => {
    const mapped = Object.entries(nearest).map(([from, to]) => `${from} as ${to}`);
    const words = mapped.length > 0 ? `; mapped: ${mapped.join(", ")}` : "";
    return `- ${name}: ${known.join(", ")}${words}`;
  });
  const checked = `As of ${checkedOn}:`;
  return [checked, ...tables, "### Sets of voices", sets.join("\n")].join("\n\n");
}

function modelRow(facts: ModelFacts): string {
  const { id, kinds, retiresOn = "", successor, effort, voices, note } = facts;
  const advised = retiresOn === "" && successor !== undefined ? "no date given" : retiresOn;
  const remarks = [
    effort && `reasoning effort \`${effort}\``,
    voices && `voices of ${voices}`,
    note,
  ].filter(Boolean);
  const next = successor === undefined ? "" : `\`${successor}\``;
  return `| \`${id}\` | ${kinds.join(", ")} | ${advised} | ${next} | ${remarks.join("; ")} |`;
}

const BEGIN = "<!-- made by scripts/reference.ts -->";
const END = "<!-- end -->";

/** The page with what stands between its two marks replaced. */
export function withMade(page: string, made: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) return `${page}\n${BEGIN}\n\n${made}\n\n${END}\n`;
  return `${before}${BEGIN}\n\n${made}\n\n${END}${after}`;
}

/** Every page that is made, or made in part, with its text. */
export function madePages(): Readonly<Record<string, string>> {
  const inPage = (path: string, made: string): string =>
    withMade(readFileSync(join(ROOT, path), "utf8"), made);
  return {
    ".env.example": envTemplate(),
    "docs/configuration.md": inPage("docs/configuration.md", variableTables()),
    "docs/models.md": inPage("docs/models.md", modelTables()),
  };
}

if (import.meta.main)
  for (const [path, page] of Object.entries(madePages())) writeFileSync(join(ROOT, path), page);
