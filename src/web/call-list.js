import { getJson } from "./api.js";
import { $, element, seconds } from "./dom.js";

/** The calls there are, newest first, each with what a replay of its log says. */
const VERDICTS = {
  reproduced: ["good", "replays exactly"],
  diverged: ["bad", "diverges"],
  damaged: ["bad", "damaged"],
  folded: ["fair", "folded, not verified"],
};

/** Verdicts by call and length: a log that has ended does not change. */
const known = new Map();
let asking = Promise.resolve();

export class CallList {
  #onChoose;
  #shown;
  #live = false;

  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** `shown`: the call in view, and whether it is running. Gives them all. */
  async show(shown, isLive = false) {
    this.#shown = shown;
    this.#live = isLive;
    const calls = await getJson("/api/calls");
    $("no-calls").hidden = calls.length > 0;
    $("calls").replaceChildren(...calls.map((call) => this.#row(call)));
    return calls;
  }

  #row(call) {
    const isShown = call.call === this.#shown;
    const button = element("button", { type: "button", ariaCurrent: String(isShown) });
    const turns = call.turns === 1 ? "1 turn" : `${call.turns} turns`;
    const length = `${seconds(call.durationMs, 0)} · ${turns}`;
    const isLive = isShown && call.status === "unfinished" && this.#live;
    const badge = element("span", { className: "verdict" });
    const title = element("span", { className: "name" }, titleOf(call), badge);
    button.append(title, element("small", {}, whenOf(call)));
    if (!isLive) button.append(element("small", {}, length));
    button.addEventListener("click", () => this.#onChoose(call));
    if (isLive) fill(badge, ["good", "live"], "");
    else void showVerdict(badge, call);
    return element("li", {}, button);
  }
}

/** People at the page have rooms named after them. */
export function titleOf({ room }) {
  if (room === "sample") return "Sample call";
  return room.startsWith("page-") ? "Talk" : `Room ${room}`;
}

function whenOf({ startedAt }) {
  return new Date(startedAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** One replay at a time: a page must not keep the server busy with fifty. */
export async function showVerdict(badge, { tenant, call, records, status, reason }) {
  if (status === "unfinished") return fill(badge, ["fair", "unfinished"], "");
  if (status === "damaged") return fill(badge, VERDICTS.damaged, reason);
  const key = `${call} ${records}`;
  if (!known.has(key)) {
    const asked = asking.then(() => getJson(`/api/calls/${tenant}/${call}/replay`));
    known.set(key, asked);
    asking = asked.catch(() => known.delete(key));
    fill(badge, ["", "…"], "being replayed");
  }
  const asked = known.get(key);
  try {
    const { verdict, records: count, divergence } = await asked;
    const where = divergence && `record ${divergence.seq}: ${divergence.what}`;
    fill(badge, VERDICTS[verdict], where ?? `${count} records, recomputed and equal`);
  } catch (error) {
    fill(badge, ["bad", "not replayed"], error.message);
  }
}

function fill(badge, [kind, text], title) {
  badge.className = `badge ${kind}`;
  badge.textContent = text;
  badge.title = title;
}
