import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** Reads the repository and what its code says; the rules over it stand in `architecture.ts`. */

/** Path to text, with `/` between folders. A folder is a key that ends in `/`. */
export type FileSet = ReadonlyMap<string, string>;

/** How a file reaches another: `url` is `new URL("./x.ts", import.meta.url)`, a worker's entry. */
export type ImportKind = "value" | "type" | "dynamic" | "url";

export interface ImportFact {
  readonly specifier: string;
  readonly kind: ImportKind;
  readonly line: number;
}

export interface FunctionFact {
  readonly line: number;
  readonly lines: number;
  readonly params: number;
}

export interface WordFact {
  readonly word: string;
  readonly line: number;
}

export interface CommentFact {
  readonly text: string;
  readonly line: number;
  readonly lines: number;
}

/** What the rules need to know of one file. */
export interface SourceFacts {
  readonly errors: readonly string[];
  readonly imports: readonly ImportFact[];
  readonly functions: readonly FunctionFact[];
  readonly words: readonly WordFact[];
  readonly comments: readonly CommentFact[];
}

const FOLDERS = ["src", "test", "bench", "scenarios", "scripts", "bin", "docs", "data"];
const TEXT = /\.(ts|js|md)$|^package\.json$/;

/** The files of a working copy; only code and prose are read, the rest is there by name alone. */
export function loadFiles(root: string): FileSet {
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory())
        files.set(path, TEXT.test(path) ? readFileSync(join(root, path), "utf8") : "");
      else if (folder !== "" || FOLDERS.includes(path)) {
        files.set(`${path}/`, "");
        visit(path);
      }
    }
  };
  visit("");
  return files;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export function readSource(path: string, text: string): SourceFacts {
  const parsed = parseSync(path, text);
  const lineOf = lineFinder(text);
  const imports: ImportFact[] = [];
  const functions: FunctionFact[] = [];
  const words: WordFact[] = [];
  walk(parsed.program as unknown as Node, (node) => {
    const line = lineOf(node.start);
    const target = importOf(node);
    if (target) imports.push({ ...target, line });
    const params = paramsOf(node);
    if (params !== undefined) functions.push({ line, lines: lineOf(node.end) - line + 1, params });
    for (const word of wordsOf(node))
      if (!words.some((seen) => seen.word === word && seen.line === line))
        words.push({ word, line });
  });
  const comments = parsed.comments.map((comment) => {
    const line = lineOf(comment.start);
    return { text: comment.value, line, lines: lineOf(comment.end) - line + 1 };
  });
  return {
    errors: parsed.errors.map(({ message }) => message),
    imports,
    functions,
    words,
    comments,
  };
}

/** Names of a file's tests that do run; the holes of a template match whatever stands there. */
export function readTestNames(path: string, text: string): readonly RegExp[] {
  const names: RegExp[] = [];
  walk(parseSync(path, text).program as unknown as Node, (node) => {
    if (node.type !== "CallExpression") return;
    const [name, options] = node["arguments"] as readonly Node[];
    if (!name || !/^(test|it|\w+\.test)$/.test(dotted(node["callee"]))) return;
    if (options?.type === "ObjectExpression" && isLeftOut(options)) return;
    const pieces =
      name.type === "TemplateLiteral"
        ? (name["quasis"] as { value: { cooked: string } }[]).map(({ value }) => value.cooked)
        : [literal(name)];
    if (pieces.some((piece) => piece === undefined)) return;
    names.push(new RegExp(`^${pieces.map((piece) => RegExp.escape(piece!)).join(".+")}$`));
  });
  return names;
}

/** `{ todo: true }` and `{ skip: true }`: a test that never runs holds nothing. */
function isLeftOut(options: Node): boolean {
  return (options["properties"] as readonly Node[]).some((property) => {
    const key = (property["key"] as Node | undefined)?.["name"];
    const value = (property["value"] as Node | undefined)?.["value"];
    return (key === "todo" || key === "skip") && Boolean(value);
  });
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (Array.isArray(value)) for (const item of value) enter(item, visit);
    else enter(value, visit);
  }
}

function enter(value: unknown, visit: (node: Node) => void): void {
  if (value !== null && typeof value === "object" && "type" in value) walk(value as Node, visit);
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}

function importOf(node: Node): { specifier: string; kind: ImportKind } | undefined {
  const found = (at: unknown, kind: ImportKind) => {
    const specifier = literal(at);
    return specifier === undefined ? undefined : { specifier, kind };
  };
  switch (node.type) {
    case "ImportDeclaration":
      return found(node["source"], node["importKind"] === "type" ? "type" : "value");
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return found(node["source"], node["exportKind"] === "type" ? "type" : "value");
    case "TSImportType":
      return found(node["source"], "type");
    case "ImportExpression":
      return found(node["source"], "dynamic");
    case "CallExpression":
      return /^(require|require\.resolve|import\.meta\.resolve)$/.test(dotted(node["callee"]))
        ? found((node["arguments"] as readonly Node[])[0], "dynamic")
        : undefined;
    case "NewExpression": {
      const [target, base] = node["arguments"] as readonly Node[];
      const ours = dotted(node["callee"]) === "URL" && dotted(base) === "import.meta.url";
      return ours && /^\.{1,2}\/.*\.[tj]s$/.test(literal(target) ?? "")
        ? found(target, "url")
        : undefined;
    }
    default:
      return undefined;
  }
}

/** The number of parameters, for whatever takes parameters; `this` is none. */
function paramsOf(node: Node): number | undefined {
  const params = node["params"];
  if (!Array.isArray(params) || node.type.startsWith("TSTypeParameter")) return undefined;
  return (params as readonly Node[]).filter((param) => param["name"] !== "this").length;
}

const BARE_ERRORS = /^(Error|TypeError|RangeError|SyntaxError|AggregateError)$/;
const BANNED_PATHS = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "process.env",
  "process.hrtime",
]);
const BANNED_NAMES = new Set(["randomUUID", "randomBytes", "setTimeout", "setInterval"]);

/** The banned words a node is, by the names the rules know them by. */
function wordsOf(node: Node): readonly string[] {
  switch (node.type) {
    case "ThrowStatement": {
      const thrown = node["argument"] as Node;
      const made = thrown.type === "NewExpression" || thrown.type === "CallExpression";
      return made && BARE_ERRORS.test(dotted(thrown["callee"])) ? ["throw new Error"] : [];
    }
    case "TSAnyKeyword":
      return ["any"];
    case "ExportDefaultDeclaration":
      return ["export default"];
    case "TSEnumDeclaration":
      return ["enum"];
    case "NewExpression":
    case "CallExpression": {
      const bare = (node["arguments"] as readonly Node[]).length === 0;
      return bare && dotted(node["callee"]) === "Date" ? ["new Date()"] : [];
    }
    case "MemberExpression": {
      const path = dotted(node).replace(/^globalThis\./, "");
      return BANNED_PATHS.has(path) ? [path] : [];
    }
    case "VariableDeclarator":
      return destructured(node);
    case "ImportSpecifier":
      return dotted(node["imported"]) === "env" ? ["process.env"] : [];
    case "Identifier":
      return BANNED_NAMES.has(node["name"] as string) ? [node["name"] as string] : [];
    default:
      return [];
  }
}

/** `const { env } = process` is `process.env`. */
function destructured(node: Node): readonly string[] {
  const pattern = node["id"] as Node;
  if (pattern.type !== "ObjectPattern") return [];
  const from = dotted(node["init"]);
  return (pattern["properties"] as readonly Node[])
    .map((property) => `${from}.${dotted(property["key"])}`)
    .filter((path) => BANNED_PATHS.has(path));
}

/** `a.b.c` of a chain of plain names, else ""; what `createRequire` makes counts as `require`. */
function dotted(value: unknown): string {
  const node = value as Node | null | undefined;
  switch (node?.type) {
    case "Identifier":
      return node["name"] as string;
    case "MetaProperty":
      return "import.meta";
    case "CallExpression":
      return dotted(node["callee"]) === "createRequire" ? "require" : "";
    case "MemberExpression": {
      const object = dotted(node["object"]);
      const key = node["computed"] ? literal(node["property"]) : dotted(node["property"]);
      return object && key ? `${object}.${key}` : "";
    }
    default:
      return "";
  }
}

function literal(value: unknown): string | undefined {
  const node = value as Node | null | undefined;
  return node?.type === "Literal" && typeof node["value"] === "string" ? node["value"] : undefined;
}
