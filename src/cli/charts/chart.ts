/**
 * A statechart as data: what its literal config says, with targets resolved to paths. Guards,
 * actions, delays and effects are named, never run (C4 makes that possible).
 */
export interface Chart {
  readonly machine: string;
  readonly version: string;
  readonly guards: readonly string[];
  readonly actions: readonly string[];
  /** Effects the chart may start, by the name their runner is found under. */
  readonly effects: readonly string[];
  readonly delays: readonly string[];
  readonly root: ChartState;
}

export interface ChartState {
  readonly key: string;
  /** From the machine's id on: `turn.listening.waiting`. */
  readonly path: string;
  readonly type: "atomic" | "compound" | "parallel" | "final";
  readonly initial: string | null;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly { readonly id: string; readonly src: string }[];
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly ChartState[];
}

export interface ChartTransition {
  readonly kind: "event" | "after" | "always";
  /** The event's type or the delay's name; empty for `always`. */
  readonly on: string;
  readonly guard: string | null;
  /** Path of the target, or null where only actions run. */
  readonly target: string | null;
  readonly actions: readonly string[];
  readonly reenter: boolean;
}

/** What is read of a machine: its public literal and the names its setup knows. */
export interface ChartSource {
  readonly id: string;
  readonly config: unknown;
  readonly implementations: Readonly<Record<keyof Names, object>>;
}

interface Names {
  readonly guards: unknown;
  readonly actions: unknown;
  readonly actors: unknown;
  readonly delays: unknown;
}

/** A part of a config by name: a string, or an object with its type. */
type Named = string | { readonly type: string };
type Many<T> = T | readonly T[];

export interface StateConfig {
  readonly id?: string;
  readonly type?: "parallel" | "final";
  readonly initial?: string;
  readonly entry?: Many<Named>;
  readonly exit?: Many<Named>;
  readonly invoke?: Many<{ readonly id: string; readonly src: string }>;
  readonly on?: Readonly<Record<string, Many<TransitionConfig>>>;
  readonly after?: Readonly<Record<string, Many<TransitionConfig>>>;
  readonly always?: Many<TransitionConfig>;
  readonly states?: Readonly<Record<string, StateConfig>>;
}

type TransitionConfig =
  | string
  | {
      readonly guard?: Named;
      readonly target?: string;
      readonly actions?: Many<Named>;
      readonly reenter?: boolean;
    };

export function chartOf(source: ChartSource, version: string): Chart {
  const config = source.config as StateConfig;
  const ids = new Map<string, string>();
  collectIds(config, source.id, ids);
  ids.set(source.id, source.id);
  const { guards, actions, actors, delays } = source.implementations;
  return {
    machine: source.id,
    version,
    guards: Object.keys(guards).sort(),
    actions: Object.keys(actions).sort(),
    effects: Object.keys(actors).sort(),
    delays: Object.keys(delays).sort(),
    root: stateOf({ key: source.id, parent: null, config }, ids),
  };
}

interface Place {
  readonly key: string;
  /** Path of the parent; null for the root. */
  readonly parent: string | null;
  readonly config: StateConfig;
}

type Ids = ReadonlyMap<string, string>;

function stateOf(place: Place, ids: Ids): ChartState {
  const { key, parent, config } = place;
  const path = parent === null ? key : `${parent}.${key}`;
  const states = Object.entries(config.states ?? {}).map(([name, inner]) =>
    stateOf({ key: name, parent: path, config: inner }, ids),
  );
  const plain = states.length > 0 ? "compound" : "atomic";
  return {
    key,
    path,
    type: config.type ?? plain,
    initial: config.initial ?? null,
    entry: namesOf(config.entry),
    exit: namesOf(config.exit),
    invokes: listOf(config.invoke).map(({ id, src }) => ({ id, src })),
    transitions: transitionsOf(place, path, ids),
    states,
  };
}

function transitionsOf({ config, parent }: Place, path: string, ids: Ids): ChartTransition[] {
  const of = (
    kind: ChartTransition["kind"],
    on: string,
    many: Many<TransitionConfig> | undefined,
  ): ChartTransition[] =>
    listOf(many).map((given) => {
      const one = typeof given === "string" ? { target: given } : given;
      return {
        kind,
        on,
        guard: one.guard === undefined ? null : nameOf(one.guard),
        target: one.target === undefined ? null : resolve(one.target, { path, parent, ids }),
        actions: namesOf(one.actions),
        reenter: one.reenter ?? false,
      };
    });
  return [
    ...Object.entries(config.on ?? {}).flatMap(([type, many]) => of("event", type, many)),
    ...Object.entries(config.after ?? {}).flatMap(([delay, many]) => of("after", delay, many)),
    ...of("always", "", config.always),
  ];
}

/** XState's own ways of naming a target: `#id.path`, `.child.path`, `sibling.path`. */
function resolve(
  target: string,
  from: { readonly path: string; readonly parent: string | null; readonly ids: Ids },
): string {
  if (target.startsWith(".")) return `${from.path}${target}`;
  if (!target.startsWith("#")) return `${from.parent ?? from.path}.${target}`;
  const [id = "", ...rest] = target.slice(1).split(".");
  return [from.ids.get(id) ?? id, ...rest].join(".");
}

function collectIds(config: StateConfig, path: string, ids: Map<string, string>): void {
  if (config.id !== undefined) ids.set(config.id, path);
  for (const [key, inner] of Object.entries(config.states ?? {}))
    collectIds(inner, `${path}.${key}`, ids);
}

function namesOf(many: Many<Named> | undefined): readonly string[] {
  return listOf(many).map(nameOf);
}

function nameOf(named: Named): string {
  return typeof named === "string" ? named : named.type;
}

function listOf<T>(many: Many<T> | undefined): readonly T[] {
  if (many === undefined) return [];
  return Array.isArray(many) ? (many as readonly T[]) : [many as T];
}
