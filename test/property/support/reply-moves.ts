import type { RunningEffect } from "../../../src/actors/effect.ts";
import { requestedTools } from "../../../src/actors/effects/tool.runner.ts";
import type { Tool } from "../../../src/providers/tool.port.ts";
import { wordsOf } from "../../../src/folds/features.ts";
import type { ReplyInput } from "../../../src/folds/history.ts";
import { markOf, SENTENCES, TOOLS } from "./phrases.ts";
import type { FakeEffect, World } from "./world.ts";

/**
 * What a reply and a tool say while they run, and how they end. The next thing a reply meets: its
 * request, a sentence, its sound, how far it was played.
 */
export function tellReply(world: World, fx: FakeEffect): boolean {
  const { dice } = world;
  const input = fx.effect.input as ReplyInput;
  if (input.saying === null && !fx.joined) return tellRequest(world, fx);
  if (input.saying === null && dice.chance(0.05)) return tellFault(world, fx);
  if (!fx.committed) return false;
  return tellSpeech(world, fx);
}

/** What covers a wait says its text and then ends by itself. */
export function tellFiller(world: World, fx: FakeEffect): boolean {
  world.coverage.count("filler.tells");
  return tellSpeech(world, fx);
}

export function endFiller(world: World, fx: FakeEffect): boolean {
  const position = lengthOf(fx);
  if (position === 0 || (fx.paused && fx.positionMs < position)) return false;
  world.end(fx, { position, usage: [usageOf("tts")] });
  return true;
}

export function endHook(world: World, fx: FakeEffect): boolean {
  world.end(fx, { text: { output: world.dice.int(9) } });
  return true;
}

function tellSpeech(world: World, fx: FakeEffect): boolean {
  const { dice } = world;
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
  const position = lengthOf(fx);
  // A held answer has not been played out.
  if (fx.paused && fx.positionMs < position) return false;
  const wantsTools = saying === null && dice.chance(0.35);
  const usage = [usageOf("llm"), usageOf("tts")];
  if (!wantsTools) {
    if (fx.told.length === 0 && dice.chance(0.7)) return false;
    world.end(fx, { position, usage });
    return true;
  }
  const calls = Array.from({ length: dice.between(1, 2) }, (_, index) => ({
    id: `${index}`,
    name: dice.pick(TOOLS),
    input: { day: dice.pick(["sunday", "monday"]) },
  }));
  const effect = fx.effect as RunningEffect<ReplyInput>;
  const { toolCalls, inputs } = requestedTools(effect, calls, OFFERED);
  for (const call of toolCalls) {
    world.asked.set(call.call, call);
    if (call.joins !== "") world.coverage.count("tool.joined");
  }
  world.end(fx, { position, usage, result: { toolCalls } as never, text: inputs });
  return true;
}

export function tellTool(world: World, fx: FakeEffect): boolean {
  const { dice, coverage } = world;
  const usage = [usageOf("tool")];
  const text = { output: { tables: dice.int(9) } };
  if (dice.chance(0.8)) world.end(fx, { text, usage });
  else {
    const result = dice.pick(DIRECTIVES);
    for (const [name, to] of Object.entries(result)) coverage.count(`tool.${name} ${String(to)}`);
    world.end(fx, { text, usage, result });
  }
  return true;
}

const HAND_OVERS = ["cook", "cook", "property", "nobody"].map((handoff) => ({ handoff }));
/** What a result asks of the call. */
const DIRECTIVES = [...HAND_OVERS, ...HAND_OVERS, { hangUp: true }];

const OFFERED: readonly Tool[] = TOOLS.map((name) => ({
  spec: { name, description: name, parameters: {} },
  write: name !== "look",
  idempotent: name === "book",
  timeoutMs: 1_000,
  ...(name !== "charge" && { sayWhile: "I look into it." }),
  run: () => Promise.resolve(null),
}));

function tellFault(world: World, fx: FakeEffect): true {
  const what = world.dice.pick(["model", "voice"]);
  const again = { attempt: 2, why: "provider.failed", waitMs: 90 };
  if (world.dice.chance(0.4))
    return world.progress(fx, { type: "reply.retried", what, of: "a", ...again });
  return world.progress(fx, { type: "reply.switched", what, from: "a", to: "b", why: "late" });
}

function tellRequest(world: World, fx: FakeEffect): true {
  // What a hook gives comes first, and is part of the request that the digest is of.
  if (world.dice.chance(0.1)) {
    const late = { type: "reply.context", hook: "beforeReply", how: "late", chars: 0, ms: 2_000 };
    return world.progress(fx, late);
  }
  fx.joined = true;
  const asked = { provider: "fake", model: "fake", digest: fx.digest, tools: TOOLS };
  world.progress(fx, { type: "reply.requested", ...asked, upTo: fx.effect.upTo });
  return true;
}

function tellSentence(world: World, fx: FakeEffect): true {
  const text = `${markOf(++world.sentences)} ${world.dice.pick(SENTENCES)}`;
  const ref = `${fx.effect.id}.${fx.told.length}`;
  const words = wordsOf(text).length;
  const first = fx.told.length === 0 && fx.src === "reply" ? { ttftMs: 300 } : {};
  fx.told.push({ ref, words, ms: 0 });
  const features = { chars: text.length, words, question: text.endsWith("?") };
  world.progress(fx, { type: `${fx.src}.segment`, ref, ...features, ...first }, { text });
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
  const length = lengthOf(fx);
  const played = fx.paused ? 0 : world.dice.int(600);
  fx.positionMs = Math.min(length, fx.positionMs + played);
  world.progress(fx, { type: `${fx.src}.position`, ms: Math.round(fx.positionMs) });
  return true;
}

function lengthOf({ told }: FakeEffect): number {
  return told.reduce((sum, { ms }) => sum + ms, 0);
}

function usageOf(service: "llm" | "tts" | "tool") {
  const fake = { provider: "fake", model: "fake", meter: "requests" } as const;
  return { service, ...fake, quantity: 1, estimated: false } as const;
}
