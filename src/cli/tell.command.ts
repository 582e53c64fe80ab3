import { z } from "zod";
import { durationMs } from "../base/duration.ts";
import { CommandDone, type CallState, type CommandRequest } from "../events/fleet.events.ts";
import type { Json } from "../events/record.ts";
import { parsePort } from "./arguments.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { EXIT, usageError, type Output } from "./output.ts";
import { tellCall } from "./tell-call.ts";

/** `turnfold tell --json`. */
export const TellReport = z.strictObject(CommandDone.omit({ ok: true }).shape);

const COMMANDS =
  "say TEXT, interrupt, mute, unmute, instruct TEXT, set GROUP.NAME=VALUE…, end [REASON], state";

interface Options {
  readonly now?: boolean;
  readonly heardOut?: boolean;
  readonly force?: boolean;
  readonly by: string;
  readonly port?: number;
}

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "tell <call> <command> [words...]",
    summary: "tell a running call: say, interrupt, mute, unmute, instruct, set, end, state",
    details:
      "A call is an id, the start of one, or the name of its room. " +
      `The commands are ${COMMANDS}.`,
    options: [
      { flags: "--now", description: "say: cut the answer that is being given" },
      { flags: "--heard-out", description: "say: nothing that is said meanwhile stops it" },
      { flags: "--force", description: "interrupt: cut what is to be heard out, too" },
      { flags: "--by <name>", description: "who the log says it was", fallback: "cli" },
      { flags: "--port <number>", description: "of a `turnfold start` here", parse: parsePort },
    ],
    examples: [
      'tell c0k3 say "We close in ten minutes."',
      "tell c0k3 interrupt",
      'tell "front desk" instruct "Offer the table at eight."',
      "tell c0k3 set endpointing.minDelay=300ms interruption.enabled=false",
      "tell c0k3 state --json",
      "tell acme/c0k3 end",
    ],
    run: runTell,
  });
};

async function runTell({ args, options, config, out }: Invocation<Options>): Promise<number> {
  const [call = "", name = "", ...words] = args;
  const command = commandOf(name, words, options);
  const { port } = options;
  const place = port === undefined ? {} : { port };
  const { ok: _, ...done } = await tellCall(config, call, { command, place });
  out.json(TellReport, done);
  if (done.state) printState({ ...done, state: done.state }, out);
  else out.line(`${done.did}  ${out.style(`(call ${done.call}, record ${done.seq})`, "dim")}`);
  return EXIT.ok;
}

/** Whose option it is: with another command it would be lost without a word. */
const FLAGS = {
  now: ["--now", "say"],
  heardOut: ["--heard-out", "say"],
  force: ["--force", "interrupt"],
} as const;

function commandOf(name: string, words: readonly string[], options: Options): CommandRequest {
  const { by, now, heardOut, force } = options;
  for (const key of ["now", "heardOut", "force"] as const) {
    const [flag, owner] = FLAGS[key];
    if (options[key] && name !== owner) throw usageError(`${flag} is of ${owner}, not of ${name}`);
  }
  const text = words.join(" ");
  switch (name) {
    case "say":
      return { name, text, by, ...(now && { now }), ...(heardOut && { interruptible: false }) };
    case "instruct":
      return { name, text, by };
    case "end":
      return { name, by, ...(text !== "" && { reason: text }) };
    case "set":
      return { name, by, settings: settingsOf(words) };
    case "interrupt":
    case "mute":
    case "unmute":
    case "state":
      if (text !== "") throw usageError(`${name} takes no words: ${text}`);
      return { name, by, ...(force && { force }) };
    default:
      throw usageError(`no command ${name}`, COMMANDS);
  }
}

type Settings = Extract<CommandRequest, { name: "set" }>["settings"];

/** `endpointing.minDelay=500ms` and the like, grouped. */
function settingsOf(words: readonly string[]): Settings {
  const settings: Record<string, string | Record<string, never>> = {};
  if (words.length === 0)
    throw usageError("no setting was given", "write set endpointing.minDelay=500ms");
  for (const word of words) {
    const [, group, key, value] = /^([a-zA-Z]+)(?:\.([a-zA-Z]+))?=(.+)$/.exec(word) ?? [];
    if (group === undefined || value === undefined)
      throw usageError(`${word} is no setting`, "write GROUP.NAME=VALUE; see docs/settings.md");
    if (key === undefined) settings[group] = value;
    else settings[group] = { ...(settings[group] as object), [key]: valueOf(value, word) as never };
  }
  return settings;
}

function valueOf(value: string, field: string): Json {
  if (value === "true" || value === "false") return value === "true";
  if (/^\d+(\.\d+)?(ms|s|m)$/.test(value)) return durationMs(value, field);
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function printState(done: Omit<CommandDone, "ok"> & { state: CallState }, out: Output): void {
  const { call, tenant, seq, state } = done;
  const { lastWords, turn, present, tools } = state;
  const rows: readonly (readonly [string, string])[] = [
    ["agent", `${state.agent}${state.muted ? ", muted" : ""}`],
    ["worker", `${state.worker}, epoch ${state.epoch}`],
    ["since", `${new Date(state.since).toISOString().slice(0, 19).replace("T", " ")} UTC`],
    ["present", present.map(({ identity, name }) => name || identity).join(", ") || "nobody"],
    ["turn", turn ? `${turn.n}, ${turn.phase}` : "none"],
    ["user said", lastWords.user],
    ["agent said", lastWords.agent],
    ["to be said", state.queued === 1 ? "1 text" : state.queued ? `${state.queued} texts` : ""],
    ["tools", tools.join(", ")],
    ...state.actors.map(({ actor, state: at }) => [actor, stateText(at)] as const),
  ];
  out.line(out.style(`call ${call} of ${tenant} in room ${state.room}, record ${seq}`, "bold"));
  const shown = rows.filter(([, what]) => what !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, what] of shown) out.line(`  ${name.padEnd(width)}  ${what}`);
}

/** `present.live.engaged`; parallel states side by side. */
function stateText(state: unknown): string {
  if (typeof state === "string") return state;
  const parts = Object.entries(state as object).map(([key, inner]) => {
    const rest = stateText(inner);
    return rest === "" ? key : `${key}.${rest}`;
  });
  return parts.length > 1 ? `(${parts.join(", ")})` : parts.join("");
}
