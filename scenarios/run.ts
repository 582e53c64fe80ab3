import { parseArgs } from "node:util";
import { sleep, systemClock } from "../src/base/clock.ts";
import { openFlite } from "../src/providers/local/flite.tts.ts";
import { runAudio } from "./audio.ts";
import { callerSound } from "./caller-sound.ts";
import { faultsOf } from "./check.ts";
import { SCENARIOS } from "./data.ts";
import type { Outcome } from "./outcome.ts";
import {
  isHeld,
  medianAfterMs,
  SIDES,
  tableOf,
  totalsOf,
  type Result,
  type Row,
  type Side,
} from "./report.ts";
import { onQuietLoop } from "./quiet-loop.ts";
import type { Scenario } from "./scenario.ts";
import { answerAfterMs, scoresOf } from "./scores.ts";
import { runVirtual } from "./virtual.ts";

/**
 * `node scenarios/run.ts [--virtual] [--only 04,05] [--json]`: every scenario on virtual time, then
 * on real sound, then by the peer with its defaults and with its best settings, on the same sound.
 * Ends with 1 where ours does not come out as it must; the peer's scores fail nothing.
 */
const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    virtual: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
/** So that not all calls do the same thing in the same millisecond. */
const STAGGER_MS = 13;
/** Half of what is queued ahead of a speaker: 60 ms by us, 200 by the peer. */
const OUR_STALL_MS = 30;
const PEER_STALL_MS = 100;

process.exitCode = await main(values);

type Results = Partial<Record<Side, Result>>;

async function main(options: { json: boolean; virtual: boolean; only?: string }): Promise<number> {
  const ids = options.only?.split(",");
  const unknown = ids?.filter((id) => !SCENARIOS.some((scenario) => scenario.id === id)) ?? [];
  if (unknown.length > 0) {
    const known = SCENARIOS.map(({ id }) => id).join(", ");
    process.stderr.write(`no scenario ${unknown.join(", ")}: choose from ${known}\n`);
    return 2;
  }
  const scenarios = SCENARIOS.filter(({ id }) => ids?.includes(id) ?? true);
  const results = new Map<string, Results>(scenarios.map(({ id }) => [id, {}]));
  for (const scenario of scenarios)
    results.get(scenario.id)!.oursVirtual = ours(scenario, await runVirtual(scenario), "virtual");
  if (!options.virtual) await runOnSound(scenarios, results);
  const rows: Row[] = scenarios.map(({ id, title }) => ({ id, title, results: results.get(id)! }));
  const sides = SIDES.filter((side) => !options.virtual || side === "oursVirtual");
  const totals = Object.fromEntries(
    sides.map((side) => {
      const total = { ...totalsOf(rows, side), answerAfterMs: medianAfterMs(rows, side) };
      return [side, total];
    }),
  );
  const report = { scenarios: rows, totals };
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : tableOf(rows));
  return rows.every(isHeld) ? 0 : 1;
}

/** All scenarios at once, first by us and then by the peer: it takes as long as the longest. */
async function runOnSound(
  scenarios: readonly Scenario[],
  results: ReadonlyMap<string, Results>,
): Promise<void> {
  await using voice = openFlite();
  const sounds: Int16Array[] = [];
  for (const scenario of scenarios) sounds.push(await callerSound(scenario, voice));
  process.stderr.write("ours on real sound ...\n");
  const found = await onQuietLoop(
    () =>
      atOnce(scenarios, async (scenario, i) =>
        ours(scenario, await runAudio(scenario, sounds[i]!), "audio"),
      ),
    (all, stalledMs) => stalledMs < OUR_STALL_MS || all.every(({ faults }) => faults.length === 0),
  );
  for (const [i, { id }] of scenarios.entries()) results.get(id)!.oursAudio = found[i]!;
  await runPeers(scenarios, sounds, results);
}

async function runPeers(
  scenarios: readonly Scenario[],
  sounds: readonly Int16Array[],
  results: ReadonlyMap<string, Results>,
): Promise<void> {
  process.stderr.write("the peer on the same sound ...\n");
  // Only here: the package is large, and few runs need it.
  const { runPeer } = await import("./peer/peer-call.ts");
  const { BEST, DEFAULTS, PATIENT } = await import("./peer/settings.ts");
  const found = await onQuietLoop(
    () =>
      atOnce(scenarios, async (scenario, i) => {
        const run = async (settings: typeof BEST): Promise<Result> =>
          resultOf(scenario, await runPeer(scenario, sounds[i]!, settings), []);
        const all = [DEFAULTS, BEST, PATIENT].map(run);
        const [peerDefaults, peerBest, peerPatient] = await Promise.all(all);
        return { peerDefaults: peerDefaults!, peerBest: peerBest!, peerPatient: peerPatient! };
      }),
    (_, stalledMs) => stalledMs < PEER_STALL_MS,
  );
  for (const [i, { id }] of scenarios.entries()) Object.assign(results.get(id)!, found[i]);
}

async function atOnce<T>(
  scenarios: readonly Scenario[],
  run: (scenario: Scenario, index: number) => Promise<T>,
): Promise<readonly T[]> {
  const runs = scenarios.map(async (scenario, i) => {
    await sleep(systemClock, i * STAGGER_MS);
    return run(scenario, i);
  });
  return Promise.all(runs);
}

function ours(scenario: Scenario, outcome: Outcome, mode: "virtual" | "audio"): Result {
  return resultOf(scenario, outcome, faultsOf(scenario, outcome, mode));
}

function resultOf(scenario: Scenario, outcome: Outcome, faults: readonly string[]): Result {
  const after = answerAfterMs(scenario, outcome) ?? null;
  return { scores: scoresOf(scenario, outcome), faults, answerAfterMs: after };
}
