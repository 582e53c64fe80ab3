import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AudioSource, dispose, type Room } from "@livekit/rtc-node";
import type { Logger } from "../../base/logger.ts";

/**
 * What rtc-node keeps to itself and a process with many rooms cannot leave as it is. All of it is
 * in this file, and true of the version that package.json pins; test/e2e/livekit-rooms.test.ts
 * fails where another one differs.
 */
interface Inside {
  onFfiEvent: () => void;
  processFfiEvent: (event: unknown) => Promise<void>;
}

interface RtcLog {
  level: string;
  warn: (...said: unknown[]) => void;
  error: (...said: unknown[]) => void;
}

/**
 * Events of a room are handled in a promise that nobody waits for: whatever throws there would end
 * the process, and all its other rooms.
 */
export function guardRoom(room: Room, onError: (error: unknown) => void): void {
  const inside = room as unknown as Inside;
  const handle = inside.processFfiEvent;
  inside.processFfiEvent = (event) => handle(event).catch(onError);
}

/** A room that the server has closed stays in the list of those who are told of every event. */
export function forgetRoom(room: Room): void {
  globalThis._ffiClientInstance?.off("ffi_event", (room as unknown as Inside).onFfiEvent);
  room.removeAllListeners();
}

/**
 * A source of a room that the server has closed is never freed, and keeps its thread (measured: one
 * for each such room). So the next room takes it, and each after that.
 */
const spare: AudioSource[] = [];
const undying = new WeakSet<AudioSource>();

export function takeSource(rateHz: number, queueMs: number): AudioSource {
  const fits = spare.findIndex((one) => one.sampleRate === rateHz && one.queueSize === queueMs);
  const [source] = fits < 0 ? [] : spare.splice(fits, 1);
  return source ?? new AudioSource(rateHz, 1, queueMs);
}

/** `thrownOut`: the server has closed the room, or the agent's place in it. */
export async function giveSource(source: AudioSource, thrownOut: boolean): Promise<void> {
  if (thrownOut) undying.add(source);
  if (undying.has(source)) spare.push(source);
  else await source.close();
}

let holders = 0;

/** The native side keeps the process alive until all who held it have let go; once each. */
export function holdRtc(): () => Promise<void> {
  holders++;
  let held = true;
  return async () => {
    if (!held) return;
    held = false;
    if (--holders > 0) return;
    globalThis._ffiClientInstance = undefined;
    spare.length = 0;
    await dispose();
  };
}

let redirected = false;

/** Its own log goes to stdout from debug on, among what a command prints there. */
export function rtcLogTo(logger: Logger): void {
  if (redirected) return;
  redirected = true;
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("@livekit/rtc-node"));
  const { log } = require(join(folder, "log.cjs")) as { log: RtcLog };
  log.level = "silent";
  const tell = (...said: unknown[]): void =>
    logger.log("debug", "rtc-node", { said: said.map(String).join(" ") });
  log.warn = tell;
  log.error = tell;
}
