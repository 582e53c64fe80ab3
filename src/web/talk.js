/**
 * One person's talk with the agent: microphone up, the agent's voice down, over one WebSocket. A
 * line that breaks is taken up again under the same identity, and the same call goes on.
 */
const RETRIES_MS = [300, 700, 1_500, 3_000, 5_000, 5_000];
/** A socket that takes no more is not fed: old sound is of no use. */
const BACKLOG_BYTES_MAX = 64 * 1024;

export class Talk {
  #on;
  #socket;
  #context;
  #stream;
  #capture;
  #playback;
  #speaks = false;
  #refusal = "";
  #over = false;
  #joined = false;
  #tries = 0;

  /**
   * `on.joined(call)`, `on.level(side, 0..1)`, `on.lost()`, `on.over(text)`.
   */
  constructor(on) {
    this.#on = on;
  }

  get speaks() {
    return this.#speaks;
  }

  /** Why the microphone cannot be used, where it was wanted. */
  get refusal() {
    return this.#refusal;
  }

  /** Asks for the microphone where it is wanted, and calls. */
  async start(wantsMicrophone) {
    this.#context = new AudioContext({ latencyHint: "interactive" });
    await Promise.all([this.#context.resume(), this.#context.audioWorklet.addModule(WORKLET)]);
    this.#speaks = wantsMicrophone && (await this.#openMicrophone());
    if (!this.#over) this.#connect();
  }

  mute(muted) {
    this.#capture?.port.postMessage({ muted });
  }

  say(text) {
    this.#tell({ type: "text", text });
  }

  hangUp() {
    this.#tell({ type: "hangUp" });
    forgetCall();
    this.#end("");
  }

  async #openMicrophone() {
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio });
      return true;
    } catch (error) {
      this.#refusal = error.message;
      return false;
    }
  }

  #connect() {
    const socket = new WebSocket(`ws://${location.host}/api/talk`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      const last = lastCall();
      const me = { identity: identity(), speaks: this.#speaks };
      this.#tell({ type: "join", ...me, ...(last && { last }) });
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#obey(JSON.parse(data));
      else this.#playback?.port.postMessage({ sound: data }, [data]);
    };
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #obey(message) {
    if (message.type === "joined") this.#join(message);
    else if (message.type === "clear") this.#playback?.port.postMessage({ stream: message.stream });
    else if (message.type === "error") this.#end(message.message);
    else if (message.type === "dismissed") {
      if (message.why === "ended") forgetCall();
      this.#end(message.why === "ended" ? "The call has ended." : "Another page took the call.");
    }
  }

  #join({ tenant, call, rateHz, stream }) {
    keepCall({ tenant, call });
    if (!this.#playback) this.#openSound(rateHz);
    this.#playback.port.postMessage({ stream });
    this.#tries = 0;
    this.#joined = true;
    this.#on.joined({ tenant, call });
  }

  #openSound(rateHz) {
    const options = { processorOptions: { rateHz } };
    const mono = { ...options, outputChannelCount: [1] };
    this.#playback = new AudioWorkletNode(this.#context, "playback", mono);
    this.#playback.connect(this.#context.destination);
    this.#playback.port.onmessage = ({ data: { stream, ms, isNew, level } }) => {
      this.#on.level("agent", level);
      if (isNew && this.#joined) this.#tell({ type: "played", stream, ms });
    };
    if (!this.#stream) return;
    this.#capture = new AudioWorkletNode(this.#context, "capture", mono);
    this.#context.createMediaStreamSource(this.#stream).connect(this.#capture);
    // A node that leads nowhere is not run; what it gives is silence.
    this.#capture.connect(this.#context.destination);
    this.#capture.port.onmessage = ({ data: { sound, level } }) => {
      this.#on.level("you", level);
      const ready = this.#joined && this.#socket.readyState === WebSocket.OPEN;
      if (ready && this.#socket.bufferedAmount < BACKLOG_BYTES_MAX) this.#socket.send(sound);
    };
  }

  #tell(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #lost() {
    this.#joined = false;
    if (this.#over) return;
    const wait = RETRIES_MS[this.#tries++];
    if (wait === undefined) return this.#end("The server cannot be reached.");
    if (this.#tries === 1) this.#on.lost();
    this.#playback?.port.postMessage({ stream: 1 });
    setTimeout(() => this.#over || this.#connect(), wait);
  }

  #end(text) {
    if (this.#over) return;
    this.#over = true;
    this.#joined = false;
    this.#socket?.close();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    void this.#context.close();
    this.#on.over(text);
  }
}

const WORKLET = "/audio-worklet.js";

/** Who this page is, for as long as the tab lives, so that a reload is the same person. */
function identity() {
  let known = sessionStorage.getItem("identity");
  if (!known) {
    known = [...crypto.getRandomValues(new Uint8Array(8))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    sessionStorage.setItem("identity", known);
  }
  return known;
}

function keepCall(call) {
  sessionStorage.setItem("call", JSON.stringify(call));
}

export function forgetCall() {
  sessionStorage.removeItem("call");
}

/** The call this page was in when it was closed or reloaded, if it was not hung up. */
export function lastCall() {
  const kept = sessionStorage.getItem("call");
  return kept ? JSON.parse(kept) : undefined;
}
