import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { z } from "zod";
import { createProgram } from "../../src/cli/program.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { SCHEMAS } from "../../src/cli/schemas.ts";

const docs = await readFile(join(import.meta.dirname, "../../docs/cli.md"), "utf8");
const io = { out: () => {}, err: () => {}, outIsTty: false, errIsTty: false };
const program = createProgram({ io, exitCode: 0 });

/** The part of the page that is about one command. */
function sectionOf(title: string): string {
  const from = docs.indexOf(`## ${title}\n`);
  assert.ok(from >= 0, `docs/cli.md has no section "${title}"`);
  const to = docs.indexOf("\n## ", from + 1);
  return docs.slice(from, to < 0 ? undefined : to);
}

/** All that can be run: a group by itself cannot. */
function runnable(command: Command, path: string): readonly (readonly [string, Command])[] {
  const inner = command.commands.filter(({ commands }) => commands !== undefined);
  const own = `${path}${command.name()}`;
  const isGroup = inner.length > 0 && command.registeredArguments.length === 0;
  return [
    ...(isGroup ? [] : [[own, command] as const]),
    ...inner.flatMap((one) => runnable(one, `${own} `)),
  ];
}

const commands = program.commands.flatMap((command) => runnable(command, ""));

test("docs/cli.md names every command and every option", () => {
  assert.ok(commands.length >= 7);
  for (const [name, command] of commands) {
    assert.ok(docs.includes(`turnfold ${name}`), name);
    const section = sectionOf(`turnfold ${name.split(" ")[0]}`);
    for (const { flags, long } of command.options) {
      const common = long === "--data" || long === "--json";
      const where = common ? docs : section;
      assert.ok(where.includes(`\`${flags}\``), `${name} ${flags}`);
    }
  }
});

test("docs/cli.md names every field of each JSON schema in its section", () => {
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const section = sectionOf(name === "error" ? "Errors" : `turnfold ${name.split(" ")[0]}`);
    const paths = pathsOf(z.toJSONSchema(schema) as Schema, "");
    assert.ok(paths.length > 1, name);
    for (const path of paths) assert.ok(section.includes(`\`${path}\``), `${name}: ${path}`);
  }
});

test("every command has a schema", () => {
  const listed = Object.keys(SCHEMAS).filter((name) => name !== "error");
  const own = commands.map(([name]) => name).filter((name) => !WITHOUT_JSON.has(name));
  assert.deepEqual(own.toSorted(), listed.toSorted());
});

test("docs/settings.md names every setting", async () => {
  const page = await readFile(join(import.meta.dirname, "../../docs/settings.md"), "utf8");
  const { language: _, ...groups } = TurnSettings.parse({});
  for (const [group, values] of Object.entries(groups))
    for (const key of Object.keys(values))
      assert.ok(page.includes(`\`${group}.${key}\``), `${group}.${key}`);
});

/** It goes on and on, so it has no one document to give. */
const WITHOUT_JSON = new Set(["start", "dev", "worker"]);

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** `calls[].call`, `divergence.seq`, … */
function pathsOf(schema: Schema, path: string): readonly string[] {
  if (schema.items) return pathsOf(schema.items, `${path}[]`);
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const own = path === "" ? key : `${path}.${key}`;
    return [own, ...pathsOf(inner, own)];
  });
}
