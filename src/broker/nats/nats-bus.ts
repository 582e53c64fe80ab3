import type { Msg } from "@nats-io/transport-node";
import { ConnectionError, RequestError, TimeoutError } from "@nats-io/transport-node";
import { AppError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { Json } from "../../events/record.ts";
import type { Bus, BusHandler, Subscription } from "../bus.port.ts";
import { parsePattern, parseSubject } from "../bus-subject.ts";
import { Mailbox } from "../mailbox.ts";
import type { Connection } from "./connection.ts";
import { toBrokerError } from "./nats-error.ts";

/** Of a client, or of a request that crossed accounts. */
const INBOX = /^(_INBOX|_R_)\./;
const NO_JSON = { ok: false, code: "input.invalid", message: "a request must be JSON" };

/**
 * The bus on core NATS. Lossy: what is published while the connection is down is dropped and
 * counted, not sent late; of a slow handler's backlog the oldest are dropped and counted. So this
 * process reads its socket at all times and is no slow consumer to the server.
 */
export class NatsBus implements Bus {
  /** Messages not sent because the connection was down. */
  unsent = 0;
  readonly #connection: Connection;
  readonly #logger: Logger;

  constructor(connection: Connection, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
  }

  publish(subject: string, data: Json): void {
    parseSubject(subject);
    if (!this.#connection.connected || this.#connection.nc.isClosed()) {
      this.unsent++;
      return;
    }
    try {
      this.#connection.nc.publish(subject, JSON.stringify(data));
    } catch (error) {
      throw toBrokerError(error);
    }
  }

  subscribe(pattern: string, handler: BusHandler, options: { queue?: string } = {}): Subscription {
    parsePattern(pattern);
    const mailbox = new Mailbox({ pattern, handler, logger: this.#logger });
    const subscription = this.#connection.nc.subscribe(pattern, {
      ...(options.queue !== undefined && { queue: options.queue }),
      callback: (error, message) => {
        if (error)
          this.#logger.log("error", "a subscription ended", { pattern, error: error.message });
        else this.#take(mailbox, message);
      },
    });
    return {
      get dropped() {
        return mailbox.dropped;
      },
      close: () => {
        mailbox.close();
        subscription.unsubscribe();
      },
    };
  }

  async request(subject: string, data: Json, timeoutMs: number): Promise<Json> {
    parseSubject(subject);
    try {
      const answer = this.#connection.nc.request(subject, JSON.stringify(data), {
        timeout: timeoutMs,
      });
      return (await this.#connection.whileUp(answer)).json<Json>();
    } catch (error) {
      if (error instanceof RequestError && error.isNoResponders())
        throw new AppError("bus.noResponder", `nobody answers on ${subject}`, {
          detail: { subject },
        });
      if (error instanceof TimeoutError || error instanceof ConnectionError)
        throw new AppError("bus.timeout", `no answer on ${subject} within ${timeoutMs} ms`, {
          cause: error,
          detail: { subject, timeoutMs },
        });
      throw toBrokerError(error);
    }
  }

  /** Any client may send anything: nothing at all is null, and who asks in no JSON is told. */
  #take(mailbox: Mailbox, message: Msg): void {
    const { subject } = message;
    let data: Json;
    try {
      data = message.data.length === 0 ? null : message.json<Json>();
    } catch {
      this.#logger.log("warn", "a message was not JSON", { subject });
      this.#answer(message, NO_JSON);
      return;
    }
    if (!message.reply) return mailbox.push({ message: { subject, data } });
    mailbox.push({ message: { subject, data }, answer: (reply) => this.#answer(message, reply) });
  }

  /** Who asks chooses the subject of the answer: were it a log's, we would write into that. */
  #answer(message: Msg, reply: Json): void {
    const { subject, reply: to = "" } = message;
    if (INBOX.test(to)) message.respond(JSON.stringify(reply));
    else if (to !== "")
      this.#logger.log("warn", "a request whose answer is no inbox's is not answered", { subject });
  }
}
