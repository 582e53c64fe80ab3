import { relative } from "node:path";
import type { Json } from "../events/record.ts";
import type { RecordedTest, ToolOutput } from "../testing/recorded-test.ts";
import { usageError } from "./output.ts";

/** The text of a test file for `turnfold/test`, written from a recorded call. */
export interface Expectation {
  readonly kind: "heard" | "says" | "state" | "tool";
  readonly value: string;
}

const KINDS = ["heard", "says", "state", "tool"] as const;

/** `heard=/sorry/i`, `says=Goodbye`, `state=completed`, `tool=book:once`; `input.invalid` else. */
export function parseExpectation(given: string): Expectation {
  const [, kind, value] = /^(\w+)=(.+)$/s.exec(given) ?? [];
  const known = KINDS.find((one) => one === kind);
  if (!known || value === undefined)
    throw usageError(
      `--expect ${given} is none`,
      `write one of ${KINDS.join(", ")}, = and a value`,
    );
  if (known === "tool" && !/^\w+:(never|once|\d+)$/.test(value))
    throw usageError(`--expect ${given} counts nothing`, "write tool=NAME:never, :once or :2");
  if (value.startsWith("/")) patternOf(value);
  return { kind: known, value };
}

/** What happened, where nothing is expected. */
export function pinned({ turn, tools }: RecordedTest): readonly Expectation[] {
  const heard = turn.heardText ? [{ kind: "heard", value: turn.heardText } as const] : [];
  const counts = Object.entries(tools).map(([name, runs]) => {
    const value = `${name}:${runs.length === 1 ? "once" : runs.length}`;
    return { kind: "tool", value } as const;
  });
  return [...heard, { kind: "state", value: turn.status }, ...counts];
}

export interface TestFileOptions {
  readonly agent: string;
  /** The folder the file will lie in. */
  readonly folder: string;
  readonly expectations: readonly Expectation[];
  readonly isPinned: boolean;
  /** The agent answers by rules alone, so that the test is one of its rules. */
  readonly answersByRules: boolean;
}

export function testFile(recorded: RecordedTest, options: TestFileOptions): string {
  const { call, turn, acts, tools } = recorded;
  const fakes = Object.entries(tools).map(([name, runs]) => `      ${name}: ${fakeOf(runs)},`);
  const lines = [
    `  await using call = await simulate(agent, {`,
    ...modelOf(recorded, options),
    ...(fakes.length > 0 ? ["    tools: {", ...fakes, "    },"] : []),
    `    wordTakes: ${JSON.stringify(recorded.wordTakes)},`,
    `  });`,
    `  // The caller's side by the clock, from when it joined.`,
    `  await call.plays([`,
    ...acts.map((act) => `    ${literal(act as unknown as Json)},`),
    `  ]);`,
    ...(options.isPinned ? ["  // Nothing was expected, so this pins what happened."] : []),
    ...options.expectations.map((one) => `  ${checkOf(one, turn.n)}`),
  ];
  const body = lines.join("\n");
  const names = ["scripted", "simulate", "returns", "after"].filter((name) => uses(body, name));
  const follows = ["handoff", "hangUp"].filter((name) => uses(body, name));
  return [
    `import { test } from "node:test";`,
    ...(follows.length > 0 ? [`import { ${follows.join(", ")} } from "turnfold";`] : []),
    `import { ${names.toSorted().join(", ")} } from "turnfold/test";`,
    `import agent from ${JSON.stringify(importPath(options))};`,
    "",
    `test(${JSON.stringify(`call ${call}, turn ${turn.n}`)}, async () => {`,
    body,
    "});",
    "",
  ].join("\n");
}

function modelOf({ answers }: RecordedTest, { answersByRules }: TestFileOptions): string[] {
  if (answersByRules)
    return [`    // The agent's own rules answer: a rule that is mended mends the test.`];
  return [
    `    // The model's answers are pinned as they were recorded, in the order it was asked. The`,
    `    // test is of all but the model: without \`llm\` the agent's own model answers.`,
    `    llm: scripted(`,
    `      [`,
    ...answers.map((answer) => `        ${literal(answer as Json)},`),
    `      ],`,
    `      { otherwise: "(this was not asked in the recorded call)" },`,
    `    ),`,
  ];
}

function uses(text: string, name: string): boolean {
  return text.includes(`${name}(`);
}

function importPath({ agent, folder }: TestFileOptions): string {
  const path = relative(folder, agent).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}

function fakeOf(runs: readonly ToolOutput[]): string {
  return `returns(${runs.map(outputOf).join(", ")})`;
}

function outputOf({ output, took, follows }: ToolOutput): string {
  const plain = literal(output);
  const { handoff, hangUp } = follows;
  const more = hangUp ? `hangUp(${plain})` : plain;
  const given = handoff === undefined ? more : `handoff(${JSON.stringify(handoff)}, ${plain})`;
  return took === "0ms" ? given : `after(${JSON.stringify(took)}, ${given})`;
}

function checkOf({ kind, value }: Expectation, turn: number): string {
  if (kind === "tool") {
    const [name = "", count = ""] = value.split(":");
    const check = /^\d+$/.test(count) ? `times(${count})` : `${count}()`;
    return `call.tool(${JSON.stringify(name)}).${check};`;
  }
  if (kind === "state") {
    const [actor, state] = value.includes(":") ? value.split(":") : [`turn.${turn}`, value];
    return `call.state(${JSON.stringify(actor)}, ${JSON.stringify(state)});`;
  }
  const expected = value.startsWith("/") ? String(patternOf(value)) : JSON.stringify(value);
  return `call.${kind === "says" ? "agentSaid" : "heard"}(${expected}, { turn: ${turn} });`;
}

function patternOf(value: string): RegExp {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(value) ?? [];
  try {
    if (source !== undefined) return new RegExp(source, flags);
  } catch {
    // Said below, as a pattern without its end is.
  }
  throw usageError(`${value} is no pattern`, "write it as /words/ or /words/i");
}

/** JSON with the keys of JavaScript, on one line. */
function literal(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, inner]) => {
    const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
    return `${name}: ${literal(inner as Json)}`;
  });
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}
