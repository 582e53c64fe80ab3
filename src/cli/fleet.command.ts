import { sleep, systemClock } from "../base/clock.ts";
import type { Config } from "../config.ts";
import { FleetAnswer } from "../events/fleet.events.ts";
import { openStore, storeName, type Broker } from "../main.ts";
import { askFleet } from "./ask-fleet.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { EXIT, usageError, type Output } from "./output.ts";
import { stopped } from "./start.command.ts";
import { duration, printTable } from "./table.ts";

/** `turnfold fleet --json`. */
export const FleetReport = FleetAnswer;

interface Options {
  readonly watch?: boolean;
}

const WATCH_EVERY_MS = 1_000;

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "fleet",
    summary: "say which workers run, how busy they are, and which rooms wait for an agent",
    details: "Exit code 1 where no worker runs.",
    options: [{ flags: "--watch", description: "again every second, until it is stopped" }],
    examples: ["fleet", "fleet --watch", "fleet --json | jq .queue.count"],
    run: runFleet,
  });
};

async function runFleet({ options, config, out }: Invocation<Options>): Promise<number> {
  if (options.watch && out.isJson)
    throw usageError("a fleet that is watched is no one document", "leave out --watch or --json");
  await using broker = await openStore(config, true);
  if (options.watch) return await watch(config, broker, out);
  const fleet = await askFleet(config, broker);
  out.json(FleetReport, fleet);
  print(fleet, config, out);
  return fleet.workers.length > 0 ? EXIT.ok : EXIT.failed;
}

async function watch(config: Config, broker: Broker, out: Output): Promise<number> {
  const over = new AbortController();
  void stopped(out.signal).then(() => over.abort());
  while (!over.signal.aborted && !out.signal?.aborted) {
    const fleet = await askFleet(config, broker);
    out.clear();
    print(fleet, config, out);
    await sleep(systemClock, WATCH_EVERY_MS, over.signal);
  }
  return EXIT.ok;
}

const COLUMNS = ["worker", "state", "calls", "delay", "cpu", "up", "build"];

function print({ workers, calls, capacity, queue }: FleetAnswer, config: Config, out: Output) {
  const now = systemClock.now();
  if (workers.length === 0) out.line(`no worker runs on ${storeName(config)}`);
  else
    printTable(
      COLUMNS,
      workers.map((worker) => [
        worker.worker,
        worker.state,
        of(worker.calls.count, worker.capacity),
        `${worker.load.loopDelayMs.toFixed(0)} ms`,
        `${(100 * worker.load.cpuShare).toFixed(0)}%`,
        duration(now - worker.since),
        worker.build,
      ]),
      out,
    );
  const room = (count: number): string => (count === 1 ? "1 room" : `${count} rooms`);
  const lines = [
    capacity === 0 && calls === 1 ? "1 call" : `${of(calls, capacity)} calls`,
    queue.count === 0
      ? "nobody waits for an agent"
      : `${room(queue.count)} waiting for an agent, the first for ${duration(queue.oldestMs)}`,
    ...workers.flatMap(({ worker, breakers }) =>
      breakers.map(
        ({ service, provider, model, since }) =>
          `${worker} has not asked ${service} ${provider}/${model} for ${duration(now - since)}`,
      ),
    ),
    ...(queue.orphans === 0 ? [] : [`${room(queue.orphans)} whose worker is gone`]),
  ];
  out.line(lines.join("; "));
}

function of(count: number, capacity: number): string {
  return capacity === 0 ? String(count) : `${count} of ${capacity}`;
}
