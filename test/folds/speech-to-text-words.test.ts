import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogRecord } from "../../src/events/record.ts";
import { progressText } from "../../src/folds/timeline-words.ts";

function textOf(event: object): string {
  const record = { actor: "track.a", input: { type: "effect.progress", effect: "1.0.stt", event } };
  return progressText(record as unknown as LogRecord, { person: (name) => name }) ?? "";
}

test("a track's retries and switches stand in the timeline, with who and why", () => {
  const why = "provider.unavailable";
  const retried = textOf({ type: "stt.retried", of: "one/m", attempt: 2, why, waitMs: 119.6 });
  assert.match(retried, /^speech-to-text one\/m .*\(provider\.unavailable\): .*\b120 ms\b/);
  assert.match(retried, /\btry 2\b/);
  const switched = textOf({ type: "stt.switched", from: "one/m", to: "two/n", why });
  assert.match(switched, /^speech-to-text one\/m .*\(provider\.unavailable\): two\/n goes on$/);
});
