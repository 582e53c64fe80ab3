import {
  parseLevel,
  type ComplexityLevel,
  type RoutingSettings,
} from "../events/routing.events.ts";

/** Models of any kind by level, each level in the order they are tried; one at least. */
export type Levels<T> = Readonly<Record<ComplexityLevel, readonly T[]>>;

/** Levels and the rules that choose among them. */
export interface Routing<T> {
  readonly settings: RoutingSettings;
  readonly levels: Levels<T>;
}

type OneOrMore<T> = T | readonly T[];

/** What is written of it: `moderate` is as `simple` where it is left out. */
export interface LevelChoice<T> {
  readonly simple: OneOrMore<T>;
  readonly moderate?: OneOrMore<T>;
  readonly complex: OneOrMore<T>;
}

/** Where a level's own models fail, those of the next level go on. */
const ORDER: Readonly<Record<ComplexityLevel, readonly ComplexityLevel[]>> = {
  simple: ["simple", "moderate", "complex"],
  moderate: ["moderate", "simple", "complex"],
  complex: ["complex", "moderate", "simple"],
};

export function levelsOf<T extends string | object>(choice: LevelChoice<T>): Levels<T> {
  const list = (one: OneOrMore<T>): readonly T[] => [one].flat() as readonly T[];
  const simple = list(choice.simple);
  return { simple, moderate: list(choice.moderate ?? simple), complex: list(choice.complex) };
}

/**
 * The models a request of this level is put to, in order and each once: those of its level, then
 * the others'. Error `input.invalid` for a level that is none.
 */
export function routed<T>(levels: Levels<T>, level: ComplexityLevel = "simple"): readonly T[] {
  return [...new Set(ORDER[parseLevel(level)].flatMap((one) => levels[one]))];
}
