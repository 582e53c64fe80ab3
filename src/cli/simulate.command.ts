import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { Usage } from "../events/effect.events.ts";
import { openStore } from "../main.ts";
import { findCall } from "./call-finder.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { AGENT_OPTION, agentOption } from "./load-agent.ts";
import { EXIT, usageError } from "./output.ts";
import { TurnReport } from "./show.command.ts";
import { Conversation } from "./simulate/conversation.ts";
import { simulate } from "./simulate/run.ts";
import { SAMPLE, wavAct, type Act } from "./simulate/script.ts";

/** What `simulate --json` prints. */
export const SimulateReport = z.strictObject({
  call: z.string(),
  tenant: z.string(),
  room: z.string(),
  /** Path of the log's first file. */
  log: z.string(),
  records: z.int(),
  stateHash: z.string(),
  turns: z.array(TurnReport),
  usage: z.array(Usage),
});

interface Options {
  readonly tenant?: string;
  readonly room: string;
  readonly agent?: string;
  readonly record?: string;
  readonly resume?: string;
}

export const register: Register = (program, cli) => {
  // In the order of the command line, whatever the option: that is the caller's script.
  const acts: Act[] = [];
  defineCommand<Options>(program, cli, {
    usage: "simulate",
    summary: "call the local agent with a simulated caller, in real time",
    details:
      "The caller says its utterances in order and waits until the agent has finished before the " +
      "next. --pause means exactly that much silence after the caller's own words instead, so " +
      "the next utterance may interrupt. Without utterances a sample is said.",
    examples: [
      "simulate",
      "simulate --say 'What are your opening hours?' --pause 3000 --say 'No, on Sunday.'",
      "simulate --wav question.wav --record out --json",
      "simulate --agent agent.ts --say 'A table for two, please.'",
      "simulate --resume c0k3",
    ],
    options: [
      {
        flags: "--wav <file>",
        description: "say a 16-bit PCM WAV; may be given again",
        parse: (file) => acts.push(wavAct(file)),
      },
      {
        flags: "--say <text>",
        description: "say a text; may be given again",
        parse: (text) => acts.push({ kind: "say", text }),
      },
      {
        flags: "--pause <ms>",
        description: "silence after the caller's own words; may be given again",
        parse: (value) => acts.push({ kind: "pause", ms: toMs(value) }),
      },
      AGENT_OPTION,
      {
        flags: "--tenant <name>",
        description: "whose call it is; default: $TURNFOLD_TENANT or local",
      },
      { flags: "--room <name>", description: "the room's name", fallback: "simulated" },
      { flags: "--record <dir>", description: "write caller.wav and agent.wav there" },
      { flags: "--resume <call>", description: "go on with a call whose process died" },
    ],
    run: (invocation) => run(invocation, acts),
  });
};

function toMs(value: string): number {
  const ms = Number(value);
  if (!Number.isFinite(ms) || ms < 0 || value.trim() === "")
    throw new InvalidArgumentError("give milliseconds, 0 or more.");
  return ms;
}

async function run({ options, config, out }: Invocation<Options>, acts: Act[]): Promise<number> {
  const { tenant = config.tenant, room, record, resume } = options;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(tenant))
    throw usageError(`--tenant ${tenant} is not a name`, "use 1 to 64 of A-Z a-z 0-9 _ -");
  if (resume !== undefined && acts.length > 0)
    throw usageError("--resume goes on with the call's own script", "leave the utterances out");
  const agent = await agentOption(options.agent, config, out);
  const conversation = new Conversation();
  const report = await simulate(config, {
    acts: acts.length > 0 ? acts : SAMPLE,
    tenant,
    room,
    ...(agent && { agent }),
    ...(record !== undefined && { record }),
    ...(resume !== undefined && { resume: await resolveCall(config, resume) }),
    onNotice: (notice) => out.note(notice),
    onRecord: (record) => {
      const line = conversation.lineOf(record);
      if (line !== undefined) out.line(line);
    },
  });
  out.json(SimulateReport, report as z.infer<typeof SimulateReport>);
  out.line();
  for (const { n, status, heardText, agentText } of report.turns)
    if (status === "cutOff") out.line(`turn ${n} was cut: heard "${heardText}" of "${agentText}"`);
  out.line(`call ${report.call}: ${report.turns.length} turns, ${report.records} records`);
  out.line(`log  ${report.log}`);
  return EXIT.ok;
}

async function resolveCall(config: Invocation<Options>["config"], call: string) {
  await using broker = await openStore(config, true);
  return await findCall(call, config, broker.log);
}
