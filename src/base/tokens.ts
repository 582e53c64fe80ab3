/**
 * Characters a token has, where nobody has counted: https://platform.openai.com/tokenizer
 */
const CHARS_PER_TOKEN = 4;

/** An estimate, where no provider has counted. */
export function tokensIn(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN);
}

export function charactersIn(tokens: number): number {
  return tokens * CHARS_PER_TOKEN;
}
