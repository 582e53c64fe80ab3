import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { AppError } from "../base/errors.ts";
import type { MachineVersions } from "../events/call.events.ts";

/** The machines a process carries: by kind, then by version. */
export type MachineSet = Readonly<Record<string, Readonly<Record<string, AnyStateMachine>>>>;

export type Snapshot = AnyMachineSnapshot;

/** True where every version is carried, so that an epoch can be verified and not only folded. */
export function carries(set: MachineSet, versions: MachineVersions): boolean {
  return Object.entries(versions).every(([kind, version]) => set[kind]?.[version] !== undefined);
}

export function machineOf(set: MachineSet, kind: string, version: string): AnyStateMachine {
  const machine = set[kind]?.[version];
  if (!machine)
    throw new AppError("machine.unknown", `version ${version} of machine ${kind} is not carried`);
  return machine;
}
