import { TurnSettings } from "../../../src/events/settings.events.ts";

/** Settings that calls begin with, and that commands give them. */
export const SETTINGS: readonly TurnSettings[] = [
  {},
  {},
  { interruption: { echoGuard: 0 } },
  { interruption: { echoGuard: 0, minWords: 2 }, speculation: { enabled: false } },
  { interruption: { enabled: false } },
  { silence: { awayAfter: 2_000, hangUpAfter: 3_000, prompts: 2 } },
  {
    interruption: { echoGuard: 500, pauseMax: 900 },
    answer: { total: 2_500, firstToken: 1_000, stall: 700 },
  },
  { listening: { max: 4_000 }, transcript: { wait: 200, sttWait: 600 } },
  { interruption: { echoGuard: 0, pauseAfter: 300 } },
  { interruption: { echoGuard: 0 }, answer: { fillerAfter: 150 }, tool: { sayWhileAfter: 150 } },
  {
    interruption: { echoGuard: 0 },
    endpointing: { endpointer: "provider" },
    answer: { fillerAfter: 300 },
    tool: { sayWhileAfter: 200 },
  },
  { participant: { grace: 1_500 }, endpointing: { minDelay: 50, unclearDelay: 80 } },
].map((given) => TurnSettings.parse(given));
