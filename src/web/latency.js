import { element, seconds } from "./dom.js";

/** The latency of each turn by stage, as bars of one scale. */
const STAGES = [
  ["endOfTurn", "End of turn", "from the last speech to the decision to answer"],
  ["llmTtft", "Model", "from the request to the first token"],
  ["ttsTtfb", "Voice", "from the first sentence to its first sound"],
  ["e2e", "Total", "from the last speech to the first sound of the answer"],
];

export function drawLatency(container, turns) {
  const rows = turns.filter(({ latencyMs }) => STAGES.some(([key]) => latencyMs[key] !== null));
  if (rows.length === 0)
    return container.replaceChildren(element("p", { className: "hint" }, "No answer yet."));
  const most = Math.max(...rows.flatMap(({ latencyMs }) => Object.values(latencyMs)), 1);
  const heads = STAGES.map(([, title, about]) =>
    element("th", { scope: "col", title: about }, title),
  );
  const head = element("tr", {}, element("th", { scope: "col" }, "Turn"), ...heads);
  const body = rows.map(({ n, latencyMs }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, String(n)),
      ...STAGES.map(([key]) => drawCell(key, latencyMs[key], most)),
    ),
  );
  const parts = [element("thead", {}, head), element("tbody", {}, ...body)];
  container.replaceChildren(element("table", { className: "latency" }, ...parts));
}

function drawCell(key, ms, most) {
  if (ms === null) return element("td", { className: "none" }, "–");
  const bar = element("i", { className: `bar ${key}` });
  bar.style.width = `${Math.max(2, (100 * ms) / most)}%`;
  return element("td", {}, element("span", {}, seconds(ms)), bar);
}
