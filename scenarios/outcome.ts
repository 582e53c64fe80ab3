import type { LogRecord } from "../src/events/record.ts";
import type { Asked, Message } from "./answers.ts";
import type { Moment } from "./moments.ts";
import type { Piece, WordBook } from "./word-book.ts";

/** What really came of a scenario, of ours or of the peer; times are the scenario's. */
export interface Outcome {
  /** Our own facts; the peer has none of these. */
  readonly moments: readonly Moment[];
  readonly book: WordBook;
  /** What left the agent's speaker. */
  readonly sound: readonly Piece[];
  readonly asked: readonly Asked[];
  /** The conversation as the agent remembers it at the end. */
  readonly history: readonly Message[];
  /** What must never be, whatever the scenario. */
  readonly faults: readonly string[];
}

export interface OurOutcome extends Outcome {
  /** The whole log of the call. */
  readonly records: readonly LogRecord[];
}
