import type { Chart, ChartState, ChartTransition } from "./chart.ts";

/**
 * A chart as a Mermaid `stateDiagram-v2` of nested states. Transitions are drawn after all states,
 * as they may cross borders; one without a target is a line of its state's own, for a loop would
 * read as leaving and entering again. Regions of a parallel state are states in a state that says
 * so: Mermaid's own divider breaks its layout when a transition touches what is in a region.
 */
export function toMermaid(chart: Chart): string {
  const lines = [`%% ${chart.machine}, version ${chart.version}`, "stateDiagram-v2"];
  lines.push(...stateLines(chart.root, 1));
  for (const state of statesOf(chart.root)) lines.push(...edgesOf(state), ...notesOf(state));
  return `${lines.join("\n")}\n`;
}

/** The label of a transition: `event [guard] / actions`. */
export function labelOf({ kind, on, guard, actions }: ChartTransition): string {
  const cause = { event: on, after: `after ${on}`, always: "" }[kind];
  const parts = [cause, guard && `[${guard}]`, actions.length > 0 && `/ ${actions.join(", ")}`];
  return parts.filter(Boolean).join(" ") || "always";
}

function stateLines(state: ChartState, depth: number): string[] {
  const pad = "  ".repeat(depth);
  const id = idOf(state.path);
  const label = state.type === "parallel" ? `${state.key} (parallel)` : state.key;
  const named = `${pad}state "${label}" as ${id}`;
  if (state.states.length === 0) {
    const end = state.type === "final" ? [`${pad}${id} --> [*]`] : [];
    return [named, ...end];
  }
  const body = state.states.flatMap((child) => stateLines(child, depth + 1));
  const start =
    state.initial === null ? [] : [`${pad}  [*] --> ${idOf(`${state.path}.${state.initial}`)}`];
  return [`${named} {`, ...start, ...body, `${pad}}`];
}

function edgesOf(state: ChartState): string[] {
  return state.transitions
    .filter(({ target }) => target !== null)
    .map((one) => `  ${idOf(state.path)} --> ${idOf(one.target!)} : ${labelOf(one)}`);
}

/** What a state does without being left. */
function notesOf(state: ChartState): string[] {
  const lines = [
    ...state.invokes.map(({ id, src }) => `runs ${id === src ? src : `${id} (${src})`}`),
    ...(state.entry.length > 0 ? [`entry / ${state.entry.join(", ")}`] : []),
    ...(state.exit.length > 0 ? [`exit / ${state.exit.join(", ")}`] : []),
    ...state.transitions.filter(({ target }) => target === null).map(labelOf),
  ];
  if (lines.length === 0) return [];
  const body = lines.map((line) => `    ${line}`);
  return [`  note right of ${idOf(state.path)}`, ...body, "  end note"];
}

/** Ids are one for the whole diagram, so they are made of the path. */
function idOf(path: string): string {
  return path.replaceAll(".", "_");
}

function* statesOf(state: ChartState): Generator<ChartState> {
  yield state;
  for (const inner of state.states) yield* statesOf(inner);
}
