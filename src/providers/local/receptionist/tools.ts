import { AppError } from "../../../base/errors.ts";
import type { Json } from "../../../events/record.ts";
import type { Tool } from "../../tool.port.ts";
import { HOUSE, parseClockTime, whyClosed } from "./facts.ts";

/**
 * The tools of the local receptionist over a book in memory, one book for each call of
 * `createReceptionistTools`.
 *
 * I1 the same key always gives the same result, and writes once.
 * I2 a changed booking keeps its reference; what the change does not name stays.
 */
export interface Booking {
  readonly reference: string;
  readonly name: string;
  readonly day: string;
  /** "19:30" */
  readonly time: string;
  readonly people: number;
}

/** References are easy to say and hard to mishear. */
export const REFERENCE_WORDS =
  "amber birch cedar delta ember falcon garnet harbor indigo jasmine lemon maple".split(" ");

const NAME_CHARS_MAX = 60;
const TIMEOUT_MS = 5_000;

export function createReceptionistTools(): readonly Tool[] {
  const book = new TableBook();
  return [
    {
      spec: {
        name: "book",
        description: "Books a table, or changes the booking named by `replaces`.",
        parameters: {
          type: "object",
          properties: {
            name: { type: "string" },
            day: { type: "string", description: "A weekday, a date or a word like tomorrow." },
            time: { type: "string", description: "24 hours, HH:MM." },
            people: { type: "integer", minimum: 1, maximum: HOUSE.peopleMax },
            replaces: { type: "string", description: "Reference or name of the old booking." },
          },
        },
      },
      write: true,
      idempotent: true,
      timeoutMs: TIMEOUT_MS,
      run: async (input, { key }) => book.once(key, () => book.write(input)),
    },
    {
      spec: {
        name: "cancel_booking",
        description: "Cancels a booking by its reference or name.",
        parameters: {
          type: "object",
          properties: { booking: { type: "string", description: "Reference or name." } },
          required: ["booking"],
        },
      },
      write: true,
      idempotent: true,
      timeoutMs: TIMEOUT_MS,
      run: async (input, { key }) => book.once(key, () => book.cancel(input)),
    },
  ];
}

class TableBook {
  readonly #bookings = new Map<string, Booking>();
  readonly #results = new Map<string, Json>();
  #written = 0;

  /** A retry after a crash brings the same key and must find the same result (E8). */
  once(key: string, run: () => Json): Json {
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const result = run();
    this.#results.set(key, result);
    return result;
  }

  write(input: Json): Json {
    const fields = toObject(input);
    const replaces = fields["replaces"];
    const old = replaces === undefined ? undefined : this.#find(toText("replaces", replaces));
    if (replaces !== undefined && !old) return { reference: null, reason: "not found" };
    const booking: Booking = {
      name: toText("name", fields["name"] ?? old?.name),
      day: toText("day", fields["day"] ?? old?.day),
      time: toTime(fields["time"] ?? old?.time),
      people: toPeople(fields["people"] ?? old?.people),
      reference: old?.reference ?? this.#newReference(),
    };
    const closed = whyClosed(booking.day, parseClockTime(booking.time)!);
    if (closed) throw invalid(`no table then: ${closed}`);
    this.#bookings.set(booking.reference, booking);
    return { ...booking, changed: old !== undefined };
  }

  cancel(input: Json): Json {
    const booking = this.#find(toText("booking", toObject(input)["booking"]));
    if (!booking) return { cancelled: false, reason: "not found" };
    this.#bookings.delete(booking.reference);
    return { cancelled: true, ...booking };
  }

  /** By reference, else the newest under that name. */
  #find(wanted: string): Booking | undefined {
    const same = (text: string): boolean => text.toLowerCase() === wanted.toLowerCase();
    const all = [...this.#bookings.values()];
    return all.find((one) => same(one.reference)) ?? all.findLast((one) => same(one.name));
  }

  #newReference(): string {
    const n = ++this.#written;
    return `${REFERENCE_WORDS[(n - 1) % REFERENCE_WORDS.length]} ${n}`;
  }
}

function toObject(input: Json): { readonly [key: string]: Json } {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw invalid("the input is an object");
  return input as { readonly [key: string]: Json };
}

function toText(field: string, value: Json | undefined): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > NAME_CHARS_MAX)
    throw invalid(`${field} is a text of 1 to ${NAME_CHARS_MAX} characters`);
  return value.trim();
}

function toTime(value: Json | undefined): string {
  if (typeof value !== "string" || parseClockTime(value) === undefined)
    throw invalid("time is 24 hours, as 19:30");
  return value;
}

function toPeople(value: Json | undefined): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > HOUSE.peopleMax)
    throw invalid(`people is a whole number from 1 to ${HOUSE.peopleMax}`);
  return value as number;
}

function invalid(message: string): AppError {
  return new AppError("input.invalid", message);
}
