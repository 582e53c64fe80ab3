import type { Tool } from "../providers/tool.port.ts";
import { voiceAgent, type VoiceAgent } from "./voice-agent.ts";

/** What it may be told from outside. */
export interface BundledAgentOptions {
  readonly language?: string;
  readonly greeting?: string;
  readonly systemPrompt?: string;
  readonly allowInterruptions?: boolean;
}

const LINES = {
  apology: "I am sorry, that did not work. Could you say it again?",
  unheard: "I cannot hear you just now. Please type what you would like to say.",
  away: "Are you still there?",
  farewell: "Goodbye, and thank you for calling.",
  filler: "One moment, please.",
  outage: "Please hold the line for a moment.",
};

/**
 * The agent that answers when nothing else is configured: a restaurant's receptionist with the
 * given tools, or, with instructions of its own, an assistant without any.
 */
export function bundledAgent(options: BundledAgentOptions, tools: readonly Tool[]): VoiceAgent {
  const { language = "en", greeting, systemPrompt, allowInterruptions = true } = options;
  const common = { ...LINES, language, turn: { interruption: { enabled: allowInterruptions } } };
  if (systemPrompt !== undefined)
    return voiceAgent({
      ...common,
      name: "assistant",
      instructions: systemPrompt,
      greeting: greeting ?? "Hello! How can I help you?",
    });
  const agent = voiceAgent({
    ...common,
    name: "receptionist",
    instructions:
      "You are the receptionist of Juniper House, a small restaurant. " +
      "Answer in one or two short sentences.",
    greeting: greeting ?? "Hello, this is Juniper House. How can I help you?",
  });
  return { ...agent, tools };
}
