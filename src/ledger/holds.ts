import type { Entry, TransactionKind } from "../events/ledger.events.ts";
import { lengthPrefixed } from "../events/usage.events.ts";
import { callNode, type Hold, heldBy, holdPart } from "./budgets.ts";
import type { Ledger } from "./ledger.ts";
import type { Prices } from "./rating.ts";
import { isClosed, type RequestState, subjectOf } from "./request.ts";
import { worstCase } from "./slices.ts";
import { type Desk, type Draft, DUPLICATE, refused, txnOf, type Verdict } from "./post.ts";

/**
 * Holds as transactions. A hold is placed whole, before what it pays for goes out, and resolved
 * once: settled to what it cost, released where nothing went out, or expired. What it cost beyond
 * the hold is an overage of its own; what turns out later is corrected.
 */
export type HoldCommand =
  | {
      readonly type: "hold";
      readonly id: string;
      readonly path: readonly string[];
      readonly amountPico: bigint;
      readonly until: number;
      readonly call?: string;
    }
  /** It is held for longer. */
  | { readonly type: "renew"; readonly hold: string; readonly until: number }
  | { readonly type: "settle"; readonly hold: string; readonly spentPico: bigint }
  /** Only with proof that nothing went out; a cancelled request is settled to its estimate. */
  | { readonly type: "release"; readonly hold: string }
  /** Without an estimate the whole hold counts as spent. */
  | { readonly type: "expire"; readonly hold: string; readonly spentPico?: bigint }
  /** What a resolved hold has really cost, in all. */
  | { readonly type: "correct"; readonly hold: string; readonly spentPico: bigint }
  /** Undefined takes the limit away. */
  | {
      readonly type: "limit";
      readonly id: string;
      readonly node: string;
      readonly amountPico: bigint | undefined;
    };

export function decideHold(ledger: Ledger, command: HoldCommand, desk: Desk): Verdict {
  if (command.type === "limit") return limit(ledger, command, desk);
  if (command.type === "hold") return place(ledger, command, desk);
  const hold = ledger.budgets.hold(command.hold);
  if (!hold) return refused("no such hold");
  if (command.type === "renew") return renew(hold, command.until, desk);
  if (spentBy(command, hold) < 0n) return refused("it is negative");
  if (command.type === "correct")
    return correct(ledger, { hold, spentPico: command.spentPico }, desk);
  if (hold.state !== "open") {
    const again = hold.state === ENDS[command.type] && spentBy(command, hold) === hold.spentPico;
    return again ? DUPLICATE : refused(`it is ${hold.state}`);
  }
  if (command.type === "expire" && desk.at < hold.until) return refused("it holds still");
  const spentPico = spentBy(command, hold);
  const within = spentPico < hold.amountPico ? spentPico : hold.amountPico;
  const resolved: Hold = { ...hold, state: ENDS[command.type], spentPico: within };
  const drafts = [move(command.type, hold, { after: resolved, desk })];
  if (spentPico > within)
    drafts.push(move("overage", resolved, { after: { ...resolved, spentPico }, desk }));
  return { kind: "post", drafts };
}

const ENDS = { settle: "settled", release: "released", expire: "expired" } as const;

function spentBy(
  command: Exclude<HoldCommand, { type: "hold" | "renew" | "limit" }>,
  hold: Hold,
): bigint {
  if (command.type === "release") return 0n;
  return command.spentPico ?? hold.amountPico;
}

/**
 * What a closed request says of the hold that it was sent under: what it cost, or what it turned
 * out to have cost. What has no price counts at the dearest of its service.
 */
export function settlementOf(
  ledger: Ledger,
  request: RequestState,
  prices: Prices,
): HoldCommand | undefined {
  const hold = request.head.hold === undefined ? undefined : ledger.budgets.hold(request.head.hold);
  if (!hold || !isClosed(request)) return undefined;
  const unpriced = worstCase(subjectOf(request), request.unrated, prices);
  const known = request.amountPico + (unpriced ?? hold.amountPico);
  const spentPico = known < 0n ? 0n : known;
  if (hold.state === "open") return { type: "settle", hold: hold.id, spentPico };
  return spentPico === hold.spentPico ? undefined : { type: "correct", hold: hold.id, spentPico };
}

/**
 * What time asks of holds, one at a time. A hold past its end expires: of its call's it counts what
 * the ledger has rated and no other hold has counted yet, at most its whole amount; without a call
 * all of it. Once no hold of that call is open, what the call has cost beyond all its holds is
 * added to the one that expired last.
 */
export function overdueHold(ledger: Ledger, at: number): HoldCommand | undefined {
  const over = ledger.budgets.openHolds().find(({ until }) => until <= at);
  if (!over) return trueUp(ledger);
  const { id: hold, call, amountPico } = over;
  const rest = call === undefined ? amountPico : uncounted(ledger, call);
  return { type: "expire", hold, spentPico: rest < amountPico ? rest : amountPico };
}

function trueUp(ledger: Ledger): HoldCommand | undefined {
  const expired = new Map<string, Hold>();
  const busy = new Set<string | undefined>();
  for (const hold of ledger.budgets.holds()) {
    if (hold.state === "open") busy.add(hold.call);
    const { state, call, path } = hold;
    if (state === "expired" && call !== undefined && path.includes(callNode(call)))
      expired.set(call, hold);
  }
  for (const [call, { id: hold, spentPico }] of expired) {
    const rest = busy.has(call) ? 0n : uncounted(ledger, call);
    if (rest > 0n) return { type: "correct", hold, spentPico: spentPico + rest };
  }
  return undefined;
}

/** What a call was rated at beyond what its holds have counted. */
function uncounted(ledger: Ledger, call: string): bigint {
  const rated = ledger.requests(call).reduce((sum, { amountPico }) => sum + amountPico, 0n);
  const rest = rated - ledger.budgets.spent(callNode(call));
  return rest < 0n ? 0n : rest;
}

type Place = Extract<HoldCommand, { type: "hold" }>;

function place(ledger: Ledger, command: Place, desk: Desk): Verdict {
  const { id, path, amountPico, until, call } = command;
  const known = ledger.budgets.hold(id);
  if (known) {
    const same =
      known.amountPico === amountPico && lengthPrefixed(known.path) === lengthPrefixed(path);
    return same ? DUPLICATE : { kind: "quarantine", why: "a hold with this id is another" };
  }
  if (until <= desk.at) return refused("it is over before it begins");
  if (amountPico < 0n) return refused("it is negative");
  if (call !== undefined && ledger.sealed(call)) return refused("its call is over");
  // What asks for nothing is never too much: what comes of it is told as an overage.
  const short = amountPico > 0n ? ledger.budgets.shortOf(path, amountPico) : undefined;
  if (short) return { kind: "refused", why: "the budget does not hold it", node: short.node };
  const after: Hold = { id, path, amountPico, until, call, state: "open", spentPico: 0n };
  return { kind: "post", drafts: [move("hold", undefined, { after, desk })] };
}

function renew(hold: Hold, until: number, desk: Desk): Verdict {
  if (hold.state !== "open") return refused(`it is ${hold.state}`);
  if (until <= hold.until) return DUPLICATE;
  const draft = move("renew", hold, { after: { ...hold, until }, desk });
  const txn = txnOf("renew", hold.id, String(until));
  return { kind: "post", drafts: [{ ...draft, txn }] };
}

type Correction = { readonly hold: Hold; readonly spentPico: bigint };

function correct(ledger: Ledger, { hold, spentPico }: Correction, desk: Desk): Verdict {
  if (hold.state === "open") return refused("it is not resolved yet");
  if (spentPico === hold.spentPico) return DUPLICATE;
  const kind = spentPico > hold.spentPico ? "overage" : "adjust";
  // The same correction may come again after another one: it is told apart by its place.
  const txn = txnOf(kind, hold.id, "correct", String(ledger.seq));
  const draft = move(kind, hold, { after: { ...hold, spentPico }, desk });
  return { kind: "post", drafts: [{ ...draft, txn }] };
}

/** What changes hands between `budget`, `hold` and `spent` as a hold goes on; sums to zero. */
function move(
  kind: TransactionKind,
  before: Hold | undefined,
  { after, desk }: { readonly after: Hold; readonly desk: Desk },
): Draft {
  const held = heldBy(after) - (before ? heldBy(before) : 0n);
  const spent = after.spentPico - (before?.spentPico ?? 0n);
  const entries: Entry[] = [
    { account: "hold", amountPico: String(held) },
    { account: "spent", amountPico: String(spent) },
    { account: "budget", amountPico: String(-held - spent) },
  ].filter(({ amountPico }) => amountPico !== "0");
  return { txn: txnOf(kind, after.id), kind, occurredAt: desk.at, entries, hold: holdPart(after) };
}

type Limit = Extract<HoldCommand, { type: "limit" }>;

function limit(ledger: Ledger, { id, node, amountPico }: Limit, desk: Desk): Verdict {
  const txn = txnOf("adjust", "limit", id);
  if (ledger.isDone(txn)) return DUPLICATE;
  const part = { node, amountPico: amountPico?.toString() ?? null };
  const occurredAt = desk.at;
  return { kind: "post", drafts: [{ txn, kind: "adjust", occurredAt, entries: [], limit: part }] };
}
