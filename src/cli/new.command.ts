import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { AppError } from "../base/errors.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, usageError } from "./output.ts";

/** A project of one's own: an agent with a tool and a hook, and a test of it. */

/** `turnfold new --json`. */
export const NewReport = z.strictObject({
  /** The folder, as an absolute path. */
  folder: z.string(),
  files: z.array(z.string()),
  /** What the project depends on: a version, or a link to this checkout. */
  turnfold: z.string(),
});

/** Of the template, by the name a file gets; npm leaves a `.gitignore` out of packages. */
const FILES: Readonly<Record<string, string>> = {
  "agent.ts": "agent.ts",
  "agent.test.ts": "agent.test.ts",
  "README.md": "README.md",
  "tsconfig.json": "tsconfig.json",
  ".gitignore": "gitignore",
};

export function register(program: Command, cli: Cli): void {
  defineCommand(program, cli, {
    usage: "new <dir>",
    summary: "make a project with an agent of your own, and a test of it",
    details: "The folder may be there already, but must be empty.",
    examples: ["new my-agent"],
    run: runNew,
  });
}

function runNew({ args, out }: Invocation<object>): Promise<number> {
  const given = args[0]!;
  const folder = resolve(given);
  if (existsSync(folder) && readdirSync(folder).some((name) => name !== ".git"))
    throw usageError(`${folder} is not empty`, "name a new folder, or an empty one");
  const turnfold = dependency(folder);
  const files = Object.entries(FILES).map(([name, template]) => [name, read(template)] as const);
  const all = [["package.json", manifest(folder, turnfold)] as const, ...files];
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of all) writeFileSync(join(folder, name), text, { flag: "wx" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("data.failed", `the project cannot be written: ${why}`, {
      cause,
      detail: { fix: "check the folder, its permissions and its disk" },
    });
  }
  out.json(NewReport, { folder, files: all.map(([name]) => name), turnfold });
  out.line(`made an agent in ${folder}`);
  out.line();
  out.line(`  cd ${given}`);
  out.line("  npm install");
  out.line("  npm test         # whole calls on virtual time");
  out.line("  npm run dev      # talk to it; edit agent.ts while the call goes on");
  return Promise.resolve(EXIT.ok);
}

function read(name: string): string {
  return readFileSync(new URL(`../../templates/agent/${name}`, import.meta.url), "utf8");
}

/** A checkout is linked, so that the project runs what is worked on. */
function dependency(folder: string): string {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const isCheckout = import.meta.url.endsWith(".ts");
  return isCheckout ? `file:${relative(folder, root) || "."}` : `^${packageJson.version}`;
}

function manifest(folder: string, turnfold: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const project = {
    name: name || "voice-agent",
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: {
      dev: "turnfold dev agent.ts",
      start: "turnfold start --agent agent.ts",
      test: "node --test",
      check: "tsc",
    },
    // Its own Node, so that all runs where an older one is installed.
    dependencies: { node: packageJson.dependencies.node, turnfold },
    devDependencies: {
      "@types/node": packageJson.devDependencies["@types/node"],
      typescript: packageJson.devDependencies.typescript,
    },
    allowScripts: packageJson.allowScripts,
  };
  return `${JSON.stringify(project, undefined, 2)}\n`;
}
