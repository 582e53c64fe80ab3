import { defineCommand, type Invocation, type Register } from "./command.ts";
import { workUntilDrained } from "./drain.ts";
import { serveHealth } from "./health.ts";
import { AGENT_OPTION, agentOption } from "./load-agent.ts";
import { EXIT } from "./output.ts";
import { prepare, PULL_OPTION } from "./start.command.ts";
import {
  DRAIN_OPTION,
  drainPorts,
  needLiveKit,
  needNats,
  openWorkAlone,
  workLine,
  type DrainFlags,
} from "./work.ts";

interface Options extends DrainFlags {
  readonly agent?: string;
  readonly pull: boolean;
}

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "worker",
    summary: "take rooms that want an agent, and talk there until they are over",
    details:
      "Needs NATS_URL and LIVEKIT_URL. SIGTERM or Ctrl-C hands the calls over to other workers, " +
      "each between two turns; a second one at once.",
    examples: ["worker", "worker --agent agent.ts", "worker --drain 2m"],
    options: [AGENT_OPTION, DRAIN_OPTION, PULL_OPTION],
    run,
  });
};

async function run({ options, config, out }: Invocation<Options>): Promise<number> {
  needNats(config);
  needLiveKit(config);
  const agent = await agentOption(options.agent, config, out);
  await prepare(config, options, out);
  await using work = await openWorkAlone(config, out, agent);
  await using _ = await serveHealth(config, work.health, out);
  out.line(workLine(config, work.worker));
  await workUntilDrained(work.worker, drainPorts(work, options, out));
  return EXIT.ok;
}
