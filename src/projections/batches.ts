const NOTHING_YET = Symbol("nothing yet");

/**
 * What a stream has at hand, up to `max` at a time: nothing waits for a batch to fill, so that the
 * end of a live stream is taken as it comes.
 */
export async function* batches<T>(stream: AsyncIterable<T>, max: number): AsyncGenerator<T[]> {
  const items = stream[Symbol.asyncIterator]();
  let pending = next(items);
  try {
    for (let result = await pending; !result.done; result = await pending) {
      const batch: T[] = [];
      let more: IteratorResult<T> | typeof NOTHING_YET = result;
      while (more !== NOTHING_YET && !more.done) {
        batch.push(more.value);
        pending = next(items);
        more = batch.length < max ? await Promise.race([pending, nothingYet()]) : NOTHING_YET;
      }
      yield batch;
    }
  } finally {
    // Not waited for: a stream that is asked for its next item answers only when it has one.
    void items.return?.().catch(() => undefined);
  }
}

/** A failure that is asked for later, or never, is no unhandled one. */
function next<T>(items: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const result = items.next();
  result.catch(() => undefined);
  return result;
}

function nothingYet(): Promise<typeof NOTHING_YET> {
  return new Promise((resolve) => setImmediate(() => resolve(NOTHING_YET)));
}
