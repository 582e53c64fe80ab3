import { canonicalJson } from "../../base/digest.ts";
import { AppError, codeOf, toAppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Blobs } from "../../broker/blobs.port.ts";
import { jsonOf } from "../../events/json.ts";
import type { Json } from "../../events/record.ts";
import type { RequestedTool } from "../../events/turn.events.ts";
import type { ReplyInput } from "../../folds/history.ts";
import type { ToolCall } from "../../providers/llm.port.ts";
import { ToolResult, type Tool } from "../../providers/tool.port.ts";
import type { PartsOf } from "../agent-parts.ts";
import type { CallContext, Runner } from "../effect.ts";
import { inTime, LATE } from "./in-time.ts";

/** A function of the user's, run once per call id; its result is recorded and never re-run (E8). */
export interface ToolInput {
  readonly call: string;
  readonly name: string;
  readonly turn: number;
  readonly agent: string;
  readonly key: string;
}

export function toolRunner(partsOf: PartsOf, blobs: Blobs): Runner<ToolInput> {
  return {
    run: async ({ input, call, signal }) => {
      const tool = partsOf(input.agent).tools.find(({ spec }) => spec.name === input.name);
      if (!tool) return { text: { output: { error: `there is no tool ${input.name}` } } };
      const patience = { clock: call.clock, ms: tool.timeoutMs, signal };
      try {
        const output = await inTime(patience, (over) =>
          tool.run(inputOf(call, input), { key: input.key, signal: over }),
        );
        if (output === LATE) return { text: { output: { error: "the tool took too long" } } };
        if (!(output instanceof ToolResult)) return { text: { output: await fit(output, blobs) } };
        checkHandoff(partsOf, call, output);
        return {
          result: jsonOf({ ...output.directive }, "tool.failed"),
          text: { output: await fit(output.output, blobs) },
        };
      } catch (error) {
        // The model is told what was wrong, so that it can ask the caller again.
        const { message } = toAppError(error, "tool.failed");
        return { text: { output: { error: message, code: codeOf(error, "tool.failed") } } };
      }
    },
  };
}

function inputOf({ transcript }: CallContext, { turn, call }: ToolInput): Json {
  const asked = transcript.turns.get(turn)?.runs.flatMap((run) => run.toolCalls) ?? [];
  return asked.find((one) => one.call === call)?.input ?? null;
}

function checkHandoff(partsOf: PartsOf, { header }: CallContext, { directive }: ToolResult): void {
  const { handoff } = directive;
  if (handoff === undefined || handoff === header.agent.name) return;
  try {
    partsOf(handoff);
  } catch (cause) {
    throw new AppError("tool.failed", `there is no agent ${handoff} to hand over to`, { cause });
  }
}

/** What is too large for a record lies in the blobs, and the log has its digest (L9). */
async function fit(returned: unknown, blobs: Blobs): Promise<Json> {
  const output = jsonOf(returned, "tool.failed");
  const inRecord = Buffer.byteLength(JSON.stringify({ output }));
  if (inRecord <= LIMITS.recordBytesMax / 2) return output;
  const bytes = new TextEncoder().encode(JSON.stringify(output));
  return { blob: await blobs.put(bytes), bytes: bytes.length };
}

/** The reply that asks. */
interface Requesting {
  readonly id: string;
  readonly input: Pick<ReplyInput, "agent">;
  readonly call: Pick<CallContext, "transcript">;
}

/** What a reply asks the room to run, and the inputs beside it, which are text. */
export function requestedTools(
  { id, input, call: { transcript } }: Requesting,
  calls: readonly ToolCall[],
  tools: readonly Tool[],
): { readonly toolCalls: readonly RequestedTool[]; readonly inputs: Json } {
  const inputs: Record<string, Json> = {};
  const pending = new Map([...transcript.pending].map(([call, asked]) => [sameAs(asked), call]));
  const toolCalls = calls.map(({ name, input: asked }, index) => {
    const value = jsonOf(asked, "provider.failed");
    // Our own id: a model's may come again, and it names the effect and its key.
    const call = `${id}.${index}`;
    inputs[call] = { name, input: value };
    const tool = tools.find(({ spec }) => spec.name === name);
    const { write = false, idempotent = false } = tool ?? {};
    const what = sameAs({ name, input: value });
    const joins = (write && pending.get(what)) || "";
    if (write && !joins) pending.set(what, call);
    const prefix = input.agent ? `${input.agent}/` : "";
    return {
      call,
      name,
      write,
      idempotent,
      cancels: (tool?.onBargeIn ?? (write ? "finish" : "cancel")) === "cancel",
      sayWhile: tool?.sayWhile === undefined ? "" : `${prefix}tool.${name}`,
      joins,
    };
  });
  return { toolCalls, inputs };
}

/** Calls that ask the same have the same. */
function sameAs({ name, input }: { readonly name: string; readonly input: Json }): string {
  return canonicalJson({ name, input });
}
