import type { Transaction } from "../../../src/events/ledger.events.ts";
import { type Command, decide } from "../../../src/ledger/decide.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import { desk } from "./books.ts";

/** A stream that takes transactions only where its tail is the one that was expected. */
export class MemoryStream {
  readonly log: Transaction[] = [];

  append(transactions: readonly Transaction[], expectedSeq: number): boolean {
    if (this.log.length !== expectedSeq) return false;
    this.log.push(...transactions);
    return true;
  }
}

/**
 * The least that a ledger's actor does, in steps that others may come between: decide on the next
 * command, append what was decided, and after a lost race read the tail and decide again.
 */
export class Actor {
  ledger = new Ledger("t1");
  #next = 0;
  #decided: readonly Transaction[] | undefined;
  readonly #stream: MemoryStream;
  readonly #commands: readonly Command[];

  constructor(stream: MemoryStream, commands: readonly Command[]) {
    this.#stream = stream;
    this.#commands = commands;
  }

  get done(): boolean {
    return this.#next === this.#commands.length;
  }

  step(): void {
    if (this.done) return;
    if (!this.#decided) {
      const decision = decide(this.ledger, this.#commands[this.#next]!, desk());
      if (decision.kind === "post") this.#decided = decision.transactions;
      else this.#next++;
      return;
    }
    const won = this.#stream.append(this.#decided, this.ledger.seq);
    this.#decided = undefined;
    this.catchUp();
    if (won) this.#next++;
  }

  /** Everything in memory is gone, and its last commands are delivered again. */
  crash(redelivered: number): void {
    this.ledger = new Ledger("t1");
    this.#decided = undefined;
    this.catchUp();
    this.#next = Math.max(0, this.#next - redelivered);
  }

  catchUp(): void {
    for (const transaction of this.#stream.log.slice(this.ledger.seq))
      this.ledger.apply(transaction);
  }
}
