import { getJson } from "./api.js";
import { CallList } from "./call-list.js";
import { CallView } from "./call-view.js";
import { $ } from "./dom.js";
import { forgetCall, lastCall, Talk } from "./talk.js";

/** The page: a talk with the agent, the call it makes, and the calls there were. */
const INVITATION = "Speak with the agent, and interrupt it as you like.";
let talk;
let view;
let speech = { ready: false, missing: undefined };
let charts = [];
/** The call this page talks in, or talked in last. */
let mine;
const list = new CallList(showCall);

function showCall(call) {
  if (view?.id === call.call) return;
  view?.close();
  const isMine = call.call === mine;
  const isLive = isMine || call.status === undefined;
  view = new CallView(call, { charts, caller: isMine ? "You" : "Caller", isLive, onOver: refresh });
  void refresh();
}

async function refresh() {
  $("sample").disabled = view?.isLive === true;
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
  talk = new Talk({
    joined,
    level: setLevel,
    lost: () => say("The line broke; calling again …", true),
    over: ended,
  });
  try {
    await talk.start(speech.ready);
  } catch (error) {
    talk.hangUp();
    ended(`No call: ${error.message}`);
  }
}

function joined({ tenant, call }) {
  mine = call;
  const { speaks, refusal } = talk;
  showTalking(true);
  $("mute").hidden = $("you").hidden = !speaks;
  const why = refusal && `The microphone cannot be used: ${refusal}. `;
  if (speaks) say("You are talking. Interrupt whenever you like.");
  else say(`${why}Type, and the agent answers aloud.`, why !== "");
  showCall({ tenant, call, room: "page-" });
  $(speaks ? "mute" : "text").focus();
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
    showCall({ ...call, room: "sample" });
  } catch (error) {
    say(error.message, true);
    $("sample").disabled = false;
  }
}

function showStart() {
  const label = speech.ready ? "Talk" : "Type to the agent";
  $("start-label").textContent = lastCall() ? "Go on with the call" : label;
}

async function open() {
  [speech, charts] = await Promise.all([getJson("/api/speech"), getJson("/api/charts")]);
  $("speech").textContent = speech.ready
    ? "Speech to text, voice and model run on this machine."
    : `No speech to text (${speech.missing}), so you type. Get it with: turnfold models pull`;
  const calls = await list.show();
  const last = lastCall();
  const mayGoOn = calls.some(({ call, status }) => call === last?.call && status === "unfinished");
  if (!mayGoOn) forgetCall();
  showStart();
  $("start").disabled = false;
  $("nothing").hidden = calls.length > 0;
  if (calls.length > 0) showCall(calls[0]);
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
