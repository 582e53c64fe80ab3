import type { Snapshot } from "../../src/actors/machine-set.ts";
export function assertInvariants(_kind: string, _snapshot: Snapshot): void {}
