import { codeOf, toAppError } from "../../base/errors.ts";
import { sleep } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Blobs } from "../../broker/blobs.port.ts";
import type { Json } from "../../events/record.ts";
import type { Tool } from "../../providers/tool.port.ts";
import type { CallContext, Runner } from "../effect.ts";

/** A function of the user's, run once per call id; its result is recorded and never re-run (E8). */
export interface ToolInput {
  readonly call: string;
  readonly name: string;
  readonly turn: number;
  readonly key: string;
}

export function toolRunner(tools: readonly Tool[], blobs: Blobs): Runner<ToolInput> {
  return {
    run: async ({ input, call, signal }) => {
      const tool = tools.find(({ spec }) => spec.name === input.name);
      if (!tool) return { text: { output: { error: `there is no tool ${input.name}` } } };
      const abort = new AbortController();
      signal.addEventListener("abort", () => abort.abort(), { once: true });
      const timeout = sleep(call.clock, tool.timeoutMs, abort.signal).then(() => TIMED_OUT);
      const context = { key: input.key, signal: abort.signal };
      try {
        const work = tool.run(inputOf(call, input), context);
        const output = await Promise.race([work, timeout]);
        if (output === TIMED_OUT) return { text: { output: { error: "the tool took too long" } } };
        return { text: { output: await fit(output as Json, blobs) } };
      } catch (error) {
        // The model is told what was wrong, so that it can ask the caller again.
        const { message } = toAppError(error, "tool.failed");
        return { text: { output: { error: message, code: codeOf(error, "tool.failed") } } };
      } finally {
        abort.abort();
      }
    },
  };
}

const TIMED_OUT = Symbol("timed out");

function inputOf({ transcript }: CallContext, { turn, call }: ToolInput): Json {
  const asked = transcript.turns.get(turn)?.runs.flatMap((run) => run.toolCalls) ?? [];
  return asked.find((one) => one.call === call)?.input ?? null;
}

/** What is too large for a record lies in the blobs, and the log has its digest (L9). */
async function fit(output: Json, blobs: Blobs): Promise<Json> {
  const text = JSON.stringify(output);
  if (text.length < LIMITS.recordBytesMax / 2) return output;
  return { blob: await blobs.put(new TextEncoder().encode(text)), bytes: text.length };
}
