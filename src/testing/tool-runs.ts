import { isDeepStrictEqual } from "node:util";
import type { Json } from "../events/record.ts";
import type { ToolCallSeen } from "./fakes.ts";
import type { Fault } from "./failure.ts";

/** What is expected of a tool in a whole call. Each method throws where it was otherwise. */
export class ToolRuns {
  readonly #name: string;
  readonly #seen: () => readonly ToolCallSeen[];
  readonly #fail: (fault: Fault) => never;

  constructor(name: string, seen: () => readonly ToolCallSeen[], fail: (fault: Fault) => never) {
    this.#name = name;
    this.#seen = seen;
    this.#fail = fail;
  }

  /** The checked inputs, in order. */
  get inputs(): readonly Json[] {
    return this.#seen()
      .filter(({ name }) => name === this.#name)
      .map(({ input }) => input);
  }

  never(): this {
    return this.times(0);
  }

  once(): this {
    return this.times(1);
  }

  times(expected: number): this {
    const { inputs } = this;
    if (inputs.length === expected) return this;
    const what = `the tool ${this.#name} did not run as often as expected`;
    const seen = inputs.map((one) => `\n    ${JSON.stringify(one)}`).join("");
    const actual = `${countText(inputs.length)}${seen}`;
    return this.#fail({ what, expected: countText(expected), actual, operator: "times" });
  }

  /** It ran with these fields in its input, whatever else is there. */
  calledWith(part: Json): this {
    const { inputs } = this;
    if (inputs.some((input) => holds(input, part))) return this;
    const what = `the tool ${this.#name} did not run with that input`;
    return this.#fail({ what, expected: part, actual: inputs, operator: "calledWith" });
  }
}

function countText(count: number): string {
  return count === 1 ? "once" : count === 0 ? "never" : `${count} times`;
}

function holds(input: Json, part: Json): boolean {
  const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(input) || !isObject(part)) return isDeepStrictEqual(input, part);
  return Object.entries(part).every(([key, value]) => key in input && holds(input[key]!, value));
}
