import type { AnyStateMachine } from "xstate";
import type { LogRecord } from "../events/record.ts";
import type { Explained } from "../folds/timeline-words.ts";
import { comparedText, holds } from "../machines/choice.ts";
import type { Decisions } from "../machines/machines.ts";
import { CallFold } from "./call-fold.ts";
import type { MachineSet } from "./machine-set.ts";
import { refold } from "./supervisor.ts";

export type DecisionSet = Readonly<Record<string, Readonly<Record<string, Decisions>>>>;

/**
 * Why a call went as it went (T22): its log is folded once more by charts that note each guard they
 * ask and each delay they take, with all that it was made of. Nothing of this is logged, as it
 * follows from what is.
 */
export class Explainer {
  readonly #fold: CallFold;
  #noted: Explained[] = [];

  constructor(machines: MachineSet, decisions: DecisionSet) {
    this.#fold = new CallFold(explaining(machines, decisions, (one) => this.#note(one)));
  }

  /**
   * What was decided by this record, in the order it was asked. Throws `log.damaged` where the
   * record does not fold to what it says.
   */
  apply(record: LogRecord): readonly Explained[] {
    this.#noted = [];
    refold(this.#fold, record);
    return this.#noted;
  }

  #note(one: Explained): void {
    const last = this.#noted.at(-1);
    const again = last?.actor === one.actor && last.name === one.name && last.gave === one.gave;
    if (!again) this.#noted.push(one);
  }
}

type Note = (one: Explained) => void;
type Args = { readonly context: { readonly n?: number; readonly sid?: string } };

/** The same charts, each telling what it decides. */
export function explaining(machines: MachineSet, decisions: DecisionSet, note: Note): MachineSet {
  const kinds = Object.entries(machines).map(([kind, versions]) => [
    kind,
    Object.fromEntries(
      Object.entries(versions).map(([version, machine]) => {
        const known = decisions[kind]?.[version];
        return [version, known ? watched(kind, { machine, known, note }) : machine];
      }),
    ),
  ]);
  return Object.fromEntries(kinds) as MachineSet;
}

interface Watched {
  readonly machine: AnyStateMachine;
  readonly known: Decisions;
  readonly note: Note;
}

function watched(kind: string, { machine, known, note }: Watched): AnyStateMachine {
  const guards: Record<string, (args: Args) => boolean> = {};
  for (const [name, choose] of Object.entries(known.choices))
    guards[name] = (args) => {
      const choice = choose(args as never);
      const failed = choice.filter((one) => !holds(one)).map(comparedText);
      const because = choice.map(comparedText);
      const gave = failed.length === 0;
      note({ actor: addressOf(kind, args), name, gave, because, failed });
      return gave;
    };
  const delays: Record<string, (args: Args) => number> = {};
  for (const [name, wait] of Object.entries(known.waits))
    delays[name] = (args) => {
      const { ms, of } = wait(args as never);
      note({ actor: addressOf(kind, args), name, gave: ms, because: [of], failed: [] });
      return ms;
    };
  return machine.provide({ guards, delays } as never) as AnyStateMachine;
}

function addressOf(kind: string, { context: { n, sid } }: Args): string {
  if (kind === "turn") return `turn.${n}`;
  return kind === "track" ? `track.${sid}` : kind;
}
