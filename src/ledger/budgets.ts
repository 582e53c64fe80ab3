import { assert } from "../base/assert.ts";
import type { HoldPart } from "../events/ledger.events.ts";
import { parsePico } from "./money.ts";

/**
 * Budgets in a tree, and the holds that count against them. B1: a hold counts against every budget
 * of its path, or is refused whole. B2: it resolves at most once. B3: available = limit - spent -
 * held, and no hold is taken from less than its whole amount.
 */
export interface Hold {
  readonly id: string;
  /** Budgets that it counts against, the widest first. */
  readonly path: readonly string[];
  readonly amountPico: bigint;
  readonly until: number;
  readonly call?: string | undefined;
  readonly state: HoldPart["state"];
  readonly spentPico: bigint;
}

interface Node {
  limitPico?: bigint | undefined;
  heldPico: bigint;
  spentPico: bigint;
}

export interface Shortage {
  readonly node: string;
  readonly availablePico: bigint;
}

/** A call's own budget. */
export function callNode(call: string): string {
  return `call:${call}`;
}

/** Budgets that a request counts against, the widest first. */
export function budgetPath(of: { agent: string; call: string; turn?: string }): readonly string[] {
  const call = ["platform", "tenant", `agent:${of.agent}`, callNode(of.call)];
  return of.turn === undefined ? call : [...call, `turn:${of.call}/${of.turn}`];
}

export interface BudgetsSnapshot {
  readonly nodes: Readonly<
    Record<string, { limitPico: string | null; heldPico: string; spentPico: string }>
  >;
  readonly holds: Readonly<Record<string, HoldPart>>;
}

export class Budgets {
  readonly #nodes = new Map<string, Node>();
  readonly #holds = new Map<string, Hold>();

  /** Undefined = no limit. */
  available(node: string): bigint | undefined {
    const known = this.#nodes.get(node);
    if (known?.limitPico === undefined) return undefined;
    return known.limitPico - known.spentPico - known.heldPico;
  }

  limit(node: string): bigint | undefined {
    return this.#nodes.get(node)?.limitPico;
  }

  spent(node: string): bigint {
    return this.#nodes.get(node)?.spentPico ?? 0n;
  }

  held(node: string): bigint {
    return this.#nodes.get(node)?.heldPico ?? 0n;
  }

  /** Of all budgets that have a limit, or that anything was held of. */
  names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id);
  }

  /** In the order they were placed. */
  holds(): Iterable<Hold> {
    return this.#holds.values();
  }

  openHolds(): readonly Hold[] {
    return [...this.#holds.values()].filter(({ state }) => state === "open");
  }

  /** The first budget of a path that has less than `amountPico` left. */
  shortOf(path: readonly string[], amountPico: bigint): Shortage | undefined {
    for (const node of path) {
      const availablePico = this.available(node);
      if (availablePico !== undefined && availablePico < amountPico) return { node, availablePico };
    }
    return undefined;
  }

  setLimit(node: string, limitPico: bigint | undefined): void {
    this.#node(node).limitPico = limitPico;
  }

  /** Puts a hold as it now is in the place of what it was. */
  put(hold: Hold): void {
    const before = this.#holds.get(hold.id);
    assert(hold.amountPico >= 0n && hold.spentPico >= 0n, "a hold is not negative");
    assert(!before || before.state === "open" || before.state === hold.state, "resolved twice");
    for (const name of hold.path) {
      const node = this.#node(name);
      node.heldPico += heldBy(hold) - (before ? heldBy(before) : 0n);
      node.spentPico += hold.spentPico - (before?.spentPico ?? 0n);
    }
    this.#holds.set(hold.id, hold);
  }

  /** Forgets a call that is over: its budgets and its holds, of which none may be open. */
  forget(call: string): void {
    const { nodes, holds } = this.snapshot(call);
    for (const name of Object.keys(nodes)) this.#nodes.delete(name);
    for (const id of Object.keys(holds)) this.#holds.delete(id);
  }

  /** All of it, or what is a call's own. */
  snapshot(call?: string): BudgetsSnapshot {
    const nodes = [...this.#nodes]
      .filter(([name]) => call === undefined || isOf(name, call))
      .map(([name, node]) => [
        name,
        {
          limitPico: node.limitPico?.toString() ?? null,
          heldPico: node.heldPico.toString(),
          spentPico: node.spentPico.toString(),
        },
      ]);
    const holds = [...this.#holds]
      .filter(([, hold]) => call === undefined || hold.call === call)
      .map(([id, hold]) => [id, holdPart(hold)]);
    return { nodes: Object.fromEntries(nodes), holds: Object.fromEntries(holds) };
  }

  /** Puts what was saved beside what is there. */
  bringBack({ nodes, holds }: BudgetsSnapshot): this {
    for (const [name, { limitPico, heldPico, spentPico }] of Object.entries(nodes))
      this.#nodes.set(name, {
        limitPico: limitPico === null ? undefined : parsePico(limitPico),
        heldPico: parsePico(heldPico),
        spentPico: parsePico(spentPico),
      });
    for (const [id, part] of Object.entries(holds)) this.#holds.set(id, holdOf(part));
    return this;
  }

  #node(name: string): Node {
    let node = this.#nodes.get(name);
    if (!node) this.#nodes.set(name, (node = { heldPico: 0n, spentPico: 0n }));
    return node;
  }
}

/** Whether a budget is a call's own. */
function isOf(node: string, call: string): boolean {
  return node === callNode(call) || node.startsWith(`turn:${call}/`);
}

/** What an unresolved hold keeps from others. */
export function heldBy({ state, amountPico }: Hold): bigint {
  return state === "open" ? amountPico : 0n;
}

export function holdPart({ id, path, amountPico, until, call, state, spentPico }: Hold): HoldPart {
  return {
    id,
    path: [...path],
    amountPico: amountPico.toString(),
    until,
    ...(call === undefined ? {} : { call }),
    state,
    spentPico: spentPico.toString(),
  };
}

export function holdOf(part: HoldPart): Hold {
  return {
    ...part,
    amountPico: parsePico(part.amountPico),
    spentPico: parsePico(part.spentPico),
  };
}
