import { PAIRS, mark, outcomeSince } from "./two-live-turns.ts";
for (const [name, bring] of Object.entries(PAIRS)) {
  const call = bring();
  console.log(
    name,
    "=>",
    call.stateOf(1),
    "/",
    call.stateOf(2),
    call.fold.table
      .timers()
      .map((t) => t.id + "@" + (t.due - call.now))
      .join(" "),
  );
}
