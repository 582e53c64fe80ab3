import type { Started, StartOptions } from "./cli/serve.ts";

/**
 * Serves the page and the calls of an agent inside one's own Node application. What runs calls is
 * loaded only here, so that an agent's file and its tests stay light. Errors: `config.invalid`,
 * `data.locked`, `data.failed`.
 */
export async function start(options: StartOptions): Promise<Started> {
  const { startAgent } = await import("./cli/serve.ts");
  return startAgent(options);
}
