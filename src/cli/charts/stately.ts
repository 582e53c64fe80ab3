import type { Chart, ChartSource } from "./chart.ts";

/**
 * A chart as a module that Stately Studio and its editor extension can open: it imports xstate and
 * nothing else. The structure is the real one; guards say no, actions do nothing, and delays that
 * depend on a call's settings are one second.
 */
export function toStately(source: ChartSource, chart: Chart): string {
  const { delays } = source.implementations;
  const setup = [
    section("actors", chart.effects, () => "fromCallback(() => undefined)"),
    section("delays", chart.delays, (name) => delayOf(delays, name)),
    section("guards", chart.guards, () => "() => false"),
    section("actions", chart.actions, () => "() => undefined"),
  ];
  const hasEffects = chart.effects.length > 0;
  const names = hasEffects ? "fromCallback, setup" : "setup";
  return `import { ${names} } from "xstate";

/** The statechart "${chart.machine}" of turnfold, version ${chart.version}. Generated. */
export const ${chart.machine}Machine = setup({
${setup.filter(Boolean).join("\n")}
}).createMachine(${literalOf({ ...(source.config as object), context: {} }, 0)});
`;
}

function section(
  title: string,
  names: readonly string[],
  valueOf: (name: string) => string,
): string {
  if (names.length === 0) return "";
  const lines = names.map((name) => `    ${keyOf(name)}: ${valueOf(name)},`);
  return [`  ${title}: {`, ...lines, "  },"].join("\n");
}

const UNKNOWN_DELAY_MS = 1_000;

function delayOf(delays: object, name: string): string {
  const value = (delays as Readonly<Record<string, unknown>>)[name];
  return String(typeof value === "number" ? value : UNKNOWN_DELAY_MS);
}

/** JSON with plain keys. Functions are left out; what is then only a name becomes its string. */
function literalOf(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const pad = "  ".repeat(depth + 1);
  const end = `\n${"  ".repeat(depth)}`;
  if (Array.isArray(value)) {
    const items = value.map((item) => `${pad}${literalOf(item, depth + 1)},`);
    return items.length === 0 ? "[]" : `[\n${items.join("\n")}${end}]`;
  }
  const entries = Object.entries(value).filter(([, inner]) => typeof inner !== "function");
  const only = entries.length === 1 ? entries[0]! : undefined;
  if (only?.[0] === "type" && isNamed(value)) return JSON.stringify(only[1]);
  const lines = entries.map(
    ([key, inner]) => `${pad}${keyOf(key)}: ${literalOf(inner, depth + 1)},`,
  );
  return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}${end}}`;
}

/** An action or a guard whose params were a function; `type: "final"` is a state and stays. */
function isNamed(value: object): boolean {
  return "params" in value;
}

function keyOf(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}
