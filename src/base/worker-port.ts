import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, Worker } from "node:worker_threads";
import type { Transferable } from "node:worker_threads";
import { AppError, codeOf, toAppError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";

/**
 * Questions to one worker thread, answered one at a time so that the loop never blocks (E7).
 *
 * I1 at most one question is inside the worker; the others wait here, most urgent first.
 * I2 an aborted question that still waits is never posted; a posted one ends without its answer.
 * I3 a dead worker fails what it held, and the next question starts a fresh one.
 */
export interface AskOptions {
  readonly signal?: AbortSignal;
  /** Lower goes first; equal keeps the order of asking. */
  readonly rank?: number;
  /** A waiting question of the same key is dropped for this one; one at work is let finish. */
  readonly key?: string;
  readonly transfer?: readonly Transferable[];
}

interface Question {
  readonly message: unknown;
  readonly rank: number;
  readonly key: string | undefined;
  readonly transfer: readonly Transferable[];
  resolve(answer: unknown): void;
  reject(error: AppError): void;
}

type Reply = { readonly answer: unknown } | { readonly error: string; readonly code: ErrorCode };

export class WorkerPort implements AsyncDisposable {
  readonly #url: URL;
  readonly #data: unknown;
  #worker: Worker | undefined;
  #waiting: Question[] = [];
  #current: Question | undefined;
  #closed = false;

  constructor(url: URL, data?: unknown) {
    this.#url = url;
    this.#data = data;
  }

  ask<Answer>(message: unknown, options: AskOptions = {}): Promise<Answer> {
    if (this.#closed) return Promise.reject(new AppError("provider.failed", "already closed"));
    if (options.signal?.aborted) return Promise.reject(stopped());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onAbort = (): void => this.#drop(question);
    const forget = (): void => options.signal?.removeEventListener("abort", onAbort);
    const question: Question = {
      message,
      rank: options.rank ?? 0,
      key: options.key,
      transfer: options.transfer ?? [],
      resolve: (answer) => (forget(), resolve(answer as Answer)),
      reject: (error) => (forget(), reject(error)),
    };
    options.signal?.addEventListener("abort", onAbort, { once: true });
    for (const other of this.#waiting.filter(({ key }) => key && key === options.key))
      this.#drop(other);
    const after = this.#waiting.findIndex((other) => other.rank > question.rank);
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, question);
    this.#next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#lose(worker, new AppError("provider.failed", "closed while at work"));
    for (const question of this.#waiting.splice(0))
      question.reject(new AppError("provider.failed", "closed while waiting"));
    await worker?.terminate();
  }

  #drop(question: Question): void {
    this.#waiting = this.#waiting.filter((other) => other !== question);
    question.reject(stopped());
  }

  #next(): void {
    if (this.#current || this.#closed) return;
    const question = this.#waiting.shift();
    // An idle worker must not keep the process alive; a busy one must.
    if (!question) {
      this.#worker?.unref();
      return;
    }
    this.#current = question;
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(question.message, [...question.transfer]);
  }

  #start(): Worker {
    const worker = new Worker(this.#url, { workerData: this.#data });
    worker.on("message", (reply: Reply) => {
      const question = this.#current;
      this.#current = undefined;
      if ("answer" in reply) question?.resolve(reply.answer);
      else question?.reject(new AppError(reply.code, reply.error));
      this.#next();
    });
    worker.on("error", (error) => this.#lose(worker, toAppError(error, "provider.failed")));
    worker.on("exit", () => this.#lose(worker, new AppError("provider.failed", "worker ended")));
    return worker;
  }

  #lose(worker: Worker | undefined, error: AppError): void {
    if (!worker || this.#worker !== worker) return;
    this.#worker = undefined;
    this.#current?.reject(error);
    this.#current = undefined;
    this.#next();
  }
}

/** The worker's side: one answer per message, at once or later; errors by code and text. */
export function serveWorker(answer: (message: never) => unknown): void {
  const port = parentPort;
  const reply = async (message: never): Promise<Reply> => {
    try {
      return { answer: await answer(message) };
    } catch (error) {
      // WebAssembly throws bare numbers: `String` is the only thing that fits all.
      const text = error instanceof Error ? error.message : String(error);
      return { error: text, code: codeOf(error, "provider.failed") };
    }
  };
  port?.on("message", (message) => {
    void reply(message as never).then((sent) => port.postMessage(sent));
  });
}

/** A worker beside its owner: `.ts` in the tree, `.js` once built. */
export function workerUrl(name: string, ownerUrl: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(ownerUrl))}`, ownerUrl);
}

function stopped(): AppError {
  return new AppError("effect.stopped", "aborted");
}
