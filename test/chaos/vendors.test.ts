import assert from "node:assert/strict";
import { test } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import type { EffectEnded, Usage } from "../../src/events/effect.events.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { breakerFaults } from "./breaker-rule.ts";
import { type ChaosCall, ChaosCalls, SETTINGS } from "./chaos-call.ts";
import { openVendors } from "./chaos-vendors.ts";

/**
 * Many calls over vendors that fail all the time: nobody is left in silence, no call is stuck,
 * breakers keep their rule, and what the vendors would bill is what the logs have.
 */
const CALLS = Number(process.env["CHAOS_CALLS"] ?? 50);
const AT_ONCE = Number(process.env["CHAOS_AT_ONCE"] ?? 10);
const SEED = Number(process.env["SEED"] ?? 1);
const TURNS = 3;
const SHARE = 0.2;
const OPEN_MS = 2_000;

test(`${CALLS} calls, every provider faulty ${SHARE * 100} % of the time`, async (t) => {
  await using vendors = await openVendors({ share: SHARE, seed: SEED, openMs: OPEN_MS });
  const calls = new ChaosCalls(vendors, SEED);
  const outage = outageOf(vendors.servers["openai"]!);
  try {
    let next = 0;
    const line = async (): Promise<void> => {
      while (next < CALLS) {
        const index = next++;
        if (index === Math.floor(CALLS / 3)) outage.begin();
        if (index === Math.floor(CALLS / 2)) outage.end();
        await calls.run(index, TURNS);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, line));
  } finally {
    calls.dispose();
  }

  for (const call of calls.calls) await checkCall(call);
  const gaps = calls.calls.flatMap(silences).sort((a, b) => a - b);
  const worst = gaps.at(-1) ?? 0;
  t.diagnostic(
    `${gaps.length} sentences; silence p50 ${gaps[gaps.length >> 1]} ms, worst ${worst}`,
  );
  assert.ok(gaps.length >= CALLS * TURNS, "every sentence was followed by sound or text");
  assert.ok(worst <= SILENCE_MAX_MS, `silence of ${worst} ms, at most ${SILENCE_MAX_MS}`);

  const counts = { opened: 0, closed: 0 };
  for (const [who, steps] of vendors.breakers.steps)
    assert.deepEqual(breakerFaults(steps, OPEN_MS, counts), [], who);
  t.diagnostic(`breakers opened ${counts.opened} times, closed ${counts.closed} times`);
  assert.ok(counts.opened > 0 && counts.closed > 0, "breakers opened and closed");

  const billed = Object.values(vendors.servers).flatMap((server) => server.billed);
  const logged = calls.calls.flatMap(usageIn);
  compareUsage(billed, logged, (line) => t.diagnostic(line));
  for (const provider of ["openai", "anthropic"]) {
    const { tries, stopped } = triesOf(provider, logged);
    const seen = vendors.servers[provider]!.seen.length;
    // One that was stopped may never have left.
    assert.ok(seen <= tries && seen >= tries - stopped, `${provider}: ${seen} of ${tries} seen`);
  }
});

/** Endpointing at its longest, words that come late, then a filler over two voices that fail. */
const { answer, endpointing, transcript } = SETTINGS;
const SILENCE_MAX_MS =
  endpointing.maxDelay + transcript.wait + answer.fillerAfter + 2 * answer.firstAudio + 500;

/** The whole provider is down for a while, as providers are. */
function outageOf({ script }: { readonly script: { faultOf: () => unknown } }): {
  begin(): void;
  end(): void;
} {
  const { faultOf } = script;
  return {
    begin: () => (script.faultOf = () => ({ kind: "status", status: 500 })),
    end: () => (script.faultOf = faultOf),
  };
}

/** It ended, it replays, and none of its turns is left. */
async function checkCall({ id, records }: ChaosCall): Promise<void> {
  assert.equal(records.at(-1)?.input.type, "call.ended", `${id} ended`);
  const { verdict, divergence } = await replay(records, { machines: MACHINES, deep: true });
  assert.equal(verdict, "reproduced", `${id}: ${JSON.stringify(divergence)}`);
  for (const { n, status } of turnSummaries(records))
    assert.notEqual(status, "live", `${id}: turn ${n} is over`);
}

/** From each sentence's end to the first sound or text after it. */
function silences({ asked, heard, shown }: ChaosCall): number[] {
  return asked.map((at) => {
    const sounds = heard.filter(({ to }) => to > at).map(({ from }) => Math.max(0, from - at));
    const texts = shown.filter((one) => one > at).map((one) => one - at);
    return Math.min(...sounds, ...texts);
  });
}

function usageIn({ records }: ChaosCall): readonly Usage[] {
  return records.flatMap(({ input }) => (input as Partial<EffectEnded>).usage ?? []);
}

interface Sums {
  billed: number;
  logged: number;
  estimated: number;
  /** Requests and connections that were cut off: what was under way then, only one side knows. */
  cutOff: number;
}

/** What may leave the vendor and not arrive when a request is cut off, by meter. */
const UNDER_WAY: Readonly<Partial<Record<Usage["meter"], number>>> = {
  outputTokens: 5,
  audioMs: 500,
  connectionMs: 500,
};
const FORM_SHARE = 0.5;
/** Both sides round; and each reads its own clock when a connection opens and closes. */
const EACH: Readonly<Partial<Record<Usage["meter"], number>>> = { audioMs: 60, connectionMs: 500 };

function compareUsage(
  billed: readonly Usage[],
  logged: readonly Usage[],
  say: (line: string) => void,
): void {
  const sums = new Map<string, Sums>();
  const of = ({ service, provider, model, meter }: Usage): Sums => {
    const key = `${service} ${provider} ${model} ${meter}`;
    const sum = sums.get(key) ?? { billed: 0, logged: 0, estimated: 0, cutOff: 0 };
    sums.set(key, sum);
    return sum;
  };
  const counts = new Map<string, number>();
  for (const usage of billed.filter(({ meter }) => meter !== "requests"))
    of(usage).billed += usage.quantity;
  // Turned down: nothing was made and nothing is billed.
  for (const usage of logged.filter(({ meter }) => meter !== "requests")) {
    const sum = of(usage);
    sum.logged += usage.quantity;
    if (usage.estimated) sum.estimated += usage.quantity;
    if (usage.how) sum.cutOff++;
    const key = `${usage.service} ${usage.provider} ${usage.model} ${usage.meter}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, { billed, logged, estimated, cutOff }] of sums) {
    say(
      `${key}: billed ${Math.round(billed)}, logged ${Math.round(logged)}, of that estimated ` +
        `${Math.round(estimated)}`,
    );
    const meter = key.split(" ").at(-1) as Usage["meter"];
    const slack = cutOff * (UNDER_WAY[meter] ?? 0) + (counts.get(key) ?? 0) * (EACH[meter] ?? 0);
    // What was sent as the line broke is estimated: nobody can tell whether the vendor had it, nor
    // what its form adds around the words.
    const most = logged + estimated * FORM_SHARE + slack;
    assert.ok(billed <= most, `${key}: ${billed} billed, ${logged} logged`);
    assert.ok(billed >= logged - estimated - slack, `${key}: ${billed} billed, ${logged} logged`);
  }
}

/** Each request stands in the logs once, with its tokens or as turned down. */
function triesOf(of: string, logged: readonly Usage[]): { tries: number; stopped: number } {
  const tries = logged.filter(
    ({ service, provider, meter }) =>
      service === "llm" && provider === of && (meter === "inputTokens" || meter === "requests"),
  );
  return { tries: tries.length, stopped: tries.filter(({ how }) => how === "stopped").length };
}
