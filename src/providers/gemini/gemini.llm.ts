import { GoogleGenAI, type GenerateContentParameters, type ThinkingLevel } from "@google/genai";
import type { Content, GenerateContentConfig, GenerateContentResponse } from "@google/genai";
import type { Part as GeminiPart, ThinkingConfig } from "@google/genai";
import { AppError } from "../../base/errors.ts";
import type { Json } from "../../events/record.ts";
import { alternate, type Part, type Side } from "../alternating.ts";
import type { Llm, LlmEvent, LlmRequest, ToolCall } from "../llm.port.ts";
import { answeredBy, base64Of, brokenOff, refused, RunningUsage } from "../vendor-llm.ts";
import { vendorStream, type VendorLlmOptions } from "../vendor-llm.ts";
import { Signatures } from "./signatures.ts";

/**
 * A Gemini model. `MAX_TOKENS` ends an answer as `STOP` does; what it blocks is the error
 * `provider.refused`, a call that it got wrong `provider.garbled`.
 */
const PROVIDER = "gemini";

const ENDS = new Set(["STOP", "MAX_TOKENS"]);
const GARBLED = new Set(["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"]);
const FAILED = new Set(["FINISH_REASON_UNSPECIFIED", "OTHER", "CONTINUATION"]);

/** `effort`: `none` (no budget for thoughts), or a level from `minimal` to `high`. */
export function createGeminiLlm(options: VendorLlmOptions): Llm {
  const { key, model, baseUrl } = options;
  const vendor = { provider: PROVIDER, keyName: "GEMINI_API_KEY", key };
  const httpOptions = baseUrl === undefined ? {} : { baseUrl };
  const client = new GoogleGenAI({ apiKey: key, vertexai: false, httpOptions });
  const signatures = new Signatures();
  async function* ask(request: LlmRequest, abortSignal: AbortSignal): AsyncGenerator<LlmEvent> {
    const { system, sides } = alternate(request.messages);
    const contents = sides.map((side, index) => toContent(side, signatures.of(sides, index)));
    const config = { ...toConfig(options, request, system), abortSignal };
    const asked: GenerateContentParameters = { model, contents, config };
    const answer = new Answer(model);
    for await (const chunk of await client.models.generateContentStream(asked))
      yield* answer.take(chunk);
    const { calls, signature } = answer.end();
    if (calls[0]) signatures.keep(sides, calls[0], signature);
    for (const call of calls) yield { type: "toolCall", call };
  }
  return {
    provider: PROVIDER,
    model,
    stream: (request, signal) => vendorStream(vendor, signal, (own) => ask(request, own)),
  };
}

function toConfig(
  { effort }: VendorLlmOptions,
  { tools, maxOutputTokens }: LlmRequest,
  system: string,
): GenerateContentConfig {
  const functionDeclarations = tools.map(({ name, description, parameters }) => ({
    name,
    description,
    parametersJsonSchema: parameters,
  }));
  return {
    ...(system && { systemInstruction: system }),
    ...(tools.length > 0 && { tools: [{ functionDeclarations }] }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(effort !== undefined && { thinkingConfig: thinkingOf(effort) }),
  };
}

function thinkingOf(effort: string): ThinkingConfig {
  if (effort === "none") return { thinkingBudget: 0 };
  return { thinkingLevel: effort.toUpperCase() as ThinkingLevel };
}

function toContent({ role, parts }: Side, signature: string | undefined): Content {
  const first = parts.findIndex(({ type }) => type === "call");
  const all = parts.map((part, index) => {
    const thoughtSignature = index === first ? signature : undefined;
    return { ...toPart(part), ...(thoughtSignature && { thoughtSignature }) };
  });
  return { role: role === "user" ? "user" : "model", parts: all };
}

function toPart(part: Part): GeminiPart {
  switch (part.type) {
    case "text":
      return { text: part.text };
    case "image":
      return { inlineData: { mimeType: part.image.mime, data: base64Of(part.image) } };
    case "call": {
      const { id, name, input } = part;
      return { functionCall: { id, name, args: input as Record<string, unknown> } };
    }
    case "result": {
      const { id, name, output } = part;
      return { functionResponse: { id, name, response: { output } } };
    }
  }
}

class Answer {
  readonly #model: string;
  readonly #calls: ToolCall[] = [];
  #signature: string | undefined;
  #usage: RunningUsage | undefined;
  #finish: string | undefined;
  #blocked: string | undefined;

  constructor(model: string) {
    this.#model = model;
  }

  *take(chunk: GenerateContentResponse): Generator<LlmEvent> {
    yield* this.#count(chunk);
    const candidate = chunk.candidates?.[0];
    for (const part of candidate?.content?.parts ?? []) {
      if (part.functionCall) this.#call(part);
      else if (part.text && !part.thought) yield { type: "text", text: part.text };
    }
    this.#finish = candidate?.finishReason ?? this.#finish;
    this.#blocked = chunk.promptFeedback?.blockReason ?? this.#blocked;
  }

  /** Errors `provider.unavailable` where it broke off, `.refused`, `.garbled`, `.failed`. */
  end(): { readonly calls: readonly ToolCall[]; readonly signature: string | undefined } {
    if (this.#blocked) throw refused(PROVIDER, this.#blocked);
    if (!this.#finish) throw brokenOff(PROVIDER);
    if (!ENDS.has(this.#finish)) throw ofFinish(this.#finish);
    return { calls: this.#calls, signature: this.#signature };
  }

  #call({ functionCall, thoughtSignature }: GeminiPart): void {
    const { id, name = "", args = {} } = functionCall!;
    const input = args as Json;
    this.#signature ??= thoughtSignature;
    this.#calls.push({ id: id ?? `${this.#calls.length}`, name, input });
  }

  /** Its prompt holds what was cached; its candidates are without the thoughts. */
  *#count({ usageMetadata: usage, modelVersion }: GenerateContentResponse): Generator<LlmEvent> {
    if (!usage) return;
    const cached = usage.cachedContentTokenCount ?? 0;
    const model = answeredBy(this.#model, modelVersion);
    this.#usage ??= new RunningUsage({ provider: PROVIDER, model });
    yield* this.#usage.add({
      inputTokens: (usage.promptTokenCount ?? 0) - cached + (usage.toolUsePromptTokenCount ?? 0),
      cacheReadTokens: cached,
      outputTokens: usage.candidatesTokenCount,
      reasoningTokens: usage.thoughtsTokenCount,
    });
  }
}

function ofFinish(finish: string): AppError {
  if (GARBLED.has(finish))
    return new AppError("provider.garbled", `${PROVIDER}: the model made a bad call: ${finish}`);
  if (FAILED.has(finish))
    return new AppError("provider.failed", `${PROVIDER}: the answer ended by ${finish}`);
  return refused(PROVIDER, finish);
}
