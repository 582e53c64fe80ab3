import { AppError, codeOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { jsonOf } from "../../events/json.ts";
import type { HistoryMessage, ReplyInput } from "../../folds/history.ts";
import type { AfterTurn, Hooks, PartsOf } from "../agent-parts.ts";
import type { Runner, RunningEffect } from "../effect.ts";
import { quietly } from "./call-media.ts";
import { inTime, LATE } from "./in-time.ts";

/** User code after a turn: run once per key, its result recorded and never run by a replay (E8). */
export interface HookInput {
  readonly hook: "afterTurn";
  readonly turn: number;
  readonly agent: string;
  readonly key: string;
}

export function hookRunner(partsOf: PartsOf): Runner<HookInput, AfterTurn> {
  return {
    prepare: ({ turn: n }, { transcript }) => {
      const turn = transcript.turn(n);
      const userText = transcript
        .refsOf(turn)
        .map((ref) => transcript.textOf(ref))
        .join(" ");
      const said = turn.runs.flatMap((run) => run.segments.map(({ text }) => text));
      const heard = turn.runs.map((run) => transcript.heard(run).heard).filter(Boolean);
      const status = turn.ended?.status ?? "failed";
      return { turn: n, status, userText, agentText: said.join(" "), heardText: heard.join(" ") };
    },
    run: async (effect, turn) => {
      const { input, call, signal } = effect;
      const { hooks } = partsOf(input.agent);
      const patience = { clock: call.clock, ms: LIMITS.afterTurnMsMax, signal };
      const output = await inTime(patience, (over) =>
        hooks.afterTurn?.(turn, { key: input.key, signal: over }),
      );
      if (signal.aborted) return {};
      if (output !== LATE) return { text: { output: jsonOf(output, "tool.failed") } };
      const error = "afterTurn took too long";
      effect.warn("the hook afterTurn failed", new AppError("tool.failed", error));
      return { error: "tool.failed", text: { output: { error } } };
    },
  };
}

/** What `beforeReply` gives to a request, in the log before the request is. */
export async function contextOf(
  effect: RunningEffect<ReplyInput>,
  hooks: Hooks,
  messages: readonly HistoryMessage[],
): Promise<string | undefined> {
  if (!hooks.beforeReply) return undefined;
  const { input, signal, call } = effect;
  const { clock, transcript } = call;
  const startedAt = clock.now();
  const said = input.refs.map((ref) => transcript.textOf(ref)).join(" ");
  const turn = { turn: input.turn, text: said, messages };
  const patience = { clock, ms: call.settings.hook.timeout, signal };
  const tell = (how: string, given = ""): Promise<void> => {
    const event = { type: "reply.context", hook: "beforeReply", how, chars: given.length };
    return effect.progress({ ...event, ms: clock.now() - startedAt }, { text: given });
  };
  try {
    const given = await inTime(patience, (over) =>
      hooks.beforeReply!(turn, { key: `${input.key}.beforeReply`, signal: over }),
    );
    if (signal.aborted) return undefined;
    if (given === LATE) {
      quietly(tell("late"));
      return undefined;
    }
    const text = given ?? "";
    if (typeof text !== "string") throw new AppError("tool.failed", "beforeReply gives a text");
    // The request may only hold what is in the log, and that may be too large for it.
    await tell("done", text);
    return text || undefined;
  } catch (error) {
    if (signal.aborted) return undefined;
    effect.warn("the hook beforeReply failed", error);
    quietly(tell("failed", codeOf(error, "tool.failed")));
    return undefined;
  }
}
