import type { Mutant } from "./mutations.ts";

/** For each invariant of the ledger a bug that breaks it; the number of the invariant leads. */
type Swap = readonly [file: string, find: string, put: string];

const bug = (
  name: string,
  property: readonly [file: string, words: string],
  ...swaps: readonly Swap[]
): Mutant => ({
  name: `ledger ${name}`,
  property: [`ledger/${property[0]}.test.ts`, property[1]],
  edits: swaps.map(([file, find, put]) => ({ file, find, put })),
});

const src = (file: string, find: string, put: string): Swap => [`src/ledger/${file}`, find, put];

const NO_SUM_CHECK = src(
  "ledger.ts",
  "return sum === 0n ? undefined : `its entries sum to ${sum}`;",
  "return undefined;",
);

export const LEDGER_MUTANTS: readonly Mutant[] = [
  bug(
    "1: a line without its counter-entry",
    ["fold", "1 every"],
    src("post.ts", "if (sum !== 0n) entries.push", "if (sum > 0n) entries.push"),
    NO_SUM_CHECK,
  ),
  bug(
    "1: a credit does not reach its balance",
    ["fold", "1 every"],
    src(
      "ledger.ts",
      "this.balance(account) + amount;",
      "this.balance(account) + (rated && amount < 0n ? 0n : amount);",
    ),
  ),
  bug(
    "2: deciding leaves a trace",
    ["fold", "2 the stream"],
    src(
      "decide.ts",
      "if (seen === payloadHash) return DUPLICATE;",
      `if (seen === payloadHash) {
        ledger.budgets.setLimit("seen", 1n);
        return DUPLICATE;
      }`,
    ),
  ),
  bug(
    "3: a snapshot without its scopes",
    ["fold", "3 a snapshot"],
    src("snapshot.ts", "scopes: mapped(state.scopes, saveScope),", "scopes: {},"),
  ),
  bug(
    "3: lines stand in the order in which the state was reached",
    ["fold", "3 a snapshot"],
    src("post.ts", "...wanted])].toSorted(byKey);", "...wanted])];"),
  ),
  bug(
    "4: a duplicate is posted again",
    ["fold", "4 duplicates"],
    src("decide.ts", "if (seen === payloadHash) return DUPLICATE;", ""),
    src("decide.ts", "if (seen !== undefined)", "if (seen !== undefined && seen !== payloadHash)"),
  ),
  bug(
    "4: the last revision to come is the one that holds",
    ["fold", "4 duplicates"],
    src("request.ts", "if (!known || known.revision < event.revision) ", ""),
  ),
  bug(
    "5: what comes last is believed",
    ["fold", "5 an event"],
    src("decide.ts", "if (seen !== undefined)", `if (seen === "")`),
  ),
  bug(
    "5: the time it was seen is part of what an event says",
    ["fold", "5 an event"],
    ["src/events/usage.events.ts", `key !== "observedAt" && `, ""],
  ),
  bug(
    "6: no high water of running totals",
    ["rating", "6 deltas"],
    src("request.ts", ": max(into[meter] ?? 0n, quantity);", ": quantity;"),
  ),
  bug(
    "6: running totals are added up",
    ["rating", "6 deltas"],
    src("request.ts", ": max(into[meter] ?? 0n, quantity);", ": (into[meter] ?? 0n) + quantity;"),
  ),
  bug(
    "7: cached tokens are input as well",
    ["rating", "7 disjoint"],
    ["src/events/usage.events.ts", "input - cacheRead - cacheWrite", "input - cacheWrite"],
  ),
  bug(
    "8: every piece is rated alone",
    ["rating", "8 told"],
    src("post.ts", "posted.measured + measured;", "measured;"),
    src("post.ts", "amount: now.amountPico - posted.amountPico,", "amount: now.amountPico,"),
  ),
  bug(
    "8: every request of a resource is rounded",
    ["rating", "8 what a resource"],
    src("rating.ts", `rounding?.scope === "resource" && resource !== undefined`, "false"),
  ),
  bug(
    "9: a whole threshold forgets what is below it",
    ["rating", "9 the more"],
    src(
      "rating.ts",
      "parts.push({ row: base, part: left })",
      "parts.push({ row: base, part: left - (base.threshold?.above ?? 0n) })",
    ),
  ),
  bug(
    "4: of what is decided together nothing is known before it is posted",
    ["fold", "4 decided together"],
    src("ahead.ts", "this.#seen.set(event.eventId, event.payloadHash);", ""),
  ),
  bug(
    "8: what is decided together is rounded one by one",
    ["fold", "4 decided together"],
    src("ahead.ts", "this.#scopes.get(key) ?? this.#ledger.scope(key)", "this.#ledger.scope(key)"),
  ),
  bug(
    "10: digits go through a float",
    ["money", "10 no amount"],
    src("money.ts", "return BigInt(text);", "return BigInt(Number(text));"),
  ),
  bug(
    "11: the old lines are not taken back",
    ["rerate", "by another book"],
    src("post.ts", "new Map([...request.shares, ...wanted])", "wanted"),
  ),
  bug(
    "11: a plan is forgotten once it is applied",
    ["rerate", "by another book"],
    src("ledger.ts", "steps: [...posted.steps, txn.txn]", "steps: posted.steps"),
  ),
  bug(
    "11: a plan brings back what was reversed",
    ["rerate", "a reversal takes"],
    src(
      "decide.ts",
      `if (kind === "rate" ? !request.reversed : request.reversed) return DUPLICATE;`,
      `if (kind === "reverse" && request.reversed) return DUPLICATE;`,
    ),
  ),
  bug(
    "12: usage has the price of a later day",
    ["rating", "12 a price"],
    src("request.ts", "at: head.occurredAt,", "at: head.occurredAt + 30 * 86_400_000,"),
  ),
  bug(
    "13: what is held is free for others",
    ["holds", "keep N callers"],
    src(
      "budgets.ts",
      "known.limitPico - known.spentPico - known.heldPico",
      "known.limitPico - known.spentPico",
    ),
  ),
  bug(
    "13: a hold is taken from what is left",
    ["holds", "agree with"],
    src("budgets.ts", "availablePico < amountPico)", "availablePico <= 0n && amountPico > 0n)"),
  ),
  bug(
    "13: only the widest budget is asked",
    ["holds", "agree with"],
    src("budgets.ts", "for (const node of path) {", "for (const node of path.slice(0, 2)) {"),
  ),
  bug(
    "13: a hold is settled again",
    ["holds", "agree with"],
    src("holds.ts", `if (hold.state !== "open") {`, `if (hold.state === "released") {`),
    src("budgets.ts", `before.state === "open" || before.state === hold.state`, "hold"),
    src("ledger.ts", `before.state !== "open" && before.state !== hold.state`, "!hold"),
  ),
  bug(
    "13: a lease that is over goes on",
    ["holds", "leased to calls"],
    src("allotment.ts", "if (nowMs < until) leased", "leased"),
  ),
  bug(
    "13: a hold that expires was free",
    ["holds", "expired without"],
    src("holds.ts", "command.spentPico ?? hold.amountPico", "command.spentPico ?? 0n"),
  ),
  bug(
    "15: no compare-and-set",
    ["actors", "lose nothing"],
    ["test/ledger/support/two-actors.ts", "if (this.log.length !== expectedSeq) return false;", ""],
  ),
  bug(
    "15: neither compare-and-set nor a chain",
    ["actors", "lose nothing"],
    ["test/ledger/support/two-actors.ts", "if (this.log.length !== expectedSeq) return false;", ""],
    src("ledger.ts", "const problem = this.#problemOf(txn);", `const problem = "";`),
  ),
  bug(
    "16: whose event it is is not asked",
    ["fold", "16 events"],
    src(
      "decide.ts",
      `if (event.tenant !== ledger.tenant) return refused("another tenant's event");`,
      "",
    ),
  ),
  bug(
    "17: what has no price is nothing",
    ["fold", "17 what"],
    src("rating.ts", "if (rest > 0n && !book.isFree(query, knownAt)) unrated[meter] = rest;", ""),
  ),
  bug(
    "17: what is told beside what is billed is free of any model",
    ["bills", "what a vendor does not bill"],
    src(
      "price-book.ts",
      "this.rows({ ...query, meter }, knownAt).length > 0",
      "meter !== query.meter",
    ),
  ),
  bug(
    "markup: a tenant's factor is everybody's",
    ["own-prices", "is no other tenant's"],
    src("markups.ts", "one.tenant === tenant &&", ""),
  ),
  bug(
    "markup: a factor of one is one more",
    ["own-prices", "of 1/1"],
    src(
      "rating.ts",
      "numerator *= BigInt(times);",
      "numerator *= BigInt(times + Number(times === over));",
    ),
  ),
  bug(
    "markup: a row is found without its factor",
    ["own-prices", "multiplies the list"],
    src("price-book.ts", "return row && marked(row, times);", "return row;"),
  ),
  bug(
    "markup: a factor that is divided before it multiplies",
    ["own-prices", "multiplies the list"],
    src(
      "rating.ts",
      "numerator *= BigInt(times);\n    denominator *= BigInt(over);",
      "numerator = (numerator / BigInt(over)) * BigInt(times);",
    ),
  ),
  bug(
    "allowance: each part is rounded down",
    ["allowances", "is given back exactly"],
    src("money.ts", "part.whole += 1n;", ""),
  ),
  bug(
    "allowance: what was used beyond it is free as well",
    ["allowances", "is given back exactly"],
    src("allowances.ts", "const free = units < billed ? units : billed;", "const free = billed;"),
  ),
  bug(
    "allowance: a sealed call has no part",
    ["allowances", "gives the same whatever"],
    src(
      "ledger.ts",
      "sealed.set(name, rest);",
      `sealed.set(name, rest);
    for (const { shares } of this.#state.pools.values())
      for (const [key, share] of shares) if (share.call === name) shares.delete(key);`,
    ),
  ),
  bug(
    "allowance: late usage has one of its own",
    ["allowances", "of a closed month stays"],
    src("pools.ts", "month: txn.late ?? txn.period", "month: txn.period"),
  ),
  bug(
    "allowance: what was given before is given again",
    ["allowances", "of a closed month stays"],
    src("allowances.ts", "dueOf(pool, units) - pool.basePico", "dueOf(pool, units)"),
  ),
  bug(
    "allowance: a snapshot does not know what was given",
    ["allowances", "goes on from a snapshot"],
    src("snapshot.ts", "basePico: parsePico(pool.basePico),", "basePico: 0n,"),
  ),
  bug(
    "18: a request is watched until its first progress",
    ["fold", "18 every"],
    src("ledger.ts", "if (!isClosed(after))", "if (!isClosed(after) && !before)"),
  ),
  bug(
    "6: what was believed stays in the sum",
    ["rating", "6 what is provisional"],
    src("request.ts", 'if (isClosed && event.quality === "provisional") continue;', ""),
  ),
  bug(
    "18: what a dead process had asked for is free",
    ["metered-calls", "18 so it is"],
    [
      "src/folds/effect-requests.ts",
      'return isUnknown ? request.closedAs("estimated", end) : request.closedUnused(end);',
      "return request.closedUnused(end);",
    ],
  ),
  bug(
    "18: an owner's time has no end but the call's",
    ["metered-calls", "18 so it is"],
    [
      "src/folds/metering.ts",
      '[...this.#leave(at, "estimated"), ...this.#begin(record)]',
      "this.#begin(record)",
    ],
  ),
  bug(
    "18: who is in the room at its end stays for good",
    ["metered-calls", "18 every"],
    [
      "src/folds/effect-requests.ts",
      'if (isStay && !isDead) return request.closedAs("measured", end);',
      "if (isStay && !isDead) return request.progress(end.at);",
    ],
  ),
  bug(
    "seal: a call comes back without its holds",
    ["closing", "has no open request"],
    src("ledger.ts", "this.budgets.bringBack(archive.budgets);", ""),
  ),
  bug(
    "seal: a month is forgotten with a call",
    ["closing", "leaves what is rounded by the month"],
    src("snapshot.ts", `.filter(([, { scope }]) => !scope.startsWith("period:"))`, ""),
  ),
  ...[
    {
      name: "14: a snapshot's cursor is ahead of its postings",
      test: "ledger-crashes",
      property: "14, 15 killed between any steps",
      find: "const [position, cursor] = [this.#position, this.#cursor];",
      put: "const [position, cursor] = [this.#position, this.#cursor + 1];",
      file: "ledger-actor.ts",
    },
    {
      name: "W1: a sentence goes out that nothing is left for",
      property: "that 50 calls race for is kept",
      find: "if (!isLastWord && worst > this.#free(turn)) {",
      put: "if (!isLastWord && worst > this.#free(turn) * 100n) {",
      file: "call-budget.ts",
    },
    {
      name: "W4: nothing is kept for the last words",
      property: "that 50 calls race for is kept",
      find: "else this.#allotment.hold(FAREWELL, worst);",
      put: "else this.#largest = worst;",
      file: "call-budget.ts",
    },
    {
      name: "W2: a new owner does not know what was leased",
      property: "goes over to the next owner",
      find: "this.#allotment.follow(leases.open(call), leases.spent(callNode(call)));",
      put: "void leases.open(call);",
      file: "call-leases.ts",
    },
  ].map(({ name, test = "call-budget", property, file, find, put }): Mutant => ({
    name: `ledger ${name}`,
    property: [`books/${test}.test.ts`, property],
    edits: [{ file: `src/books/${file}`, find, put }],
  })),
];
