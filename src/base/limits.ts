import { assert } from "./assert.ts";

/** Every bound of the system, with its unit in the name. Relations are asserted below, at load. */
export const LIMITS = {
  /** Events one step may cascade through before it fails (E1). */
  cascadeEventsMax: 64,
  /** Failed steps after which a call says its farewell and closes (E1). */
  failedStepsMax: 3,
  /** A record's JSON; larger things go to Blobs by digest (L9). */
  recordBytesMax: 64 * 1024,
  /** Records packed into one append (L2). */
  appendRecordsMax: 64,
  /** JSON of the records packed into one append: half of what a NATS server takes by default. */
  appendBytesMax: 512 * 1024,
  /** Records of one log segment before it rolls over (L9). */
  segmentRecordsMax: 50_000,
  /** Records between two snapshots of a call (L9). */
  snapshotEveryRecords: 2_000,
  /** Without an answer of the log for this long the agent says its `outage` words (L7). */
  outageWordsAfterMs: 1_500,
  /** Without one for this long the agent says its farewell and leaves the call (L7). */
  outageMsMax: 15_000,
  /** What such words may take; the farewell's time includes the wait for silence. */
  outageWordsMsMax: 8_000,
  /** An answer of the log over a longer standstill of this process is as good as none (L7). */
  loopGapMsMax: 500,
  /** Interims of one speech range that reach a chart, per second (L9). */
  interimsPerSecondMax: 4,
  /** How often the playout position is logged (E9). */
  positionEveryMs: 250,
  /** Without a word of a request for this long nobody answers for it any more. */
  usageLeaseMs: 15 * 60_000,
  /** How often the log's time of what runs on is told to the ledger. */
  usageEveryMs: 60_000,
  /** What `afterTurn` may take; the end of the call waits for it. */
  afterTurnMsMax: 10_000,
  /** A voice that failed is not asked first for this long. */
  voiceRetryMs: 30_000,
  /** Outgoing frame length (M1). */
  frameMs: 20,
  /** Audio queued natively ahead of the speaker (M1, M3). */
  playoutAheadMs: 60,
  /** Sound sent to a page ahead of what it plays: bridges the jitter of browser and network. */
  pageAheadMs: 160,
  /** What a page waits for before it plays, so that the first jitter makes no gap. */
  pageDelayMs: 60,
  /** How far a page's acknowledgements may hold the playout back behind the clock. */
  pageLagMsMax: 2_000,
  /** Bytes not yet taken by a page before its socket is given up. */
  pageBacklogBytesMax: 256 * 1024,
  /** One message of a page. */
  pageMessageBytesMax: 16 * 1024,
  /** Typed words of one page; each is a record of the log. */
  pageTextsPerMinuteMax: 60,
  /** Spoken calls over pages at a time in one process. */
  pageCallsMax: 8,
  /** Without sound from a microphone for this long, silence is put in its place. */
  microphoneGapMs: 1_000,
  /** Sound of a microphone that may run ahead of the clock before it is dropped. */
  microphoneBurstMs: 200,
  /** As `playoutAheadMs` in a room: bridges what other calls do on the loop. */
  roomAheadMs: 120,
  /** How long the first sound waits for somebody to have subscribed to it. */
  firstListenerMs: 1_500,
  /** From asking a LiveKit server to being in the room. */
  roomJoinMsMax: 12_000,
  roomLeaveMsMax: 3_000,
  /** Words and attributes that wait to be sent to a room. */
  roomOutboxMax: 200,
  /** What one of them may hold up the others. */
  roomSendMsMax: 5_000,
  /** One typed text of a room. */
  roomTextBytesMax: 16 * 1024,
  /** Typed texts of a room that are on their way in. */
  roomTextsOpenMax: 32,
  /** Typed texts of a room; each is a record of the log. */
  roomTextsPerMinuteMax: 120,
  /** Synthesised speech held in memory for one reply (M3). */
  speechBufferMsMax: 120_000,
  /** Audio kept to be sent again after a speech-to-text drop; what is older is lost. */
  resendAudioMsMax: 30_000,
  /** From opening a speech-to-text connection to its being open. */
  sttConnectMsMax: 5_000,
  /** A speech-to-text provider that says nothing at all for this long during speech is dead. */
  sttSilentMsMax: 2_500,
  /** What the last words of a stream that is finished may take, and one batch request. */
  sttFinishMsMax: 10_000,
  /** One utterance of a recognizer of whole utterances; a longer one is cut where it is quiet. */
  sttBatchMsMax: 28_000,
  /** One local Moonshine decode; longer input fails (measured: 9.2 s). */
  decodeAudioMsMax: 9_000,
  /** A command over HTTP, as JSON. */
  commandBytesMax: 64 * 1024,
  /** Calls whose costs are kept folded for the next question. */
  liveCostsMax: 64,
  /** Calls that are followed for metrics; of one more, the one longest silent is read anew. */
  measuredCallsMax: 1_000,
  /** How often a worker says how it is. */
  heartbeatEveryMs: 1_000,
  /** A worker of whom nothing was heard for this long is gone. */
  heartbeatSilentMs: 3_000,
  /** Calls that a heartbeat names one by one. */
  heartbeatCallsMax: 20,
  /** Messages a bus subscriber may lag behind before the oldest are dropped and counted. */
  busBacklogMax: 10_000,
} as const;

assert(LIMITS.playoutAheadMs >= LIMITS.frameMs, "the playout queue holds at least one frame");
assert(LIMITS.pageAheadMs > LIMITS.pageDelayMs, "a page is sent what it waits for");
assert(
  LIMITS.heartbeatSilentMs >= 2 * LIMITS.heartbeatEveryMs,
  "one lost heartbeat makes nobody gone",
);
assert(
  LIMITS.snapshotEveryRecords < LIMITS.segmentRecordsMax,
  "a segment holds at least one snapshot",
);
