import type { Json } from "../../../src/events/record.ts";
import { wordsOf } from "../../../src/folds/features.ts";
import type { ReplyInput } from "../../../src/folds/history.ts";
import { SENTENCES, TOOLS } from "./phrases.ts";
import type { FakeEffect, World } from "./world.ts";

/**
 * What a reply and a tool say while they run, and how they end. The next thing a reply meets: its
 * request, a sentence, its sound, how far it was played.
 */
export function tellReply(world: World, fx: FakeEffect): boolean {
  const { dice } = world;
  const input = fx.effect.input as ReplyInput;
  if (input.saying === null && !fx.joined) return tellRequest(world, fx);
  if (!fx.committed) return false;
  const silent = fx.told.find((segment) => segment.ms === 0);
  const choice = dice.next();
  if (silent && choice < 0.4) return tellSound(world, fx, silent);
  if (fx.told.length > 0 && choice < 0.75) return tellPosition(world, fx);
  return tellSentence(world, fx);
}

export function endReply(world: World, fx: FakeEffect): boolean {
  const { dice } = world;
  const { saying } = fx.effect.input as ReplyInput;
  if (!fx.committed) return false;
  const position = Math.round(fx.told.reduce((sum, { ms }) => sum + ms, 0));
  // A held answer has not been played out.
  if (fx.paused && fx.positionMs < position) return false;
  const wantsTools = saying === null && dice.chance(0.35);
  const usage = [usageOf("llm"), usageOf("tts")];
  if (!wantsTools) {
    if (fx.told.length === 0 && dice.chance(0.7)) return false;
    world.end(fx, { position, usage });
    return true;
  }
  const inputs: Record<string, Json> = {};
  const toolCalls = Array.from({ length: dice.between(1, 2) }, (_, index) => {
    const call = `${fx.effect.id}.${index}`;
    const name = dice.pick(TOOLS);
    inputs[call] = { name, input: { day: "sunday" } };
    return { call, name, write: name !== "look", idempotent: name === "book" };
  });
  world.end(fx, { position, usage, result: { toolCalls }, text: inputs });
  return true;
}

export function tellTool(world: World, fx: FakeEffect): boolean {
  world.end(fx, { text: { output: { tables: world.dice.int(9) } }, usage: [usageOf("tool")] });
  return true;
}

function tellRequest(world: World, fx: FakeEffect): true {
  fx.joined = true;
  const asked = { provider: "fake", model: "fake", digest: fx.digest, tools: TOOLS };
  world.progress(fx, { type: "reply.requested", ...asked, upTo: fx.effect.upTo });
  return true;
}

function tellSentence(world: World, fx: FakeEffect): true {
  const text = world.dice.pick(SENTENCES);
  const ref = `${fx.effect.id}.${fx.told.length}`;
  const words = wordsOf(text).length;
  const first = fx.told.length === 0 ? { ttftMs: 300 } : {};
  fx.told.push({ ref, words, ms: 0 });
  const features = { chars: text.length, words, question: text.endsWith("?") };
  world.progress(fx, { type: "reply.segment", ref, ...features, ...first }, { text });
  return true;
}

function tellSound(world: World, fx: FakeEffect, segment: FakeEffect["told"][number]): true {
  segment.ms = segment.words * 300;
  const wordEndsMs = Array.from({ length: segment.words }, (_, i) => (i + 1) * 300);
  const { ref, ms } = segment;
  world.progress(fx, { type: "speech.segment", ref, ms, wordEndsMs, estimated: false });
  return true;
}

function tellPosition(world: World, fx: FakeEffect): true {
  const length = fx.told.reduce((sum, { ms }) => sum + ms, 0);
  const played = fx.paused ? 0 : world.dice.int(600);
  fx.positionMs = Math.min(length, fx.positionMs + played);
  world.progress(fx, { type: "reply.position", ms: Math.round(fx.positionMs) });
  return true;
}

function usageOf(service: "llm" | "tts" | "tool") {
  const fake = { provider: "fake", model: "fake", meter: "units" };
  return { service, ...fake, quantity: 1, estimated: false } as const;
}
