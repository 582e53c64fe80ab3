import { armedIn, outcomeOf, restIn, take } from "./chart.ts";
import { NOW } from "./table.ts";
export function dump(machine, rests, events) {
  for (const [s, rest] of Object.entries(rests)) {
    if (s==="opening"||s==="answering.beginning") continue; console.log(`\n${s}`);
    for (const [t, e] of Object.entries(events)) console.log(`  ${t}: ${outcomeOf(machine, take(machine, restIn(machine, rest), e))}`);
    for (const { delay, event } of armedIn(machine, rest.leaves)) console.log(`  @${delay}: ${outcomeOf(machine, take(machine, restIn(machine, rest), { type: event, at: NOW }))}`);
  }
}
