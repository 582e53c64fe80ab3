import { CallBudget, type CallBudgetPorts } from "../../../src/books/call-budget.ts";
import { LedgerActor } from "../../../src/books/ledger-actor.ts";
import { ledgerLeases } from "../../../src/books/ledger-budgets.ts";
import { estimatedTokens } from "../../../src/actors/effects/asked-model.ts";
import type { Voice } from "../../../src/actors/agent-parts.ts";
import type { SupervisorPorts } from "../../../src/actors/supervisor.ts";
import { UsageOutbox } from "../../../src/books/usage-outbox.ts";
import { SimulatedClock, sleep, type Clock } from "../../../src/base/clock.ts";
import { seededIds } from "../../../src/base/id.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { tokensIn } from "../../../src/base/tokens.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { openMemory } from "../../../src/broker/memory/memory-broker.ts";
import type { CallLimits } from "../../../src/events/call.events.ts";
import { ScriptedTts } from "../../../src/providers/scripted/scripted-mouth.ts";
import type { Llm, LlmEvent, LlmRequest } from "../../../src/providers/llm.port.ts";
import { Simulation, type SimulationOptions } from "../../../src/testing/simulation.ts";
import { PICO_PER_USD } from "../../../src/ledger/money.ts";
import { bookOf } from "../../ledger/support/books.ts";

/**
 * A cent of input and of output for each thousand tokens, 200 cents of output for the dearest
 * model; a tenth of a cent per character.
 */
export const PRICES = {
  book: bookOf(
    card("llm", "dear", { inputTokens: "10000000", outputTokens: "10000000" }),
    card("llm", "dearest", { inputTokens: "10000000", outputTokens: "2000000000" }),
    card("llm", "cheap", { inputTokens: "1000000", outputTokens: "1000000" }),
    card("tts", "scripted-tts", { characters: "1000000000" }),
    card("compute", "worker", { connectionMs: "0" }),
    card("stt", "scripted-stt", { audioMs: "10000" }),
  ),
};
export const USD = PICO_PER_USD;
export const CENT = USD / 100n;
export const PER_CHARACTER = 1_000_000_000n;

function card(service: string, model: string, pricePico: object) {
  const provider = service === "compute" ? "own" : "scripted";
  const of = { provider, model, services: [service] };
  return { priceId: `${provider}/${model}`, ...of, pricePico, perUnits: 1 };
}

/** Counts as a vendor does, and ends where it is told to. */
export class FairLlm implements Llm {
  readonly provider = "scripted";
  readonly model: string;
  readonly requests: LlmRequest[] = [];
  readonly #clock: Clock;
  readonly #text: string;

  constructor(clock: Clock, text: string, model = "dear") {
    this.#clock = clock;
    this.#text = text;
    this.model = model;
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent> {
    this.requests.push(request);
    await sleep(this.#clock, 300, signal);
    if (signal.aborted) return;
    const text = this.#text.slice(0, 4 * (request.maxOutputTokens ?? 10_000));
    yield { type: "text", text };
    const { provider, model } = this;
    const inputTokens = estimatedTokens(request);
    const outputTokens = tokensIn(text.length);
    yield {
      type: "usage",
      usage: { provider, model, inputTokens, outputTokens, estimated: false },
    };
  }
}

export const GOODBYE = "The budget is used up. Goodbye.";

/** Calls of one tenant and its ledger, on one clock. */
export class BudgetBench implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly broker: Broker;
  readonly ledger: LedgerActor;
  /** Of all calls and their owners, in the order they began. */
  readonly budgets: CallBudget[] = [];
  readonly #outbox: UsageOutbox;
  #owners = 0;

  private constructor(clock: SimulatedClock, broker: Broker, ledger: LedgerActor) {
    this.clock = clock;
    this.broker = broker;
    this.ledger = ledger;
    this.#outbox = new UsageOutbox({ broker, clock });
  }

  static async open(limits: Readonly<Record<string, bigint>> = {}): Promise<BudgetBench> {
    const clock = new SimulatedClock();
    const broker = openMemory({ clock });
    const bench = new BudgetBench(clock, broker, await openLedger(broker, clock));
    for (const [node, amountPico] of Object.entries(limits)) await bench.limit(node, amountPico);
    return bench;
  }

  /** A further actor of the same ledger, as another worker has. */
  otherLedger(): Promise<LedgerActor> {
    return openLedger(this.broker, this.clock);
  }

  async limit(node: string, amountPico: bigint): Promise<void> {
    const id = `${node}=${amountPico}`;
    await this.ledger.do({ type: "limit", id, node, amountPico });
  }

  async call(options: CallOptions = {}): Promise<Simulation> {
    const { say = "Yes, of course.", limits, ledger = this.ledger, name = "c1", ...more } = options;
    const { leases = () => Promise.resolve(ledgerLeases(ledger)), ...parts } = more;
    const call = await Simulation.open({
      llm: new FairLlm(this.clock, say),
      voices: (clock): readonly Voice[] => [{ tts: new ScriptedTts(clock), name: "scripted" }],
      texts: { overBudget: GOODBYE },
      ...parts,
      clock: this.clock,
      broker: () => Promise.resolve(this.broker),
      budgetFor: this.#budgets(leases),
      call: { call: name, ...(limits && { budget: limits }) },
    });
    return this.#watched(call);
  }

  /** Tells the ledger all that stands in the logs. */
  async told(): Promise<LedgerActor> {
    await this.#outbox.followAll();
    await this.#outbox.idle();
    await this.ledger.catchUp();
    return this.ledger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outbox[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }

  #budgets(leases: CallBudgetPorts["leases"]): NonNullable<SupervisorPorts["budgetFor"]> {
    return (ref, offer) => {
      const budget = new CallBudget(ref, {
        offer,
        clock: this.clock,
        ids: seededIds(++this.#owners * 7919),
        logger: silentLogger,
        log: this.broker.log,
        prices: PRICES,
        leases,
        voicesOf: () => [new ScriptedTts(this.clock)],
      });
      this.budgets.push(budget);
      return budget;
    };
  }

  #watched(call: Simulation): Simulation {
    // Not of the call: it goes on beside the others.
    (call as { [Symbol.asyncDispose]: () => Promise<void> })[Symbol.asyncDispose] = async () =>
      call.supervisor.abandonAll("the test is over");
    return call;
  }
}

interface CallOptions extends Pick<SimulationOptions, "otherLlms" | "llm" | "texts" | "settings"> {
  readonly name?: string;
  /** What the model answers to everything. */
  readonly say?: string;
  readonly limits?: CallLimits;
  readonly ledger?: LedgerActor;
  readonly leases?: CallBudgetPorts["leases"];
}

function openLedger(broker: Broker, clock: Clock): Promise<LedgerActor> {
  return LedgerActor.open({ tenant: "acme", broker, clock, prices: () => PRICES });
}

/** So many questions and what was answered. */
export async function talk(call: Simulation, turns: number): Promise<void> {
  for (let n = 0; n < turns && endOf(call) === undefined; n++) {
    call.say("What do you think of that?");
    await call.run(1_600);
    await call.quiet();
  }
}

/** What the call said, in order. */
export function saidBy(call: Simulation): readonly string[] {
  return call.records.flatMap(({ input, text }) => {
    const event = input["event"] as { type?: string } | undefined;
    return event?.type === "reply.segment" ? [(text!.value as { text: string }).text] : [];
  });
}

export function measuresOf(call: Simulation): readonly string[] {
  return call.records.flatMap(({ input }) =>
    input.type === "budget.changed" ? [input["measure"] as string] : [],
  );
}

/** Why the call ended; undefined while it goes on. */
export function endOf(call: Simulation): unknown {
  return call.records.find(({ input }) => input.type === "call.ended")?.input["reason"];
}
