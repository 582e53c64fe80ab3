import { armedIn, outcomeOf, restIn, take } from "./chart.ts";
import { NOW } from "./table.ts";
export function gen(machine, rests, events) {
  let out = "const CELLS: Readonly<Record<State, Cells>> = {\n";
  for (const [s, rest] of Object.entries(rests)) {
    out += `  "${s}": {\n`;
    for (const [t, e] of Object.entries(events))
      out += `    "${t}": "${outcomeOf(machine, take(machine, restIn(machine, rest), e))}",\n`;
    out += "  },\n";
  }
  out += "};\n\nconst TIMERS: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>> = {\n";
  for (const [s, rest] of Object.entries(rests)) {
    out += `  "${s}": {`;
    for (const { delay, event } of armedIn(machine, rest.leaves))
      out += `    ${delay}: "${outcomeOf(machine, take(machine, restIn(machine, rest), { type: event, at: NOW }))}",\n`;
    out += "  },\n";
  }
  console.log(out + "};");
}
