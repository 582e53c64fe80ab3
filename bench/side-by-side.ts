import { systemClock } from "../src/base/clock.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import { exchange, quickExchange, type Exchange, type TalkingCall } from "./exchange.ts";
import { FakeCall } from "./fake-call.ts";
import { samplesOf } from "./measure.ts";
import { PeerCall } from "./peer-call.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";
import { warmUp } from "./warm-up.ts";

/**
 * Ours and the peer's, `@livekit/agents`, in one run and one process, over fakes of the same kind
 * and at the pace of a call: an exchange of the one, then one of the other.
 */
const WARMUP_TURNS = 300;
const WARMUP = 8;
const EXCHANGES = 50;
const FRAMES_MS = [20, 100];
const INTERRUPTIONS = 100;
const LONG_TURNS = 1_000;
const LONG_EXCHANGES = 25;

export const turn: Bench = {
  name: "turn",
  run: () =>
    withBoth(async (ours, peer) => {
      const pairs = await talk(ours, peer, { count: EXCHANGES, framesMs: [20] });
      return [
        rowOf("final transcript to model call", pairs, { what: "toModel", ratioTarget: 1.2 }),
        rowOf("first token to first frame", pairs, { what: "toFrame", ratioTarget: 1.2 }),
      ];
    }),
};

export const interruption: Bench = {
  name: "interruption",
  run: () =>
    withBoth(async (ours, peer) => {
      const pairs = await talk(ours, peer, { count: INTERRUPTIONS, framesMs: FRAMES_MS });
      return FRAMES_MS.map((frameMs) => {
        const same = pairs.filter((pair) => pair.playing === frameMs);
        return rowOf(`speech start to cleared output, ${frameMs} ms frames`, same, {
          what: "toSilence",
          ratioTarget: 0.1,
        });
      });
    }),
};

export const growth: Bench = {
  name: "growth",
  run: () =>
    withBoth(async (ours, peer) => {
      for (let n = 0; n < LONG_TURNS - LONG_EXCHANGES; n++) await quickExchange(ours);
      for (let n = 0; n < LONG_TURNS - LONG_EXCHANGES; n++) await quickExchange(peer);
      const pairs = await talk(ours, peer, { count: LONG_EXCHANGES, framesMs: [20] });
      return [
        rowOf(`final transcript to model call, ${LONG_TURNS} turns`, pairs, {
          what: "toModel",
          ratioTarget: 0.2,
        }),
      ];
    }),
};

interface Pair {
  /** Length of the frames of the answer that was spoken over. */
  readonly playing: number;
  readonly ours: Exchange;
  readonly peer: Exchange;
}

async function withBoth(
  run: (ours: FakeCall, peer: PeerCall) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  await warmUp(WARMUP_TURNS);
  await using folder = await TempFolder.make();
  await using broker = await openEmbedded({ dataDir: folder.path, clock: systemClock });
  const ours = new FakeCall(systemClock);
  await ours.open(broker, "c1");
  const peer = new PeerCall();
  await peer.open();
  try {
    return await run(ours, peer);
  } finally {
    ours.close();
    await peer.close();
  }
}

async function talk(
  ours: FakeCall,
  peer: PeerCall,
  { count, framesMs }: { readonly count: number; readonly framesMs: readonly number[] },
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  let playing = 0;
  for (let n = -WARMUP; n < count; n++) {
    const frameMs = framesMs[(n + WARMUP) % framesMs.length]!;
    const first = await next(ours, frameMs, n > -WARMUP);
    const second = await next(peer, frameMs, n > -WARMUP);
    if (n >= 0) pairs.push({ playing, ours: first, peer: second });
    playing = frameMs;
  }
  return pairs;
}

function next(call: TalkingCall, frameMs: number, overAnswer: boolean): Promise<Exchange> {
  call.tts.frameMs = frameMs;
  return exchange(call, overAnswer);
}

function rowOf(
  name: string,
  pairs: readonly Pair[],
  { what, ratioTarget }: { readonly what: keyof Exchange; readonly ratioTarget: number },
): Row {
  const peer = samplesOf(pairs.map((pair) => pair.peer[what]));
  const ours = samplesOf(pairs.map((pair) => pair.ours[what]));
  return toRow({
    name,
    unit: "ms",
    ...ours,
    peer: peer.ours,
    peerP95: peer.p95,
    ratioTarget,
  });
}
