import { AppError } from "../src/base/errors.ts";
import { pause } from "./measure.ts";

const PAUSE_MS = 70;
/** Interims come at most four a second. */
const INTERIM_EVERY_MS = 260;
const DEADLINE_MS = 5_000;
/** Speech must have a length. */
const QUICK_MS = 6;

/** A live call, ours or the peer's, over fakes that the bench tells what to say. */
export interface TalkingCall {
  readonly llm: {
    readonly askedAt: number;
    readonly tokenAt: number;
    watch(): Promise<void>;
    answer(): void;
  };
  readonly tts: { frameMs: number };
  readonly silencedAt: number;
  readonly firstFrameAt: number;
  startSpeech(): void;
  interim(): void;
  endSpeech(): void;
  final(): void;
  watchSilence(): Promise<void>;
  watchSound(): Promise<void>;
}

export interface Exchange {
  /** Final transcript to model call, first token to first frame, speech start to silence; ms. */
  readonly toModel: number;
  readonly toFrame: number;
  readonly toSilence: number;
}

/** The caller asks at the pace of a call, over the last answer if there is one, and is answered. */
export async function exchange(call: TalkingCall, overAnswer: boolean): Promise<Exchange> {
  const { llm } = call;
  const startedAt = performance.now();
  const silenced = call.watchSilence();
  call.startSpeech();
  if (overAnswer) await inTime(silenced, "the output was not cleared");
  const toSilence = call.silencedAt - startedAt;
  await pause(PAUSE_MS);
  call.interim();
  const nextInterimAt = performance.now() + INTERIM_EVERY_MS;
  await pause(PAUSE_MS);
  call.endSpeech();
  await pause(PAUSE_MS);
  const asked = llm.watch();
  const saidAt = performance.now();
  call.final();
  await inTime(asked, "the model was not asked");
  const toModel = llm.askedAt - saidAt;
  await pause(PAUSE_MS);
  const heard = call.watchSound();
  llm.answer();
  await inTime(heard, "nothing was said");
  const toFrame = call.firstFrameAt - llm.tokenAt;
  await pause(Math.max(PAUSE_MS, 2 * (nextInterimAt - performance.now())));
  return { toModel, toFrame, toSilence };
}

/** The same in next to no time: what makes a long call. */
export async function quickExchange(call: TalkingCall): Promise<void> {
  const asked = call.llm.watch();
  call.startSpeech();
  await pause(QUICK_MS);
  call.endSpeech();
  call.final();
  await inTime(asked, "the model was not asked");
  const heard = call.watchSound();
  call.llm.answer();
  await inTime(heard, "nothing was said");
}

async function inTime(event: Promise<void>, otherwise: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError("bug", otherwise)), DEADLINE_MS);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}
