import type { Broker } from "../../../src/broker/broker.ts";
import type { EventLog } from "../../../src/broker/event-log.port.ts";
import { openMemory } from "../../../src/broker/memory/memory-broker.ts";
import type { LogRecord } from "../../../src/events/record.ts";
import { Simulation, type SimulationOptions } from "../../../src/testing/simulation.ts";
import { CALL_MAX_MS, type ScriptedCall } from "./calls.ts";

/**
 * Where the owner of a call may die around one record. `before append`: nothing of it is in the
 * log. `before ack`: it is, and its owner never learned it. `before effect`: it learned it, and
 * did nothing of what the record asks for. `between records`: all was done.
 */
export type CrashPoint = "before append" | "before ack" | "before effect" | "between records";

export interface Crash {
  readonly point: CrashPoint;
  readonly seq: number;
}

/** Runs a scripted call to its end; at the crash its owner dies and another takes the call. */
export async function playCall(
  call: ScriptedCall,
  more: SimulationOptions = {},
  crash?: Crash,
): Promise<Simulation> {
  const trap = new Trap(crash);
  const broker = (clock: Simulation["clock"]): Promise<Broker> =>
    Promise.resolve(trap.around(openMemory({ clock })));
  const simulation = await Simulation.open({ broker, ...call.options, ...more });
  simulation.supervisor.onRecord((_, record) => trap.acknowledged(simulation, record));
  const over = (): boolean => simulation.records.at(-1)?.input.type === "call.ended";
  const unanswered: Step[] = [];
  const run = (step: Step): void =>
    void Promise.try(() => step(simulation)).catch(() => unanswered.push(step));
  const until = async (ms: number): Promise<void> => {
    const to = simulation.startedAt + ms;
    await simulation.clock.run(to, () => trap.sprung || over());
    if (!trap.sprung) return;
    trap.close();
    await simulation.takeover();
    // Whoever gave a command and got no answer gives it again.
    for (const step of unanswered.splice(0)) run(step);
    await simulation.clock.run(to, over);
  };
  for (const [at, step] of call.steps) {
    await until(at);
    if (!over()) run(step);
  }
  await until(CALL_MAX_MS);
  return simulation;
}

type Step = ScriptedCall["steps"][number][1];

/** Lets the owner die at one point; once closed it does nothing. */
class Trap {
  sprung = false;
  readonly #crash: Crash | undefined;
  #closed = false;

  constructor(crash: Crash | undefined) {
    this.#crash = crash;
  }

  close(): void {
    this.sprung = false;
    this.#closed = true;
  }

  around(broker: Broker): Broker {
    return { ...broker, log: this.#log(broker.log), ...disposeOf(broker) };
  }

  /** Called within the acknowledgement, before anything of the record is run. */
  acknowledged(simulation: Simulation, { seq }: LogRecord): void {
    if (!this.#isAt("before effect", seq) && !this.#isAt("between records", seq)) return;
    this.sprung = true;
    if (this.#crash?.point === "before effect") simulation.supervisor.abandonAll("it died");
  }

  #isAt(point: CrashPoint, seq: number): boolean {
    return !this.#closed && this.#crash?.point === point && this.#crash.seq === seq;
  }

  #log(log: EventLog): EventLog {
    return {
      append: (ref, expect, records) => {
        const dies = (point: CrashPoint): boolean =>
          records.some(({ seq }) => this.#isAt(point, seq)) || (this.sprung && !this.#closed);
        const never = new Promise<never>(() => undefined);
        if (dies("before append")) this.sprung = true;
        else if (!dies("before ack")) return log.append(ref, expect, records);
        else if (!this.sprung) {
          this.sprung = true;
          void log.append(ref, expect, records);
        }
        return never;
      },
      read: (ref, from) => log.read(ref, from),
      tail: (ref) => log.tail(ref),
      calls: (tenant) => log.calls(tenant),
      saveSnapshot: (ref, seq, bytes) => log.saveSnapshot(ref, seq, bytes),
      loadSnapshot: (ref, seq) => log.loadSnapshot(ref, seq),
      eraseText: (ref) => log.eraseText(ref),
    };
  }
}

function disposeOf(broker: Broker): Pick<Broker, typeof Symbol.asyncDispose> {
  return { [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}
