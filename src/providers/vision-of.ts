import type { Llm } from "./llm.port.ts";
import type { LookRequest, Vision, VisionEvent } from "./vision.port.ts";

/** Any language model that takes images, as one that tells what it sees. */
export function visionOf(llm: Llm): Vision {
  const { provider, model } = llm;
  return { provider, model, look: (request, signal) => look(llm, request, signal) };
}

async function* look(
  llm: Llm,
  { images, prompt, maxOutputTokens }: LookRequest,
  signal: AbortSignal,
): AsyncGenerator<VisionEvent> {
  const messages = [{ role: "user", text: prompt, images }] as const;
  const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens };
  // Usage adds up, so the images are told with the first of it alone.
  let untold = images.length;
  for await (const event of llm.stream({ messages, tools: [], ...limit }, signal)) {
    if (event.type === "text") yield event;
    if (event.type !== "usage") continue;
    yield { type: "usage", usage: { ...event.usage, images: untold } };
    untold = 0;
  }
}
