import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AtomicFiles } from "./atomic-file.ts";
import { isMissing, toDataError } from "./data-error.ts";

/** Older ones are of use only to a reader that stops early, who can fold from the start. */
const KEPT_MAX = 3;
const NAME = /^snapshot-(\d+)\.bin$/;

export interface Snapshot {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Snapshots of one call, files `snapshot-<seq>.bin` beside its segments, the newest few (L9). */
export async function saveSnapshot(
  folder: string,
  { seq, bytes }: Snapshot,
  files: AtomicFiles,
): Promise<void> {
  try {
    await files.write(snapshotPath(folder, seq), [bytes]);
    for (const old of (await listSnapshots(folder)).slice(KEPT_MAX))
      await rm(snapshotPath(folder, old), { force: true });
  } catch (error) {
    throw toDataError(error, `snapshot ${seq} in ${folder} cannot be written`);
  }
}

/** The newest at or below `upTo`. */
export async function loadSnapshot(folder: string, upTo: number): Promise<Snapshot | undefined> {
  try {
    for (const seq of await listSnapshots(folder)) {
      if (seq > upTo) continue;
      const bytes = await readFile(snapshotPath(folder, seq)).catch((error: unknown) => {
        // Removed by the owner between the listing and now: a snapshot is only ever a short cut.
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (bytes) return { seq, bytes };
    }
    return undefined;
  } catch (error) {
    throw toDataError(error, `the snapshots in ${folder} cannot be read`);
  }
}

/** Newest first. */
async function listSnapshots(folder: string): Promise<readonly number[]> {
  try {
    const found = (await readdir(folder)).map((name) => NAME.exec(name)?.[1]);
    return found
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => b - a);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function snapshotPath(folder: string, seq: number): string {
  return join(folder, `snapshot-${String(seq).padStart(9, "0")}.bin`);
}
