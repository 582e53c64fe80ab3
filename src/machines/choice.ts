/**
 * What a chart decides by, as data: a guard is all of its comparisons, and a delay says what it was
 * made of. So a log can be asked why (T22), and what is told cannot differ from what was done.
 */
type Side = number | string | boolean;

/** One comparison: `words 3 >= 1`. */
export interface Compared {
  readonly what: string;
  readonly value: Side;
  readonly by: "is" | "is not" | ">" | ">=" | "<" | "<=";
  readonly bound: Side;
}

/** Says yes where every comparison holds. */
export type Choice = readonly Compared[];

/** How long is waited, in ms, and what for. */
export interface Wait {
  readonly ms: number;
  readonly of: string;
}

export type Choices<Args, Name extends string = string> = Readonly<
  Record<Name, (args: Args) => Choice>
>;
export type Waits<Args, Name extends string = string> = Readonly<
  Record<Name, (args: Args) => Wait>
>;

export function is(what: string, value: Side, bound: Side = true): Compared {
  return { what, value, by: "is", bound };
}
export function isNot(what: string, value: Side, bound: Side = true): Compared {
  return { what, value, by: "is not", bound };
}
export function moreThan(what: string, value: number, bound: number): Compared {
  return { what, value, by: ">", bound };
}
export function atLeast(what: string, value: number, bound: number): Compared {
  return { what, value, by: ">=", bound };
}
export function lessThan(what: string, value: number, bound: number): Compared {
  return { what, value, by: "<", bound };
}
export function atMost(what: string, value: number, bound: number): Compared {
  return { what, value, by: "<=", bound };
}

export function holds({ value, by, bound }: Compared): boolean {
  switch (by) {
    case "is":
      return value === bound;
    case "is not":
      return value !== bound;
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
  }
}

export function saysYes(choice: Choice): boolean {
  return choice.every(holds);
}

/** `ms of speech 412 <= 300: no`, `echo: no`, `settled: no, not yes`. */
export function comparedText(compared: Compared): string {
  const { what, value, by, bound } = compared;
  const yes = holds(compared);
  if (typeof value !== "boolean") return `${what} ${value} ${by} ${bound}: ${yesNo(yes)}`;
  return `${what}: ${yesNo(value)}${yes ? "" : `, not ${yesNo(!value)}`}`;
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

/** The guards of a chart that are these choices. */
export function guardsOf<Args, Name extends string>(
  choices: Choices<Args, Name>,
): Record<Name, (args: Args) => boolean> {
  return mapped(choices, (choice) => (args) => saysYes(choice(args)));
}

/** The delays of a chart that are these waits. */
export function delaysOf<Args, Name extends string>(
  waits: Waits<Args, Name>,
): Record<Name, (args: Args) => number> {
  return mapped(waits, (wait) => (args) => wait(args).ms);
}

function mapped<Name extends string, A, B>(
  table: Readonly<Record<Name, A>>,
  change: (one: A) => B,
): Record<Name, B> {
  const entries = Object.entries<A>(table).map(([name, one]) => [name, change(one)]);
  return Object.fromEntries(entries) as Record<Name, B>;
}
