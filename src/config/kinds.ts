/** How the text of a variable becomes a value; undefined where it is none. */
export interface Kind<T> {
  /** What it takes, in words: stands in the error and in the docs. */
  readonly takes: string;
  readonly of: (text: string) => T | undefined;
}

export const text: Kind<string> = { takes: "text", of: (given) => given };

/** Any but the word true is false, as callers of the variables with such values expect it. */
export const trueOnly: Kind<boolean> = {
  takes: "`true` in any case; everything else is false",
  of: (given) => given.trim().toLowerCase() === "true",
};

export function whole(min: number, max: number): Kind<number> {
  return {
    takes: `a whole number from ${min} to ${max}`,
    of: (given) => (/^-?\d+$/.test(given.trim()) ? within(Number(given), min, max) : undefined),
  };
}

export function decimal(min: number, max: number): Kind<number> {
  return {
    takes: `a number from ${min} to ${max}`,
    of: (given) =>
      /^-?\d+(\.\d+)?$/.test(given.trim()) ? within(Number(given), min, max) : undefined,
  };
}

/** In any case; `others` are other words for a choice. */
export function oneOf<const T extends string>(
  choices: readonly T[],
  others: Readonly<Record<string, T>> = {},
): Kind<T> {
  const words = [...choices, ...Object.keys(others)];
  return {
    takes: `one of ${words.join(", ")}`,
    of: (given) => {
      const word = given.trim().toLowerCase();
      return choices.find((choice) => choice === word) ?? others[word];
    },
  };
}

/** An address of one of these protocols, kept as it was written but for a slash at its end. */
export function address(...protocols: readonly string[]): Kind<string> {
  return {
    takes: `an address such as ${protocols[0]}://host:3001`,
    of: (given) => {
      const protocol = URL.parse(given.trim())?.protocol.slice(0, -1) ?? "";
      return protocols.includes(protocol) ? given.trim().replace(/\/+$/, "") : undefined;
    },
  };
}

/** As OpenTelemetry writes them; what is after the first `=` is percent-decoded. */
export const headers: Kind<Readonly<Record<string, string>>> = {
  takes: "`name=value` pairs with commas between",
  of: (given) => {
    const pairs = given.split(",").map((pair) => /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(pair));
    if (pairs.some((pair) => pair === null)) return undefined;
    try {
      return Object.fromEntries(pairs.map((pair) => [pair![1]!, decodeURIComponent(pair![2]!)]));
    } catch {
      return undefined;
    }
  },
};

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
