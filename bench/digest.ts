import { canonicalJson, digest, shortHash } from "../src/base/digest.ts";
import type { Json } from "../src/events/record.ts";
import { takeTurns, timeMs } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";

const SIZES = [10, 100, 1_000];
const ROUNDS = { warmups: 5, rounds: 11 };
const WORK_ITEMS = 20_000;

interface Context {
  readonly n: number;
  readonly history: readonly Json[];
}

/** What hashing a context costs by its size, when one item of its history has changed. */
export const digestSize: Bench = {
  name: "digest",
  run: async () => {
    const rows: Row[] = [];
    for (const size of SIZES) {
      const repeats = Math.max(10, WORK_ITEMS / size);
      const [memoised, full] = await takeTurns(ROUNDS, [
        () => perChange(size, repeats, digest),
        () => perChange(size, repeats, (context) => shortHash(canonicalJson(context))),
      ]);
      rows.push(
        toRow({ name: `digest, 1 of ${size} items changed`, unit: "us", ...memoised! }),
        toRow({ name: `canonical JSON and SHA-256, ${size} items`, unit: "us", ...full! }),
      );
    }
    return rows;
  },
};

/** Microseconds for each changed context. */
function perChange(size: number, repeats: number, run: (context: Context) => string): number {
  let context: Context = { n: 0, history: Array.from({ length: size }, (_, i) => item(i)) };
  run(context);
  let ms = 0;
  for (let n = 1; n <= repeats; n++) {
    context = { n, history: context.history.with(n % size, item(size + n)) };
    ms += timeMs(() => void run(context));
  }
  return (ms * 1_000) / repeats;
}

/** About 130 characters, as an exchange of a conversation has. */
function item(i: number): Json {
  const text = `some words that were said here ${i}, and what was answered to them`;
  return { id: `u${i}`, role: i % 2 ? "user" : "assistant", text, at: 1_750_000_000_000 + i };
}
