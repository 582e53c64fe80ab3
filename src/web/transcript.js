import { $, element } from "./dom.js";

/**
 * Who said what, folded from records as they come: the caller's words grey until they are final,
 * the agent's words pale until they have sounded. What was cut of a turn is struck out at its end.
 */
const SEGMENTS = new Set(["reply.segment", "filler.segment"]);
const POSITIONS = new Set(["reply.position", "filler.position"]);

export class TranscriptView {
  #list = $("transcript");
  #caller;
  #lines = new Map();
  /** Replies by their effect: how much of their sound is known, and each word with its end. */
  #runs = new Map();

  constructor(caller) {
    this.#caller = caller;
    this.#list.replaceChildren();
    $("said").textContent = "";
  }

  take({ actor, input, text, outcome }) {
    const event = input.event ?? {};
    const words = text?.value?.text;
    if (event.type === "stt.interim" || event.type === "stt.final")
      this.#user(event.ref, words, event.type === "stt.final");
    else if (event.type === "text.received") this.#user(event.ref, words, true);
    else if (event.type === "speech.segment") this.#timed(input.effect, event);
    else if (SEGMENTS.has(event.type)) this.#segment(actor, input.effect, words ?? "");
    else if (POSITIONS.has(event.type)) this.#spoken(input.effect, event.ms);
    for (const fact of outcome.emitted) this.#fact(fact);
  }

  /** What was heard and what was cut, of turns that have ended. */
  settle(turns) {
    for (const { n, status, said } of turns) {
      const body = this.#lines.get(`turn.${n}`)?.body;
      if (!body || status === "live") continue;
      const parts = said.flatMap(({ heard, cut }) => [
        ...(heard ? [heard, " "] : []),
        ...(cut ? [struck(cut), " "] : []),
      ]);
      body.replaceChildren(...parts);
    }
  }

  #user(ref, words, isFinal) {
    if (!words) return;
    const { item, body } = this.#line(ref, "you", this.#caller);
    body.textContent = words;
    item.classList.toggle("interim", !isFinal);
    if (isFinal) this.#tell(this.#caller, words);
    this.#follow();
  }

  #segment(actor, effect, words) {
    const { body } = this.#line(actor, "agent", "Agent");
    const run = this.#runs.get(effect) ?? { ms: 0, words: [], waiting: [] };
    this.#runs.set(effect, run);
    const spans = words.split(/\s+/).map((word) => element("span", { className: "ahead" }, word));
    for (const span of spans) body.append(span, " ");
    run.waiting.push(spans);
    this.#tell("Agent", words);
    this.#follow();
  }

  #timed(effect, { ms, wordEndsMs }) {
    const run = this.#runs.get(effect);
    const spans = run?.waiting.shift() ?? [];
    for (const [i, span] of spans.entries()) {
      const end = wordEndsMs[i] ?? ms;
      run.words.push({ span, endsAt: run.ms + end });
    }
    if (run) run.ms += ms;
  }

  #spoken(effect, ms) {
    for (const { span, endsAt } of this.#runs.get(effect)?.words ?? [])
      if (endsAt <= ms) span.className = "";
  }

  #fact(fact) {
    if (fact.type === "words.echo") this.#lines.get(fact.ref)?.item.classList.add("echo");
    if (fact.type !== "turn.ended") return;
    for (const ref of fact.refs) this.#lines.get(ref)?.item.classList.remove("interim");
    for (const ref of fact.asides) this.#lines.get(ref)?.item.classList.add("aside");
  }

  #line(key, side, name) {
    let line = this.#lines.get(key);
    if (line) return line;
    const body = element("span", { className: "body" });
    const item = element("li", { className: side }, element("b", {}, name), body);
    line = { item, body };
    this.#lines.set(key, line);
    this.#list.append(item);
    return line;
  }

  #tell(name, words) {
    $("said").textContent = `${name}: ${words}`;
  }

  #follow() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** What nobody heard; said in words too, for those who do not see a line through it. */
function struck(words) {
  return element("s", {}, element("span", { className: "unseen" }, "cut: "), words);
}
