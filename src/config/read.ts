import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { AppError } from "../base/errors.ts";
import { unreadIn, type UnreadVariable } from "./near.ts";
import { VARIABLES, type Values, type Variable, type VariableName } from "./variables.ts";

/** Reads the variables of the table: the environment wins over the file, a given over a default. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Where a value came from: a variable's name, or `default`. */
export interface Found {
  readonly name: VariableName;
  readonly value: unknown;
  /** As it was written. */
  readonly text: string | undefined;
  readonly from: "environment" | "file" | "default" | "unset";
  /** The name it was given under. */
  readonly as: string;
}

interface Given {
  readonly text: string;
  readonly as: string;
}

interface ValueSource {
  readonly variable: Variable;
  readonly given: Given | undefined;
  readonly from: "environment" | "file" | undefined;
}

const DEFAULT_FILE = ".env";
const TABLE: readonly (readonly [VariableName, Variable])[] = Object.entries(VARIABLES) as never;

/**
 * The variables of a file. A file that `TURNFOLD_ENV_FILE` names must be there; `.env` of the
 * folder need not. Error `config.invalid`.
 */
export function readFileTexts(env: Texts, folder: string | undefined): Texts {
  const named = env["TURNFOLD_ENV_FILE"] || undefined;
  if (named === undefined && folder === undefined) return {};
  const path = named === undefined ? join(folder!, DEFAULT_FILE) : resolve(named);
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (named === undefined && code === "ENOENT") return {};
    const what = named === undefined ? path : `TURNFOLD_ENV_FILE: ${path}`;
    const fix = "name a file that can be read, or leave TURNFOLD_ENV_FILE out";
    throw new AppError("config.invalid", `${what}: ${code ?? "cannot be read"}`, {
      cause,
      detail: { fix },
    });
  }
}

/** Every variable with its value and where it is from. Error `config.invalid` names all faults. */
export function findAll(env: Texts, file: Texts): readonly Found[] {
  const faults = { environment: [] as string[], file: [] as string[] };
  const found = TABLE.map(([name, variable]) => {
    const inEnv = givenIn(env, name, faults.environment);
    const inFile = inEnv ?? givenIn(file, name, faults.file);
    const from = inEnv ? "environment" : inFile ? "file" : undefined;
    return valueOf(name, { variable, given: inFile, from }, faults[from ?? "environment"]);
  });
  const wrong = Object.entries(faults).filter(([, those]) => those.length > 0);
  if (wrong.length === 0) return found;
  const message = wrong.map(([where, those]) => `${where}: ${those.join("; ")}`).join("; ");
  const detail = { fix: "set the named variable as the message says" };
  throw new AppError("config.invalid", message, { detail });
}

/** What looks as if it were meant for us, and is no variable of the table. */
export function findUnread(env: Texts, file: Texts): readonly UnreadVariable[] {
  const known = TABLE.flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
  return [
    ...unreadIn(Object.keys(env), "environment", known),
    ...unreadIn(Object.keys(file), "file", known),
  ];
}

export function valuesOf(found: readonly Found[]): Values {
  const entries = found.map(({ name, value }) => [name, value] as const);
  return Object.freeze(Object.fromEntries(entries)) as unknown as Values;
}

/** Under its own name, else under another one; twice with two values is a fault. */
function givenIn(texts: Texts, name: VariableName, faults: string[]): Given | undefined {
  const { aliases = [], emptyCounts = false, kind }: Variable = VARIABLES[name];
  const given = [name, ...aliases].flatMap((as) => {
    const text = texts[as];
    return text === undefined || (text === "" && !emptyCounts) ? [] : [{ as, text }];
  });
  const [first, ...more] = given;
  const other = more.find(({ text }) => kind.of(text) !== kind.of(first!.text));
  if (first && other)
    faults.push(`${first.as} and ${other.as} mean the same and differ: set one of them`);
  return first;
}

function valueOf(
  name: VariableName,
  { variable, given, from }: ValueSource,
  faults: string[],
): Found {
  const { kind, fallback } = variable;
  const text = given?.text ?? fallback;
  const as = given?.as ?? name;
  if (text === undefined) return { name, value: undefined, text, from: "unset", as };
  const value = kind.of(text);
  if (value === undefined) faults.push(`${as}: give ${kind.takes}`);
  return { name, value, text, from: from ?? "default", as };
}
