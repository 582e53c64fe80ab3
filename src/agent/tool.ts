import { z } from "zod";
import { durationMs, type Duration } from "../base/duration.ts";
import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import { ToolResult, type Tool, type ToolContext } from "../providers/tool.port.ts";

/**
 * A function the model may call. Its input is checked by the schema before `run` sees it; what it
 * returns is recorded and told to the model, and a replay never runs it again.
 */
export interface ToolOptions<Schema extends z.ZodType> {
  /** What it does and when to use it, for the model. */
  readonly description: string;
  readonly input: Schema;
  run(
    input: z.output<Schema>,
    context: ToolContext,
  ): Json | ToolResult | Promise<Json | ToolResult>;
  /** The model is told that the tool took too long; default `'15s'`. */
  readonly timeout?: Duration;
  /** Said once where the tool takes its time: "One moment, I am looking." */
  readonly sayWhile?: string;
  /**
   * It changes the world: it always finishes, and is never run twice for one request of the model.
   * `context.key` is its idempotency key.
   */
  readonly write?: boolean;
  /** The far side honours the key: after a crash the write may be asked for again. */
  readonly idempotent?: boolean;
  /** What the caller's barge-in does; default: a write finishes, anything else is cancelled. */
  readonly onBargeIn?: "finish" | "cancel";
}

/** A tool as an agent keeps it; its name is its key in `tools`. */
export interface ToolDefinition {
  readonly named: (name: string) => Tool;
}

/** Error `config.invalid` where options do not fit together, naming the field and the fix. */
export function tool<Schema extends z.ZodType>(options: ToolOptions<Schema>): ToolDefinition {
  const { write = false, sayWhile, description } = options;
  if (typeof description !== "string" || description.trim() === "")
    throw new AppError(
      "config.invalid",
      "description: say what the tool does and when to use it, for the model",
    );
  if (write && options.onBargeIn === "cancel")
    throw new AppError(
      "config.invalid",
      "onBargeIn: a write tool always finishes; drop `write` or `onBargeIn: 'cancel'`",
    );
  const onBargeIn = options.onBargeIn ?? (write ? "finish" : "cancel");
  const timeoutMs = durationMs(options.timeout ?? "15s", "timeout");
  const parameters = parametersOf(options.input);
  const checked = (input: Json, name: string) => parse(options.input, input, name);
  return {
    named: (name) => ({
      spec: { name, description, parameters },
      write,
      idempotent: options.idempotent ?? false,
      timeoutMs,
      onBargeIn,
      ...(sayWhile !== undefined && { sayWhile }),
      check: (input) => checked(input, name),
      run: async (input, context) => options.run(checked(input, name), context),
    }),
  };
}

/** JSON Schema of the input: a model gives named values, so nothing but an object will do. */
function parametersOf(input: z.ZodType): Json {
  const refuse = (why: string, cause?: unknown): never => {
    throw new AppError("config.invalid", `input: ${why}`, { cause });
  };
  if (typeof input?.safeParse !== "function") refuse("give a schema, as z.object({…})");
  try {
    const schema = z.toJSONSchema(input, { io: "input" });
    if (schema.type === "object") return schema as Json;
  } catch (cause) {
    refuse(`a model cannot be told this schema: ${(cause as Error).message}`, cause);
  }
  return refuse("give a schema, as z.object({…})");
}

/** Another agent of the call goes on from here; the model that answers next is already its own. */
export function handoff(agent: string, output: Json = { handedTo: agent }): ToolResult {
  return new ToolResult(output, { handoff: agent });
}

/** The agent leaves once it has answered. */
export function hangUp(output: Json = { ending: true }): ToolResult {
  return new ToolResult(output, { hangUp: true });
}

function parse<Schema extends z.ZodType>(schema: Schema, input: Json, name: string) {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new AppError("input.invalid", `input of ${name}: ${z.prettifyError(parsed.error)}`);
}
