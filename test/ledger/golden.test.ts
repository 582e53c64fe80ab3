import assert from "node:assert/strict";
import { suite, test } from "node:test";
import saved from "../golden/ledger/stream.v1.json" with { type: "json" };
import { parseTransaction, TransactionKind } from "../../src/events/ledger.events.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import type { LedgerSnapshot } from "../../src/ledger/snapshot.ts";
import { fold } from "./support/clerk.ts";

/** A stream and a snapshot as this version stores them: later ones must still read both. */
suite("a cost stream as it was stored", () => {
  const stream = saved.stream.map(parseTransaction);

  test("is read and folded to the state it had", () => {
    assert.deepEqual(stream, saved.stream);
    assert.equal(fold(stream).stateHash(), saved.stateHash);
    const kinds = new Set(stream.map(({ kind }) => kind));
    assert.deepEqual([...kinds].toSorted(), TransactionKind.options.toSorted());
  });

  test("goes on from its snapshot", () => {
    const ledger = Ledger.restore(saved.snapshot.state as unknown as LedgerSnapshot);
    assert.equal(ledger.stateHash(), saved.snapshot.stateHash);
    assert.equal(fold(stream.slice(ledger.seq), ledger).stateHash(), saved.stateHash);
  });
});
