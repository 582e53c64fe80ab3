import { styleText } from "node:util";
import { z } from "zod";
import { systemClock } from "../base/clock.ts";
import { AppError, toAppError, type ErrorCode } from "../base/errors.ts";

/**
 * All a command says. Results go to stdout: plain text for people, or one JSON document that its
 * schema has accepted. Everything else goes to stderr. Nothing here knows a command.
 */
export interface CliIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  /** The environment; default: the process's. */
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** Ends what would go on by itself. */
  readonly signal?: AbortSignal;
}

/** 0 done; 1 the answer is bad news; 2 asked wrongly; 3 replayed, but not verified. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unverified: 3 } as const;

/** Schema of every error under `--json`. */
export const ErrorReport = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), fix: z.string().optional() }),
});

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const PROGRESS_EVERY_MS = 200;

export class Output {
  readonly isJson: boolean;
  readonly #io: CliIo;
  readonly #colors: boolean;
  #progressAt = 0;
  #progressShown = false;

  constructor(io: CliIo, options: { readonly json: boolean; readonly colors: boolean }) {
    this.#io = io;
    this.isJson = options.json;
    this.#colors = options.colors && io.outIsTty;
  }

  get signal(): AbortSignal | undefined {
    return this.#io.signal;
  }

  /** A line for people; under `--json` it is left out. */
  line(text = ""): void {
    this.#clearProgress();
    if (!this.isJson) this.#io.out(`${text}\n`);
  }

  /** Text as it is, such as a chart. */
  raw(text: string): void {
    if (!this.isJson) this.#io.out(text);
  }

  /** The one document of `--json`; what the schema refuses is a bug, not an answer. */
  json<T>(schema: z.ZodType<T>, value: T): void {
    this.#clearProgress();
    if (this.isJson) this.#io.out(`${JSON.stringify(schema.parse(value), undefined, 2)}\n`);
  }

  /** Begins the screen anew; an empty line where there is none. */
  clear(): void {
    if (!this.isJson) this.#io.out(this.#io.outIsTty ? "\x1b[H\x1b[J" : "\n");
  }

  note(text: string): void {
    this.#clearProgress();
    this.#io.err(`${text}\n`);
  }

  /** Overwrites itself on a terminal, and is silent elsewhere. */
  progress(text: string): void {
    if (!this.#io.errIsTty) return;
    const now = systemClock.now();
    if (now - this.#progressAt < PROGRESS_EVERY_MS) return;
    this.#progressAt = now;
    this.#progressShown = true;
    this.#io.err(`\r\x1b[K${text}`);
  }

  style(text: string, ...styles: Style[]): string {
    return this.#colors ? styleText(styles, text, { validateStream: false }) : text;
  }

  #clearProgress(): void {
    if (this.#progressShown) this.#io.err("\r\x1b[K");
    this.#progressShown = false;
  }
}

/** Says what went wrong and what to do; returns the exit code. */
export function reportError(error: unknown, io: CliIo, json: boolean): number {
  const known = toAppError(error, "bug");
  const { code, message, family, stack } = known;
  const fix = fixOf(known);
  const report = { error: { code, message, ...(fix !== undefined && { fix }) } };
  if (json) io.out(`${JSON.stringify(ErrorReport.parse(report), undefined, 2)}\n`);
  else io.err(`${code}: ${message}\n${fix === undefined ? "" : `  fix: ${fix}\n`}`);
  if (code === "bug") io.err(`${originOf(error) ?? stack ?? ""}\n`);
  return family === "input" ? EXIT.usage : EXIT.failed;
}

/** What a person can do about it. */
export function fixOf({ code, detail }: AppError): string | undefined {
  return typeof detail["fix"] === "string" ? detail["fix"] : FIXES[code];
}

/** Where a foreign error came from: the wrapping one would name this file. */
function originOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

/** An argument that cannot be meant, with what to do instead. */
export function usageError(message: string, fix?: string): AppError {
  return new AppError("input.invalid", message, fix === undefined ? {} : { detail: { fix } });
}

/** What a person can do, by code; docs/errors.md says it at length. */
const FIXES: Partial<Readonly<Record<ErrorCode, string>>> = {
  "config.invalid": "correct what the message names",
  "call.notFound": "list the calls with `turnfold calls`, or name another folder with --data",
  "call.ambiguous": "give more letters of the id, or write tenant/id",
  "bus.noResponder": "see who runs with `turnfold fleet`, or start one with `turnfold start`",
  "bus.timeout": "look at the call with `turnfold tell CALL state` before asking again",
  "call.closed": "the call has ended: replay it, or start a new one",
  "log.notALog": "name a log file (NNNN.jsonl), an export, or the folder of a call",
  "log.version": "use a build that reads this record version",
  "log.damaged": "restore the file from a copy; what stands before the line can still be read",
  "stt.missing": "run `turnfold models pull`, or type instead of speaking",
  "wav.invalid": "convert it to 16-bit PCM WAV",
  "data.locked": "stop that process, or use another folder with --data",
  "data.failed": "check the folder named with --data, its permissions and its disk",
  "provider.rejected": "set the right key, and look at the account",
  "provider.limited": "wait, or raise the limit of the account",
  "provider.refused": "correct the model, the voice or the setting that the message names",
  "provider.unavailable": "check the network, a proxy and the provider's address",
  "provider.timeout": "check the network and the provider's status, then try again",
  "provider.failed": "see the provider's status, then try again",
  "models.pull": "check the network and that pip is installed, then pull again",
  "models.checksum": "pull again; if it stays so, the source has changed and must not be used",
  "machine.unknown": "use a build that carries these machine versions",
  bug: "report it with this message and the call's log",
};
