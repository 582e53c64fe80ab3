import { AppError } from "../base/errors.ts";

/** Wildcards stand for whole tokens, and `>` stands last; anything else is a slip of the caller. */
export function parsePattern(pattern: string): readonly string[] {
  const tokens = pattern.split(".");
  const good = tokens.every(
    (token, index) =>
      token === "*" || isToken(token) || (token === ">" && tokens[index + 1] === undefined),
  );
  if (!good) throw new AppError("input.invalid", `${pattern} is no subject pattern`);
  return tokens;
}

export function parseSubject(subject: string): readonly string[] {
  const tokens = subject.split(".");
  if (!tokens.every((token) => isToken(token)))
    throw new AppError("input.invalid", `${subject} is no subject to publish on`);
  return tokens;
}

function isToken(token: string): boolean {
  return /^[^\s.*>]+$/.test(token);
}
