import { toAppError } from "../base/errors.ts";
import { AgentWatch } from "./agent-watch.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { serveHealth } from "./health.ts";
import { advise, loadAgent } from "./load-agent.ts";
import { EXIT } from "./output.ts";
import { serve } from "./serve.ts";
import { prepare, SERVE_OPTIONS, stopped, type ServeFlags } from "./start.command.ts";

/** `start` for who writes an agent: an edit is at work from the next answer on, in one call. */
export const register: Register = (program, cli) => {
  defineCommand<ServeFlags>(program, cli, {
    usage: "dev <file>",
    summary: "serve the page with your agent, and reload it when its file changes",
    details:
      "The call goes on over an edit: its next answer is the edited agent's. A file that cannot " +
      "be loaded is told, and the agent before it goes on.",
    examples: ["dev agent.ts", "dev agent.ts --port 8080"],
    options: SERVE_OPTIONS,
    run: runDev,
  });
};

async function runDev({ args, options, config, out }: Invocation<ServeFlags>): Promise<number> {
  const file = args[0]!;
  const loaded = await loadAgent(file);
  advise(loaded.agent, config, out);
  await prepare(config, options, out);
  const port = options.port ?? config.port;
  await using serving = await serve({ ...config, port }, loaded.agent);
  await using _health = await serveHealth(config, serving.health, out);
  using _ = await AgentWatch.open(file, loaded, {
    onAgent: async (agent) => {
      const calls = await serving.slot.swap(agent, "dev");
      const going =
        calls === 0 ? "" : calls === 1 ? ", one call goes on" : `, ${calls} calls go on`;
      out.line(`reloaded ${agent.name} (${agent.hash.slice(0, 8)})${going}`);
    },
    onError: (error) => {
      const { code, message } = toAppError(error, "config.invalid");
      out.note(`${code}: ${message}`);
      out.note("the agent before this edit goes on");
    },
  });
  out.line(`turnfold is ready at ${serving.url}  (edit ${file}; stop with Ctrl-C)`);
  await stopped(out.signal);
  return EXIT.ok;
}
