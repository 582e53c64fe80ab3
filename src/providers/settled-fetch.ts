/**
 * `fetch` for SDKs that leave a timer running where it throws before an answer came, which would
 * keep the process: a failure is given to them as an answer without a status, and is told apart
 * from an answer by `fetchFailure`.
 */
const failures = new WeakMap<object, unknown>();

export const settledFetch: typeof fetch = async (input, init) => {
  try {
    return await fetch(input, init);
  } catch (error) {
    const answer = Response.error();
    failures.set(answer.headers, error);
    return answer;
  }
};

/** What `fetch` threw behind what the SDK threw; the latter where there was an answer. */
export function fetchFailure(thrown: unknown): unknown {
  const { headers } = (thrown as { rawResponse?: { headers?: object } } | null)?.rawResponse ?? {};
  return (headers && failures.get(headers)) ?? thrown;
}
