import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parseSync } from "oxc-parser";
import { shortHash } from "../../src/base/digest.ts";

/** Charts as text: whether their configuration is a literal (C4), a digest of what they mean. */
const ROOT = join(import.meta.dirname, "../..");

export function readChart(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

function parse(path: string, text: string): Node {
  const { program, errors } = parseSync(path, text, { preserveParens: false });
  const [error] = errors;
  if (error) throw new Error(`${path}: ${error.message}`);
  return program as unknown as Node;
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === "object" && "type" in value;
}

function innerOf(node: Node): readonly Node[] {
  return Object.values(node)
    .flatMap((value): readonly unknown[] => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

function find(node: Node, wanted: (node: Node) => boolean): readonly Node[] {
  return [...(wanted(node) ? [node] : []), ...innerOf(node).flatMap((one) => find(one, wanted))];
}

const FUNCTIONS_MAY = ["context", "params", "input"];

/** What is no literal in the configurations that a file gives to `createMachine`. */
export function configFaults(path: string, text: string): readonly string[] {
  const calls = find(parse(path, text), (node) => {
    const callee = node["callee"] as Node | undefined;
    const name = (callee?.["property"] as Node | undefined)?.["name"] ?? callee?.["name"];
    return node.type === "CallExpression" && name === "createMachine";
  });
  if (calls.length === 0) return [`${path} has no createMachine()`];
  return calls.flatMap((call) => {
    const [config] = call["arguments"] as readonly Node[];
    return config?.type === "ObjectExpression"
      ? valueFaults(config, "config")
      : [`${path}: the configuration is no literal`];
  });
}

function valueFaults(node: Node, where: string): readonly string[] {
  switch (node.type) {
    case "Literal":
      return [];
    case "ArrayExpression":
      return (node["elements"] as readonly Node[]).flatMap((one, i) =>
        valueFaults(one, `${where}.${i}`),
      );
    case "ObjectExpression":
      return (node["properties"] as readonly Node[]).flatMap((one) => propertyFaults(one, where));
    default:
      return [`${where} is a ${node.type}`];
  }
}

function propertyFaults(node: Node, where: string): readonly string[] {
  if (node.type !== "Property") return [`${where} has a ${node.type}`];
  const key = node["key"] as Node;
  if (node["computed"] || node["shorthand"]) return [`${where} has a computed or short key`];
  const name = String(key["name"] ?? key["value"]);
  const value = node["value"] as Node;
  const mayBe = FUNCTIONS_MAY.includes(name) && value.type === "ArrowFunctionExpression";
  return mayBe ? [] : valueFaults(value, `${where}.${name}`);
}

/**
 * A digest of a chart with its setup and rules: of what runs, so that comments, formatting and
 * types count for nothing. The host's action names are shared words without a meaning of their own.
 */
export function sourceDigest(entry: string): string {
  const files = [...closureOf(entry)].sort();
  return shortHash(files.map((path) => meaningOf(path, readChart(path))).join());
}

/** What a text does when it runs, in a form that depends on nothing else. */
export function meaningOf(path: string, text: string): string {
  return JSON.stringify(meaning(parse(path, text)));
}

const SHARED = "src/machines/host-actions.ts";

/** The files of a chart: its own and those it imports values from, within `src/machines`. */
export function closureOf(entry: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(entry) || entry === SHARED || !entry.startsWith("src/machines/")) return seen;
  seen.add(entry);
  const imports = find(parse(entry, readChart(entry)), ({ type }) => type === "ImportDeclaration");
  for (const node of imports) {
    const specifier = (node["source"] as Node)["value"] as string;
    if (node["importKind"] !== "type" && specifier.startsWith("."))
      closureOf(posix.join(posix.dirname(entry), specifier), seen);
  }
  return seen;
}

const PLACES = new Set(["start", "end", "range", "loc", "raw"]);
const TYPES = /^(TSType|TSInterface|TSTypeAlias)/;
const WRAPPERS = /^(TSAs|TSSatisfies|TSNonNull)/;

/** The syntax tree without places and types; what only wraps a value for its type is the value. */
function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning).filter((one) => one !== undefined);
  if (!isNode(value)) return typeof value === "bigint" ? String(value) : value;
  if (TYPES.test(value.type) || value["importKind"] === "type" || value["exportKind"] === "type")
    return undefined;
  if (WRAPPERS.test(value.type)) return meaning(value["expression"]);
  const entries = Object.entries(value)
    .filter(([key]) => !PLACES.has(key))
    .map(([key, inner]) => [key, meaning(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}
