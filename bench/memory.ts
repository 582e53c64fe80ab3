import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { spreadOf } from "./measure.ts";
import { peerProcessesMb } from "./peer-process.ts";
import { toRow, type Bench, type Row } from "./report.ts";

const LOADS = [
  { calls: 100, rounds: 3 },
  { calls: 500, rounds: 1 },
];
const TARGET_MB = 3;
const FEW = 20;
const PEER_ROUNDS = 3;

/** What the worker prints: megabytes for each live call. */
export const PerCall = z.strictObject({ heapMb: z.number(), rssMb: z.number() });
export type PerCall = z.infer<typeof PerCall>;

/** What one more live call holds on to, each count in fresh processes of its own. */
export const memory: Bench = {
  name: "memory",
  run: async () => {
    const rows: Row[] = [];
    for (const { calls, rounds } of LOADS) {
      const found: PerCall[] = [];
      for (let round = 0; round < rounds; round++) found.push(await measure(calls));
      const figure = (what: string, values: readonly number[]): Row => {
        const name = `${what} per live call after 20 turns, ${calls} calls`;
        return toRow({ name, unit: "MB", ...spreadOf(values), target: TARGET_MB });
      };
      rows.push(
        figure(
          "heap",
          found.map(({ heapMb }) => heapMb),
        ),
      );
      rows.push(
        figure(
          "RSS",
          found.map(({ rssMb }) => rssMb),
        ),
      );
    }
    return [...rows, await besidePeer()];
  },
};

/** One more call: here in a process that has twenty, there in a process of its own. */
async function besidePeer(): Promise<Row> {
  const found: number[] = [];
  for (let round = 0; round < PEER_ROUNDS; round++) found.push((await measure(FEW)).rssMb);
  const peer = await peerProcessesMb(PEER_ROUNDS);
  return toRow({
    name: "RSS that one more call adds to twenty; the peer's job process",
    unit: "MB",
    ...spreadOf(found),
    ...(peer && { peer: spreadOf(peer).ours }),
    ratioTarget: 0.1,
  });
}

async function measure(calls: number): Promise<PerCall> {
  const worker = join(import.meta.dirname, "memory.worker.ts");
  const args = ["--expose-gc", worker, String(calls)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return PerCall.parse(JSON.parse(stdout));
}
