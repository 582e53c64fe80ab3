import { WORLDS, edgesOf, pathsOf } from "./explore.ts";
import { assertInvariants, assertStep } from "../support/invariants.ts";
for (const w of WORLDS) {
  for (const input of w.inputs) {
    const one = { ...w, inputs: [input] };
    let t = performance.now();
    const e = edgesOf(one);
    console.log(
      w.kind,
      "edges",
      e.length,
      "states",
      new Set(e.map((x) => x.before)).size,
      Math.round(performance.now() - t),
    );
    const faults = new Map<string, unknown>();
    for (const s of e) {
      try {
        assertInvariants(w.kind, s.after);
        assertStep(w.kind, s);
      } catch (x) {
        const k = (x as Error).message.split("\n")[0]!;
        if (!faults.has(k))
          faults.set(k, [
            JSON.stringify(s.before.value),
            s.event.type,
            JSON.stringify(s.after.value),
          ]);
      }
    }
    console.log(faults);
  }
}
void pathsOf;
