/** The fictional restaurant the local receptionist speaks for: all it knows, as data. */
export const HOUSE = {
  name: "Juniper House",
  phone: "555-0142",
  address: "14 Mill Lane, next to the old library",
  peopleMax: 12,
} as const;

export const WEEKDAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Minutes since midnight. */
export interface OpenHours {
  readonly fromMin: number;
  readonly toMin: number;
}

const WORKDAY: OpenHours = { fromMin: 11 * 60 + 30, toMin: 22 * 60 };
const SATURDAY: OpenHours = { fromMin: 10 * 60, toMin: 23 * 60 };
const SUNDAY: OpenHours = { fromMin: 10 * 60, toMin: 16 * 60 };
/** A table is given up to an hour before closing. */
const LAST_TABLE_MIN = 60;

export function hoursOf(day: Weekday): OpenHours {
  if (day === "Saturday") return SATURDAY;
  return day === "Sunday" ? SUNDAY : WORKDAY;
}

/** The weekday a booking's day names, where it names one: "next Friday" does, "June 3" does not. */
export function weekdayIn(day: string): Weekday | undefined {
  return WEEKDAYS.find((weekday) => day.endsWith(weekday));
}

/** Why a table cannot be had then, or undefined where it can. */
export function whyClosed(day: string, timeMin: number): string | undefined {
  if (day === "Christmas Day" || day === "New Year's Day") return `We are closed on ${day}.`;
  const weekday = weekdayIn(day);
  // Of a date without a year nobody knows the weekday: the widest hours must do.
  const { fromMin, toMin } = weekday ? hoursOf(weekday) : SATURDAY;
  const lastMin = toMin - LAST_TABLE_MIN;
  if (timeMin >= fromMin && timeMin <= lastMin) return undefined;
  const when = weekday ? `On ${weekday}s` : "At that time we have no tables:";
  return `${when} we take tables from ${timeText(fromMin)} until ${timeText(lastMin)}.`;
}

/** One weekday as a sentence. */
export function hoursText(day: Weekday): string {
  const { fromMin, toMin } = hoursOf(day);
  return `On ${day} we are open from ${timeText(fromMin)} to ${timeText(toMin)}.`;
}

export function allHoursText(): string {
  const [work, sat, sun] = [WORKDAY, SATURDAY, SUNDAY].map(
    (hours) => `${timeText(hours.fromMin)} to ${timeText(hours.toMin)}`,
  );
  return `We are open ${work} on weekdays, ${sat} on Saturday, and ${sun} on Sunday.`;
}

/** 1170 is "7:30 pm". */
export function timeText(timeMin: number): string {
  if (timeMin === 12 * 60) return "noon";
  const hour = Math.floor(timeMin / 60);
  const minute = timeMin % 60;
  const shown = `${hour % 12 || 12}${minute ? `:${String(minute).padStart(2, "0")}` : ""}`;
  return `${shown} ${hour < 12 ? "am" : "pm"}`;
}

/** The form in tool inputs: "19:30". */
export function toClockTime(timeMin: number): string {
  const pad = (n: number): string => String(n).padStart(2, "0");
  return `${pad(Math.floor(timeMin / 60))}:${pad(timeMin % 60)}`;
}

/** Back to minutes; undefined for anything but "HH:MM". */
export function parseClockTime(text: string): number | undefined {
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}

/** "on Friday", "tomorrow", "next Friday", "on June 3rd". */
export function dayText(day: string): string {
  if (/^(?:today|tonight|tomorrow|the day after|next|this)\b/.test(day)) return day;
  const [, month, number] = /^([A-Z][a-z]+) (\d+)$/.exec(day) ?? [];
  if (month === undefined) return `on ${day}`;
  const n = Number(number);
  const endings = ["th", "st", "nd", "rd"];
  const ending = n % 100 > 10 && n % 100 < 14 ? "th" : (endings[n % 10] ?? "th");
  return `on ${month} ${n}${ending}`;
}
