import { element } from "./dom.js";

/**
 * The statecharts as nested boxes, drawn from the machines' own data. Of tracks and turns the
 * newest is lit; a turn that still answers beneath a newer one is lit in a second colour.
 */
const TITLES = { room: "Room", track: "Track", turn: "Turn" };
const FINAL = new Set(["completed", "cutOff", "abandoned", "failed", "closed"]);

export class ChartsView {
  #charts;
  #states = new Map();

  constructor(container, charts) {
    this.#charts = new Map(charts.map((chart) => [chart.machine, drawChart(chart)]));
    container.replaceChildren(...[...this.#charts.values()].map(({ card }) => card));
  }

  take({ outcome }) {
    for (const [actor, state] of Object.entries(outcome.state)) {
      this.#states.set(actor, state);
      this.#light(actor.split(".")[0]);
    }
  }

  #light(kind) {
    const chart = this.#charts.get(kind);
    if (!chart) return;
    const actors = [...this.#states].filter(([actor]) => actor.split(".")[0] === kind);
    const [actor, state] = actors.at(-1);
    const older = actors.slice(0, -1).findLast(([, its]) => !FINAL.has(its));
    const on = new Set(pathsOf(state, kind));
    const under = new Set(older ? pathsOf(older[1], kind) : []);
    for (const [path, box] of chart.boxes) {
      box.classList.toggle("on", on.has(path));
      box.classList.toggle("under", under.has(path) && !on.has(path));
    }
    const number = actor.slice("turn.".length);
    const beneath = older ? `, above turn ${older[0].slice("turn.".length)}` : "";
    chart.label.textContent = { room: "", track: "microphone", turn: `${number}${beneath}` }[kind];
    chart.card.setAttribute("aria-label", `${kind} ${number}: ${[...on].at(-1)}`);
  }
}

/** `{present: {live: "idle"}}` is room.present, room.present.live and room.present.live.idle. */
export function pathsOf(state, parent) {
  if (typeof state === "string") return [`${parent}.${state}`];
  return Object.entries(state).flatMap(([name, inner]) => [
    `${parent}.${name}`,
    ...pathsOf(inner, `${parent}.${name}`),
  ]);
}

function drawChart({ machine, root }) {
  const boxes = new Map();
  const label = element("span", { className: "hint" }, machine === "room" ? "" : "none yet");
  const title = element("h4", {}, `${TITLES[machine] ?? machine} `, label);
  const states = root.states.map((state) => drawState(state, boxes));
  const inner = element("div", { className: "states" }, ...states);
  const card = element("div", { className: "chart", role: "group" }, title, inner);
  return { card, label, boxes };
}

function drawState(state, boxes) {
  const name = element("span", { className: "name" }, wordsOf(state.key));
  const box = element("div", { className: `state ${state.type}` }, name);
  box.title = state.path;
  boxes.set(state.path, box);
  const inner = state.states.map((child) => drawState(child, boxes));
  if (inner.length > 0) box.append(element("div", { className: "states" }, ...inner));
  return box;
}

/** `cutOff` reads as two words. */
function wordsOf(key) {
  return key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
