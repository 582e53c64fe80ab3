import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Json } from "../events/record.ts";
import type { Bus, BusHandler, Subscription } from "./bus.port.ts";
import { parsePattern, parseSubject } from "./bus-subject.ts";
import { type Delivery, Mailbox, type MailboxOptions } from "./mailbox.ts";

/**
 * The bus inside one process. B1: a handler never runs inside `publish`. B2: one message at a time
 * per subscription, in order; a handler that waits makes its own backlog grow and nobody else's.
 * B3: a handler that throws harms neither the publisher nor others; its request goes unanswered.
 * B4: data is handed on as it is, so what was published must never be mutated.
 */
export class LocalBus implements Bus {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backlogMax: number;
  readonly #members = new Set<Member>();
  readonly #pending = new Set<(error: AppError) => void>();
  /** Which member of a queue group is next, by group. */
  readonly #turns = new Map<string, number>();

  constructor(clock: Clock, options: { logger?: Logger; backlogMax?: number } = {}) {
    this.#clock = clock;
    this.#logger = options.logger ?? silentLogger;
    this.#backlogMax = options.backlogMax ?? LIMITS.busBacklogMax;
  }

  publish(subject: string, data: Json): void {
    for (const member of this.#receivers(subject)) member.push({ message: { subject, data } });
  }

  subscribe(pattern: string, handler: BusHandler, options: { queue?: string } = {}): Subscription {
    const member = new Member({
      pattern,
      tokens: parsePattern(pattern),
      group: options.queue,
      handler,
      backlogMax: this.#backlogMax,
      logger: this.#logger,
      leave: (one) => this.#leave(one),
    });
    this.#members.add(member);
    return member;
  }

  async request(subject: string, data: Json, timeoutMs: number): Promise<Json> {
    const receivers = this.#receivers(subject);
    if (receivers.length === 0)
      throw new AppError("bus.noResponder", `nobody answers on ${subject}`, {
        detail: { subject },
      });
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const cancel = this.#clock.after(timeoutMs, () =>
      reject(
        new AppError("bus.timeout", `no answer on ${subject} within ${timeoutMs} ms`, {
          detail: { subject, timeoutMs },
        }),
      ),
    );
    this.#pending.add(reject);
    for (const receiver of receivers)
      receiver.push({ message: { subject, data }, answer: resolve });
    try {
      return await promise;
    } finally {
      cancel();
      this.#pending.delete(reject);
    }
  }

  /** Nothing is delivered any more; who waits for an answer is told at once. */
  close(): void {
    for (const member of this.#members) member.close();
    for (const reject of this.#pending)
      reject(new AppError("bus.noResponder", "the bus was closed"));
  }

  /** Groups are often named after a call: one without members must not be remembered. */
  #leave(member: Member): void {
    this.#members.delete(member);
    const group = member.group;
    if (group === undefined || [...this.#members].some((other) => other.group === group)) return;
    this.#turns.delete(group);
  }

  /** Every lone subscriber that matches, and of each group the member whose turn it is. */
  #receivers(subject: string): readonly Member[] {
    const tokens = parseSubject(subject);
    const receivers: Member[] = [];
    const groups = new Map<string, Member[]>();
    for (const member of this.#members) {
      if (!matches(member.tokens, tokens)) continue;
      const group = member.group;
      if (group === undefined) receivers.push(member);
      else groups.set(group, [...(groups.get(group) ?? []), member]);
    }
    for (const [group, members] of groups) {
      const turn = this.#turns.get(group) ?? 0;
      this.#turns.set(group, turn + 1);
      receivers.push(members[turn % members.length]!);
    }
    return receivers;
  }
}

interface MemberOptions extends MailboxOptions {
  readonly tokens: readonly string[];
  readonly group: string | undefined;
  readonly leave: (member: Member) => void;
}

/** One subscription and what waits for it. */
class Member implements Subscription {
  readonly tokens: readonly string[];
  readonly group: string | undefined;
  readonly #mailbox: Mailbox;
  readonly #leave: (member: Member) => void;

  constructor(options: MemberOptions) {
    this.tokens = options.tokens;
    this.group = options.group;
    this.#mailbox = new Mailbox(options);
    this.#leave = options.leave;
  }

  get dropped(): number {
    return this.#mailbox.dropped;
  }

  push(delivery: Delivery): void {
    this.#mailbox.push(delivery);
  }

  close(): void {
    this.#mailbox.close();
    this.#leave(this);
  }
}

function matches(pattern: readonly string[], subject: readonly string[]): boolean {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === ">") return subject.length > i;
    if (subject[i] === undefined || (pattern[i] !== "*" && pattern[i] !== subject[i])) return false;
  }
  return pattern.length === subject.length;
}
