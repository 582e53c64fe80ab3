import type { Tool } from "../providers/tool.port.ts";
import { voiceAgent, type VoiceAgent } from "./voice-agent.ts";

/** The sample agent that answers when nothing else is configured. */
export function openReceptionist(tools: readonly Tool[]): VoiceAgent {
  const agent = voiceAgent({
    name: "receptionist",
    instructions:
      "You are the receptionist of Juniper House, a small restaurant. " +
      "Answer in one or two short sentences.",
    greeting: "Hello, this is Juniper House. How can I help you?",
    apology: "I am sorry, that did not work. Could you say it again?",
    unheard: "I cannot hear you just now. Please type what you would like to say.",
    away: "Are you still there?",
    farewell: "Goodbye, and thank you for calling.",
    filler: "One moment, please.",
    outage: "Please hold the line for a moment.",
    model: "receptionist",
  });
  return { ...agent, tools };
}
