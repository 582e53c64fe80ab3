import { PAIRS, mark, outcomeSince, speaking } from "./two-live-turns.ts";
const call = speaking();
const ranges = (call.fold.snapshotOf("room")?.context as any).ranges;
console.log(ranges, mark(call));
const r = call.heard("stt.final", { ref: "w1", from: ranges[0].from, to: ranges[0].to });
console.log(
  JSON.stringify(r),
  outcomeSince(call, mark(call)),
  (call.fold.snapshotOf("turn.1")?.context as any).late,
  PAIRS,
);
