import { getJson } from "./api.js";
import { CallList } from "./call-list.js";
import { CallView } from "./call-view.js";
import { $ } from "./dom.js";
import { lastCall, Talk } from "./talk.js";

/** The page: a talk with the agent, the call it makes, and the calls there were. */
const INVITATION = "Speak with the agent, and interrupt it as you like.";
let talk;
let view;
let speech = { ready: false, missing: undefined };
let charts = [];
const list = new CallList((call) => showCall(call, "Caller"));

function showCall(call, caller) {
  if (view?.id === call.call) return;
  view?.close();
  view = new CallView(call, { charts, caller, onOver: () => void over() });
  void list.show(call.call, call.status === undefined);
}

async function over() {
  $("sample").disabled = false;
  await list.show(view?.id, view?.isLive);
}

function showTalking(isTalking) {
  $("start").hidden = isTalking;
  $("controls").hidden = !isTalking;
  $("levels").hidden = !isTalking;
  $("typing").hidden = !isTalking;
  $("sample-line").hidden = isTalking;
  $("start").disabled = false;
}

function say(text, isWrong = false) {
  $("state").textContent = text;
  $("state").classList.toggle("wrong", isWrong);
}

async function start() {
  $("start").disabled = true;
  say(speech.ready ? "Asking for the microphone …" : "Calling …");
  setMuted(false);
  const mine = new Talk({
    joined: (call) => joined(mine, call),
    level: (side, level) => setLevel(side, level),
    line: (how) => say(how === "lost" ? "The line broke; calling again …" : "The line is back."),
    notice: (text) => say(text, true),
    over: (text) => ended(text),
  });
  talk = mine;
  try {
    await mine.start(speech.ready);
  } catch (error) {
    mine.hangUp();
    ended(`No call: ${error.message}`);
  }
}

function joined(mine, call) {
  showTalking(true);
  $("mute").hidden = $("you").hidden = !mine.speaks;
  say(mine.speaks ? "You are talking. Interrupt whenever you like." : typingHint());
  showCall({ ...call, room: "page-" }, "You");
  if (!mine.speaks) $("text").focus();
}

function typingHint() {
  return speech.ready
    ? "The microphone cannot be used. Type, and the agent answers aloud."
    : "Type, and the agent answers aloud.";
}

function ended(text) {
  talk = undefined;
  for (const side of ["you", "agent"]) setLevel(side, 0);
  showTalking(false);
  showStart();
  say(text || INVITATION, text.startsWith("No call") || text.startsWith("The server"));
  $("start").focus();
}

/** Loudness as people hear it: -60 dB is nothing, 0 dB is full. */
function setLevel(side, level) {
  const db = level > 0 ? 20 * Math.log10(level) : -60;
  $(`level-${side}`).value = Math.max(0, (db + 60) / 60);
}

function setMuted(muted) {
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Unmute" : "Mute";
}

async function runSample() {
  $("sample").disabled = true;
  try {
    const call = await getJson("/api/sample", { method: "POST" });
    showCall({ ...call, room: "sample" }, "Caller");
  } catch (error) {
    say(error.message, true);
    $("sample").disabled = false;
  }
}

function showStart() {
  const label = speech.ready ? "Talk" : "Type to the agent";
  $("start-label").textContent = lastCall().last ? "Go on with the call" : label;
}

async function open() {
  [speech, charts] = await Promise.all([getJson("/api/speech"), getJson("/api/charts")]);
  $("speech").textContent = speech.ready
    ? "Speech to text, voice and model run on this machine."
    : `No speech to text (${speech.missing}), so you type. Get it with: turnfold models pull`;
  showStart();
  $("start").disabled = false;
  const newest = await list.show();
  $("nothing").hidden = newest !== undefined;
  if (newest) showCall(newest, "Caller");
}

$("start").addEventListener("click", () => void start());
$("sample").addEventListener("click", () => void runSample());
$("hang-up").addEventListener("click", () => talk?.hangUp());
$("mute").addEventListener("click", () => {
  const muted = $("mute").getAttribute("aria-pressed") !== "true";
  setMuted(muted);
  talk?.mute(muted);
});
$("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) talk?.say(text);
  $("text").value = "";
});
await open();
