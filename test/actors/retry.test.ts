import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { endedBy, retryDelay, wasTurnedDown } from "../../src/actors/effects/retry.ts";
import { AppError, type ErrorCode } from "../../src/base/errors.ts";

function failed(code: ErrorCode, detail: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError(code, code, { detail });
}

const BUSY = failed("provider.limited", { status: 429, retryAfterMs: 700 });

/** S1-50. `waitMs`: until the next try; undefined: there is none. */
const DELAYS: readonly {
  readonly what: string;
  readonly error: unknown;
  readonly attempt?: number;
  readonly leftMs?: number;
  readonly random?: number;
  readonly waitMs: number | undefined;
}[] = [
  { what: "503, no luck", error: failed("provider.failed"), random: 0.999, waitMs: 200 },
  { what: "503, all luck", error: failed("provider.failed"), random: 0, waitMs: 0 },
  { what: "503, half of the jitter", error: failed("provider.failed"), waitMs: 100 },
  { what: "503 again", error: failed("provider.failed"), attempt: 2, waitMs: 200 },
  { what: "503 a third time", error: failed("provider.failed"), attempt: 3, waitMs: undefined },
  { what: "a timeout", error: failed("provider.timeout"), waitMs: 100 },
  { what: "no network", error: failed("provider.unavailable"), waitMs: 100 },
  { what: "no protocol", error: failed("provider.garbled"), waitMs: 100 },
  { what: "429 without a time", error: failed("provider.limited"), waitMs: 100 },
  { what: "429 with a time that fits", error: BUSY, leftMs: 701, waitMs: 700 },
  { what: "429 with a time that does not fit", error: BUSY, leftMs: 700, waitMs: undefined },
  {
    what: "jitter that does not fit",
    error: failed("provider.failed"),
    leftMs: 99,
    waitMs: undefined,
  },
  {
    what: "nothing left",
    error: failed("provider.failed"),
    leftMs: 0,
    random: 0,
    waitMs: undefined,
  },
  { what: "401", error: failed("provider.rejected"), waitMs: undefined },
  { what: "another 4xx", error: failed("provider.refused"), waitMs: undefined },
  { what: "stopped by us", error: failed("effect.stopped"), waitMs: undefined },
  { what: "no code of ours", error: new Error("fetch failed"), waitMs: 100 },
];

suite("S1-50: a retry", () => {
  for (const { what, error, attempt = 1, leftMs = 3_000, random = 0.5, waitMs } of DELAYS)
    test(`after ${what} waits ${waitMs ?? "for nothing: there is none"}`, () => {
      assert.equal(retryDelay({ error, attempt, leftMs, random: () => random }), waitMs);
    });
});

test("only what a provider is to blame for counts against it", () => {
  const ends = (["provider.failed", "provider.rejected", "provider.limited"] as const).map((code) =>
    endedBy(failed(code)),
  );
  assert.deepEqual(ends, ["failed", "failed", "failed"]);
  assert.equal(endedBy(failed("provider.refused")), "void");
  assert.equal(endedBy(failed("effect.stopped")), "void");
  assert.equal(endedBy(new Error("socket hang up")), "failed");
});

test("a status is an answer that is not billed; a lost connection may be", () => {
  assert.equal(wasTurnedDown(BUSY), true);
  assert.equal(wasTurnedDown(failed("provider.timeout", { status: 504 })), false);
  assert.equal(wasTurnedDown(failed("provider.unavailable")), false);
  assert.equal(wasTurnedDown(new Error("x")), false);
});
