import { seededRandom } from "../../../src/base/id.ts";
import type { UsageEvent } from "../../../src/events/usage.events.ts";
import { budgetPath } from "../../../src/ledger/budgets.ts";
import type { Command } from "../../../src/ledger/decide.ts";
import { orphanEvent } from "../../../src/ledger/request.ts";
import type { Archive } from "../../../src/ledger/snapshot.ts";
import { day, desk, LATER_BOOK, POSTED } from "./books.ts";
import type { Clerk } from "./clerk.ts";

/** Usage with everything else that may be asked of a ledger in between, by chance of a seed. */
export function mix(clerk: Clerk, events: readonly UsageEvent[], seed: number): void {
  const next = seededRandom(seed);
  const int = (max: number): number => Math.floor(next() * max);
  const archives = new Map<string, Archive>();
  const books = [desk(LATER_BOOK), { ...desk(LATER_BOOK), knownAt: day("2026-10-31") }];

  const anyCommand = (): Command => {
    const { ledger } = clerk;
    const all = ledger.requests();
    const { id: request, call } = all[int(all.length)] ?? { id: "none", call: "c1" };
    const id = `x${int(5)}`;
    const hold = `${call}/h${int(4)}`;
    const pico = BigInt(int(100));
    const path = budgetPath({ agent: "desk", call, turn: `turn.${int(2)}` });
    const until = clerk.desk.at + int(3);
    const choices: readonly Command[] = [
      { type: "reverse", id, call, request },
      { type: "rate", id, call, request },
      { type: "rerate", plan: id, call, request },
      { type: "hold", id: hold, path, amountPico: pico, until, call },
      { type: "hold", id: hold, path, amountPico: pico, until, call },
      { type: "renew", hold, until },
      { type: "settle", hold, spentPico: pico },
      { type: "release", hold },
      { type: "expire", hold },
      { type: "correct", hold, spentPico: pico },
      { type: "limit", id, node: path[int(path.length)]!, amountPico: BigInt(int(400)) },
      { type: "close", period: "2026-10" },
      {
        type: "adjust",
        id,
        account: "payable:acme",
        amountPico: pico,
        evidence: "e",
        occurredAt: 1,
      },
      { type: "seal", call },
    ];
    return choices[int(choices.length)]!;
  };

  for (const event of events) {
    clerk.desk = { ...books[int(2)]!, at: clerk.desk.at + int(2) };
    if (int(9) === 0)
      clerk.take(clerk.ledger.orphans(POSTED).map((one) => orphanEvent(one, POSTED)));
    for (let i = int(4); i > 0; i--) {
      const command = anyCommand();
      const archive = command.type === "seal" ? clerk.ledger.archive(command.call) : undefined;
      if (clerk.do(command).kind === "post" && archive) archives.set(archive.call, archive);
    }
    const decision = clerk.do({ type: "usage", event });
    if (decision.kind !== "sealed") continue;
    clerk.do({ type: "restore", call: event.call, archive: archives.get(event.call)! });
    clerk.do({ type: "usage", event });
  }
}
