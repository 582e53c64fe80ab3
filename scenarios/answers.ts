import { ANSWER, FIRST_TOKEN_MS, type Scenario } from "./scenario.ts";

/** A request as it reached a model of either side. */
export interface Asked {
  readonly at: number;
  readonly model: string;
  readonly messages: readonly Message[];
}

export interface Message {
  readonly role: string;
  readonly text: string;
}

/** What a model says to a request; by what was asked, as nobody knows how often it is asked. */
export interface Answer {
  readonly afterMs: number;
  readonly text?: string;
  readonly tool?: string;
}

export function answerTo({ says, providers }: Scenario, messages: readonly Message[]): Answer {
  const afterMs = providers.firstTokenMs ?? FIRST_TOKEN_MS;
  const { tool } = providers;
  const last = messages.findLast(({ role }) => role !== "system");
  const asksTool = tool && last?.role === "user" && last.text === says[0]?.text;
  return asksTool ? { afterMs, tool: tool.name } : { afterMs, text: ANSWER };
}
