import { canonicalJson, shortHash } from "../base/digest.ts";
import type { AgentTexts } from "../events/call.events.ts";

/** An agent as a call's header knows it: its words, and a hash that changes when they do. */
export interface AgentDefinition {
  readonly name: string;
  readonly hash: string;
  readonly texts: AgentTexts;
}

const texts: AgentTexts = {
  instructions:
    "You are the receptionist of Juniper House, a small restaurant. " +
    "Answer in one or two short sentences.",
  greeting: "Hello, this is Juniper House. How can I help you?",
  apology: "I am sorry, that did not work. Could you say it again?",
  away: "Are you still there?",
  farewell: "Goodbye, and thank you for calling.",
};

/** The sample agent that answers when nothing else is configured. */
export const RECEPTIONIST: AgentDefinition = {
  name: "receptionist",
  hash: shortHash(canonicalJson(texts)),
  texts,
};
