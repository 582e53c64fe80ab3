import type { TellOptions } from "./cli/tell-call.ts";
import type { CommandDone, CommandRequest } from "./events/fleet.events.ts";
import type { CallRef } from "./events/record.ts";

/**
 * Tells a running call of any process something, and resolves when it is in the call's log. `call`
 * is an id, the start of one, or the name of a room, each maybe behind `tenant/`. Errors:
 * `input.invalid` and `config.invalid` (they name the field), `call.notFound`, `call.ambiguous`,
 * `call.closed`, `bus.noResponder` (nobody has the call now), `bus.timeout` (it may have been
 * done).
 */
export async function tell(
  call: string | CallRef,
  command: CommandRequest,
  options: TellOptions = {},
): Promise<CommandDone> {
  const { tellFromOutside } = await import("./cli/tell-call.ts");
  return tellFromOutside(call, command, options);
}
