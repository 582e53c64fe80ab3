import { z } from "zod";
import { parseDuration } from "./arguments.ts";
import { dispatchOn } from "./dispatch-room.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { EXIT } from "./output.ts";

/** `turnfold dispatch --json`. */
export const DispatchReport = z.strictObject({
  room: z.string(),
  tenant: z.string(),
  asked: z.enum(["now", "before"]),
  state: z.enum(["queued", "running"]),
  call: z.string().nullable(),
  worker: z.string().nullable(),
});

interface Options {
  readonly tenant?: string;
  readonly agent?: string;
  readonly identity?: string;
  readonly wait?: number;
}

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "dispatch <room>",
    summary: "ask for an agent in a room; a worker takes it",
    details:
      "A room has one agent, however often one is asked for: a second wish is answered with the " +
      "call that runs. Without a worker the wish stays queued.",
    examples: ["dispatch lobby", "dispatch lobby --tenant acme", "dispatch lobby --json"],
    options: [
      { flags: "--tenant <name>", description: "whose room it is; default: $TURNFOLD_TENANT" },
      { flags: "--agent <name>", description: "the agent's name; default: the worker's" },
      { flags: "--identity <name>", description: "who it is in the room; default: agent" },
      {
        flags: "--wait <time>",
        description: "how long to wait for a worker: 2s, 500ms; default 2s",
        parse: parseDuration,
      },
    ],
    run,
  });
};

async function run({ args, options, config, out }: Invocation<Options>): Promise<number> {
  const { tenant = config.tenant, agent, identity, wait } = options;
  const room = args[0]!;
  const done = await dispatchOn(config, room, { tenant, agent, identity, waitMs: wait });
  out.json(DispatchReport, { room, tenant, ...done });
  const { state, asked, call, worker } = done;
  const again = asked === "before" ? " (asked for before)" : "";
  if (state === "running") out.line(`running${again}: call ${call} on ${worker}`);
  else out.line(`queued${again}: no worker has taken it yet`);
  return EXIT.ok;
}
