import type { LogRecord } from "../../../src/events/record.ts";

/**
 * What holds of every call whose budget changes at some moment. B1: a farewell is the last measure.
 * B2: a milder one cuts and starts no speech. B3: none is said over a wait while words are saved.
 * B4: after a farewell the room never goes back to a call that goes on.
 */
export class BudgetChecks {
  readonly faults: string[] = [];
  #measure = "none";

  add(record: LogRecord): void {
    const { seq, input, outcome } = record;
    const before = this.#measure;
    for (const fact of outcome.emitted)
      if (fact.type === "measure.taken") this.#measure = fact["measure"] as string;
    if (before === "farewell" && this.#measure !== before) this.#fault("B1-farewell", seq);
    const milder = input.type === "budget.changed" && input["measure"] !== "farewell";
    const moved = outcome.effects.some(([op]) => op === "stop" || op === "tell" || op === "start");
    if (milder && moved) this.#fault("B2-milder", seq);
    const saves = ["shorterAnswers", "noVision", "farewell"].includes(before);
    const fills = outcome.effects.some(([op, , src]) => op === "start" && src === "filler");
    if (saves && fills) this.#fault("B3-filler", seq);
    if (before !== "farewell") return;
    const listens = Object.entries(outcome.state).some(
      ([actor, state]) => actor === "room" && JSON.stringify(state).includes('"live"'),
    );
    if (listens) this.#fault("B4-goes-on", seq);
  }

  #fault(check: string, seq: number): void {
    this.faults.push(`${check}: record ${seq}`);
  }
}
