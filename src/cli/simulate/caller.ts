import type { CallHost } from "../../actors/call-host.ts";
import type { Clock } from "../../base/clock.ts";
import { aborted, sleep } from "../../base/clock.ts";
import type { LogRecord } from "../../events/record.ts";
import type { PacedRoom } from "../../main.ts";
import type { Act } from "./script.ts";

/**
 * A caller who follows a script: listens until the agent has finished before saying the next thing,
 * unless a pause of its own tells it to speak at a certain moment.
 */
export interface CallerPorts {
  readonly room: PacedRoom;
  readonly host: CallHost;
  readonly clock: Clock;
  readonly identity: string;
  readonly sounds: readonly (Int16Array | undefined)[];
  /** Told as each spoken act begins. */
  readonly onAct: (index: number, act: Act, ms: number) => Promise<void>;
  /** Breaks it off: nothing more is said or waited for. */
  readonly signal: AbortSignal;
}

/** How often the caller looks whether the agent is through. */
const LOOK_EVERY_MS = 20;
/** An utterance that opens no turn in this time was not heard: the caller goes on. */
const UNHEARD_MS = 6_000;
/** After this the caller stops waiting for an answer. */
const ANSWER_MAX_MS = 60_000;

export async function followScript(
  acts: readonly Act[],
  from: number,
  ports: CallerPorts,
): Promise<void> {
  const { room, clock, identity, signal } = ports;
  await agentQuiet(ports);
  for (const [index, act] of acts.entries()) {
    if (index < from || !isLive(ports)) continue;
    if (act.kind === "pause") {
      await sleep(clock, act.ms, signal);
      continue;
    }
    const sound = ports.sounds[index];
    const turns = turnsOpened(ports.host);
    await ports.onAct(index, act, sound ? (sound.length * 1000) / 16_000 : 0);
    if (sound) await Promise.race([room.speak(identity, sound), aborted(signal)]);
    else if (act.kind === "say") room.type(identity, act.text);
    // A pause counts from the end of these words, so nothing is waited for before it.
    if (acts[index + 1]?.kind === "pause") continue;
    await answered(ports, turns);
  }
}

/** The first act whose words have no final in the log: where a call that died goes on. */
export function firstUnheard(
  acts: readonly Act[],
  began: readonly { readonly act: number; readonly at: number; readonly ms: number }[],
  records: readonly LogRecord[],
): number {
  const finals = records.flatMap(finalRange);
  const heard = (index: number): boolean =>
    began.some(
      ({ act, at, ms }) =>
        act === index && finals.some(({ from, to }) => from < at + ms + 500 && to > at - 500),
    );
  const index = acts.findIndex((act, i) => act.kind !== "pause" && !heard(i));
  return index < 0 ? acts.length : index;
}

/** Words that came through: with sound by its range, typed ones by their record's time. */
function finalRange({ input, at }: LogRecord): { from: number; to: number }[] {
  const event = input["event"] as
    | { type: string; words: number; from: number; to: number }
    | undefined;
  if (event?.type === "stt.final" && event.words > 0) return [event];
  return event?.type === "text.received" ? [{ from: at, to: at }] : [];
}

/** Waits for the answer to what was just said, and until the agent has finished it. */
async function answered(ports: CallerPorts, turnsBefore: number): Promise<void> {
  const { clock, host, signal } = ports;
  const said = clock.now();
  while (turnsOpened(host) === turnsBefore && clock.now() - said < UNHEARD_MS && isLive(ports))
    await sleep(clock, LOOK_EVERY_MS, signal);
  await agentQuiet(ports);
}

async function agentQuiet(ports: CallerPorts): Promise<void> {
  const { host, clock, signal } = ports;
  const since = clock.now();
  while (!isQuiet(host) && clock.now() - since < ANSWER_MAX_MS && isLive(ports))
    await sleep(clock, LOOK_EVERY_MS, signal);
}

interface Floor {
  readonly n: number;
  readonly older: unknown;
  readonly newer: unknown;
  readonly queue: readonly unknown[];
  readonly participants: readonly unknown[];
}

function floorOf(host: CallHost): Floor | undefined {
  return host.fold.snapshotOf("room")?.context as Floor | undefined;
}

function turnsOpened(host: CallHost): number {
  return floorOf(host)?.n ?? 0;
}

function isLive({ host, signal }: CallerPorts): boolean {
  return !host.fold.closed && !host.fenced && !signal.aborted;
}

function isQuiet(host: CallHost): boolean {
  const floor = floorOf(host);
  if (!floor || floor.participants.length === 0) return false;
  return floor.older === null && floor.newer === null && floor.queue.length === 0;
}
