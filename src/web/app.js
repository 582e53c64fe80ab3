/**
 * The page: a list of calls, and of one call its states, transcript and log while it runs. It only
 * reads; what it shows is folded from the call's records as they come.
 */
const $ = (id) => document.getElementById(id);
let source;
let shown;

async function getJson(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
  return body;
}

async function listCalls() {
  const calls = await getJson("/api/calls");
  $("no-calls").hidden = calls.length > 0;
  $("calls").replaceChildren(
    ...calls.map((call) => {
      const button = element("button", {
        type: "button",
        ariaCurrent: String(call.call === shown),
      });
      const when = new Date(call.startedAt).toLocaleString();
      const seconds = Math.round(call.durationMs / 1000);
      button.append(
        call.room,
        element("br"),
        element("small", {}, `${when}, ${seconds} s, ${call.turns} turns, ${call.status}`),
      );
      button.addEventListener("click", () => showCall(call));
      return element("li", {}, button);
    }),
  );
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function showCall({ tenant, call, room = call }) {
  source?.close();
  shown = call;
  $("nothing").hidden = true;
  $("call").hidden = false;
  $("call-title").textContent = `${room} · ${call}`;
  for (const id of ["actors", "transcript", "log"]) $(id).replaceChildren();
  setStatus("live");
  const view = {
    startedAt: 0,
    actors: new Map(),
    states: new Map(),
    lines: new Map(),
    tenant,
    call,
  };
  source = new EventSource(`/api/calls/${tenant}/${call}/records`);
  source.onmessage = ({ data }) => take(view, JSON.parse(data));
  source.addEventListener("end", () => source.close());
  void listCalls();
}

function setStatus(status) {
  $("call-status").textContent = status;
  $("call-status").className = status === "live" ? "badge live" : "badge";
}

function take(view, record) {
  view.startedAt ||= record.at;
  for (const [actor, state] of Object.entries(record.outcome.state)) light(view, actor, state);
  addWords(view, record);
  addToLog(view, record);
  if (record.outcome.emitted.some(({ type }) => type === "turn.ended")) void refreshTurns(view);
  if (record.input.type !== "call.ended") return;
  setStatus(record.input.how);
  $("sample").disabled = false;
  void listCalls();
}

/** `{present: {live: "idle"}}` as `present.live.idle`; side by side states with a plus. */
function pathOf(state) {
  if (typeof state === "string") return state;
  return Object.entries(state)
    .map(([name, inner]) => `${name}.${pathOf(inner)}`)
    .join(" + ");
}

const OVER = ["completed", "cutOff", "abandoned", "failed", "closed"];

function light(view, actor, state) {
  let card = view.actors.get(actor);
  if (!card) {
    card = element("div", { className: "actor" }, element("b", {}, actor), element("span"));
    view.actors.set(actor, card);
    $("actors").append(card);
  }
  const path = pathOf(state);
  card.lastChild.textContent = path;
  card.classList.toggle("over", OVER.includes(path));
}

function addWords(view, { actor, input, text }) {
  const event = input.event ?? {};
  const said = text?.value?.text;
  if (said === undefined) return;
  if (event.type === "reply.segment") line(view, actor, { side: "agent", text: said });
  else if (event.type?.startsWith("stt.") || event.type === "text.received")
    line(view, event.ref, { side: "caller", text: said, replaces: true });
}

function line(view, key, { side, text, replaces = false }) {
  let item = view.lines.get(key);
  if (!item) {
    item = element("li", { className: side }, element("b", {}, side), element("span"));
    view.lines.set(key, item);
    $("transcript").append(item);
  }
  const words = item.children[1];
  words.textContent = replaces || !words.textContent ? text : `${words.textContent} ${text}`;
}

/** What was heard and what was cut is known once a turn has ended. */
async function refreshTurns(view) {
  const turns = await getJson(`/api/calls/${view.tenant}/${view.call}/turns`);
  if (shown !== view.call) return;
  for (const { n, agentText, heardText, latencyMs } of turns) {
    const item = view.lines.get(`turn.${n}`);
    if (!item) continue;
    const cut = agentText.startsWith(heardText) ? agentText.slice(heardText.length) : "";
    const words = element("span", {}, cut ? heardText : agentText);
    const note =
      latencyMs.e2e === null
        ? []
        : [element("br"), element("small", {}, `answered in ${latencyMs.e2e} ms`)];
    item.replaceChildren(item.firstChild, words, ...(cut ? [element("s", {}, cut)] : []), ...note);
  }
}

function kindOf({ failed, ignored }) {
  return failed ? "failed" : ignored ? "ignored" : "";
}

function addToLog(view, { seq, at, actor, input, outcome }) {
  const type = input.event?.type ?? input.type;
  const more = input.type === "effect.ended" ? ` ${input.effect} ${input.how}` : "";
  const states = Object.entries(outcome.state)
    .map(([name, state]) => [name, pathOf(state)])
    .filter(([name, path]) => view.states.get(name) !== path);
  for (const [name, path] of states) view.states.set(name, path);
  const row = element(
    "li",
    { className: kindOf(outcome), title: JSON.stringify(input) },
    element("span", {}, String(seq)),
    element("span", {}, `${((at - view.startedAt) / 1000).toFixed(2)} s`),
    element("span", {}, actor),
    element("span", {}, [`${type}${more}`, ...states.map((pair) => pair.join(" "))].join(" → ")),
  );
  const log = $("log");
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  log.append(row);
  if (atEnd) log.scrollTop = log.scrollHeight;
  $("count").textContent = `${seq} records`;
}

async function runSample() {
  $("sample").disabled = true;
  try {
    showCall({ ...(await getJson("/api/sample", { method: "POST" })), room: "sample" });
  } catch (error) {
    $("speech").textContent = error.message;
    $("sample").disabled = false;
  }
}

async function showSpeech() {
  const { ready, missing } = await getJson("/api/speech");
  $("speech").textContent = ready
    ? "Speech to text, voice and model run on this machine."
    : `No speech to text (${missing}): the sample caller types. Get it with: turnfold models pull`;
}

$("sample").addEventListener("click", () => void runSample());
await Promise.all([showSpeech(), listCalls()]);
