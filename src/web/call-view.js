import { getJson } from "./api.js";
import { showVerdict, titleOf } from "./call-list.js";
import { ChartsView, pathsOf } from "./charts.js";
import { $, element, seconds } from "./dom.js";
import { showCost } from "./cost.js";
import { drawLatency } from "./latency.js";
import { TranscriptView } from "./transcript.js";

/** One call, live or past: all of it is folded from its records as they come. */
const REFRESH_MS = 150;
const COST_EVERY_MS = 1_000;
/** Rows of the log that are kept in the page. */
const LOG_ROWS_MAX = 2_000;

export class CallView {
  #call;
  #onOver;
  #source;
  #transcript;
  #charts;
  #states = new Map();
  #startedAt = 0;
  #refreshing = false;
  #asksCost = false;
  #seq = 0;
  #live = false;

  /** `caller`: how the person is named here. `isLive`: the call was begun by this page. */
  constructor(call, { charts, caller, isLive, onOver }) {
    this.#call = call;
    this.#onOver = onOver;
    this.#transcript = new TranscriptView(caller);
    this.#charts = new ChartsView($("charts"), charts);
    $("call").hidden = false;
    $("nothing").hidden = true;
    $("call-title").textContent = titleOf({ room: call.room ?? call.call });
    $("call-title").title = `${call.tenant}/${call.call}`;
    $("call-verdict").replaceChildren();
    $("call-cost").replaceChildren();
    $("log").replaceChildren();
    this.#live = isLive;
    setStatus(isLive ? "live" : call.status, call.reason);
    drawLatency($("latency"), []);
    this.#source = new EventSource(`${this.#path}/records`);
    this.#source.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#source.addEventListener("end", () => this.#source.close());
  }

  get id() {
    return this.#call.call;
  }

  get isLive() {
    return this.#live;
  }

  close() {
    this.#source.close();
    this.#source = undefined;
  }

  get #path() {
    return `/api/calls/${this.#call.tenant}/${this.#call.call}`;
  }

  #take(record) {
    // A stream that was broken off begins again from the start.
    if (record.seq <= this.#seq) return;
    this.#seq = record.seq;
    this.#startedAt ||= record.at;
    this.#charts.take(record);
    this.#transcript.take(record);
    this.#addToLog(record);
    this.#costSoon();
    const { outcome, input } = record;
    if (outcome.emitted.some(({ type }) => type === "turn.ended")) this.#refreshSoon();
    if (input.type !== "call.ended") return;
    this.#live = false;
    setStatus(input.how, input.reason);
    this.#refreshSoon();
    this.#onOver();
  }

  /** Turns end in numbers when a past call is shown: they are asked for once. */
  #refreshSoon() {
    if (this.#refreshing) return;
    this.#refreshing = true;
    setTimeout(() => void this.#refresh(), REFRESH_MS);
  }

  async #refresh() {
    this.#refreshing = false;
    const detail = await getJson(this.#path);
    if (!this.#source) return;
    this.#transcript.settle(detail.turns);
    drawLatency($("latency"), detail.turns);
    if (detail.status === "unfinished") return;
    const badge = element("span");
    $("call-verdict").replaceChildren(badge);
    await showVerdict(badge, detail);
  }

  /** What it costs may grow with any record; it is asked for once a second at most. */
  #costSoon() {
    if (this.#asksCost) return;
    this.#asksCost = true;
    setTimeout(() => void this.#showCost(), COST_EVERY_MS);
  }

  async #showCost() {
    this.#asksCost = false;
    if (!this.#source) return;
    const cost = await getJson(`${this.#path}/cost`).catch(() => undefined);
    if (this.#source && cost) showCost($("call-cost"), cost);
  }

  #addToLog({ seq, at, actor, input, outcome }) {
    const type = input.event?.type ?? input.type;
    const more = input.type === "effect.ended" ? ` ${input.effect} ${input.how}` : "";
    const states = Object.entries(outcome.state)
      .map(([name, state]) => [name, leafOf(state)])
      .filter(([name, leaf]) => this.#states.get(name) !== leaf);
    for (const [name, leaf] of states) this.#states.set(name, leaf);
    const what = [`${type}${more}`, ...states.map((pair) => pair.join(" "))].join(" → ");
    const cells = [String(seq), seconds(at - this.#startedAt), actor, what];
    const row = element(
      "li",
      { className: kindOf(outcome), title: JSON.stringify(input) },
      ...cells.map((cell) => element("span", {}, cell)),
    );
    const log = $("log");
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
    log.append(row);
    if (log.childElementCount > LOG_ROWS_MAX) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    $("count").textContent = `${seq} records`;
  }
}

function setStatus(status, reason) {
  $("call-status").textContent = reason ? `${status}: ${reason}` : status;
  $("call-status").className = status === "live" ? "badge live" : "badge";
}

/** `present.live.idle`; side by side states with a plus. */
function leafOf(state) {
  const paths = pathsOf(state, "");
  const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
  return leaves.map((path) => path.slice(1)).join(" + ");
}

function kindOf({ failed, ignored }) {
  return failed ? "failed" : ignored ? "ignored" : "";
}
