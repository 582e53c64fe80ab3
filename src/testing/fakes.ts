import { sleep, type SimulatedClock } from "../base/clock.ts";
import { durationMs, type Duration } from "../base/duration.ts";
import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import type { Tool, ToolContext, ToolResult } from "../providers/tool.port.ts";

/**
 * Runs in the place of a tool of the agent; the agent's schema has checked the input before. A
 * method, so that a fake may name the fields it wants: `({ day }: { day: string }) => …`.
 */
export type Fake = {
  fake(input: Fields, context: ToolContext): Output | After | Promise<Output | After>;
}["fake"];
type Fields = Readonly<Record<string, Json>>;
type Output = Json | ToolResult;

/** An output that takes its time on the call's clock. */
export class After {
  readonly ms: number;
  readonly output: Output;

  constructor(ms: number, output: Output) {
    this.ms = ms;
    this.output = output;
  }
}

/** For a fake: `book: () => after('4s', { table: 7 })` takes four seconds of the call. */
export function after(duration: Duration, output: Output): After {
  return new After(durationMs(duration, "after"), output);
}

/** A fake that gives these outputs in their order, and the last one from then on. */
export function returns(...outputs: readonly [Output | After, ...(Output | After)[]]): Fake {
  let runs = 0;
  return () => outputs[Math.min(runs++, outputs.length - 1)]!;
}

/** One run of a tool. */
export interface ToolCallSeen {
  readonly name: string;
  readonly input: Json;
}

interface Watching {
  readonly clock: SimulatedClock;
  readonly seen: ToolCallSeen[];
  /** A tool of the agent threw. */
  readonly told: (name: string, error: unknown) => void;
}

/**
 * The agent's tools with fakes in their places, each run noted. What a fake throws was written to
 * be thrown; what a tool of the agent throws is told, unless its input does not fit or it was told
 * to stop.
 */
export function withFakes(
  tools: readonly Tool[],
  fakes: Readonly<Record<string, Fake>>,
  { clock, seen, told }: Watching,
): readonly Tool[] {
  return tools.map((tool) => {
    const { name } = tool.spec;
    const fake = fakes[name];
    const run = async (input: Json, context: ToolContext): Promise<Output> => {
      seen.push({ name, input });
      if (!fake)
        return clock.hold(Promise.try(() => tool.run(input, context))).catch((error: unknown) => {
          if (!context.signal.aborted && !isRefusal(error)) told(name, error);
          throw error;
        });
      const checked = tool.check ? tool.check(input) : input;
      const given = await clock.hold(Promise.try(() => fake(checked as Fields, context)));
      if (!(given instanceof After)) return given;
      await sleep(clock, given.ms, context.signal);
      return given.output;
    };
    return { ...tool, run };
  });
}

/** What the model sent does not fit the schema: the model's fault, and told to it. */
function isRefusal(error: unknown): boolean {
  return error instanceof AppError && error.code === "input.invalid";
}

/** Error `config.invalid` for a fake of a tool that is not there, and for what is no function. */
export function checkFakes(fakes: Readonly<Record<string, Fake>>, names: readonly string[]): void {
  for (const [name, fake] of Object.entries(fakes)) {
    if (!names.includes(name))
      throw new AppError("config.invalid", `tools.${name}: ${noSuchTool(name, names)}`);
    if (typeof fake === "function") continue;
    const given = (fake as unknown) instanceof After ? 'after("4s", output)' : "output";
    const right = `write \`returns(${given})\` or a function`;
    throw new AppError("config.invalid", `tools.${name}: a fake is a function; ${right}`);
  }
}

export function noSuchTool(name: string, names: readonly string[]): string {
  return `the agent has no tool ${name}; there are: ${names.join(", ") || "none"}`;
}
