import { setTimeout as wait } from "node:timers/promises";
import { base64, hzOf, MS_PER_CHARACTER, RATE_HZ } from "./tone-speech.ts";
import { speechPieces, wrongKey } from "./tone-speech.ts";
import { type Channel, GARBAGE, type Piece, VendorServer } from "./vendor-server.ts";

/**
 * Cartesia's `/tts/websocket`: one socket, a context for each sentence, all of them at once. Each
 * sentence has a fault of its own, beside that of its socket.
 */
interface Asked {
  readonly context_id: string;
  readonly cancel?: boolean;
  readonly model_id: string;
  readonly transcript: string;
  readonly voice: { readonly id: string };
  readonly output_format: { readonly encoding: string; readonly sample_rate: number };
}

export function startCartesia(): Promise<VendorServer> {
  return VendorServer.start(
    async (exchange) => exchange.json(404, { title: "Not found" }),
    (channel) => new Session(channel),
  );
}

class Session {
  readonly #channel: Channel;
  readonly #running = new Set<string>();

  constructor(channel: Channel) {
    this.#channel = channel;
    const key = wrongKey(channel.seen.headers.authorization);
    channel.onMessage((data) => {
      const asked = JSON.parse(data.toString()) as Asked;
      if (key) return void this.#refuse(asked, 401, `Invalid API key ${key}`);
      if (!asked.cancel) return void this.#say(asked);
      if (this.#running.delete(asked.context_id)) channel.server.aborted++;
    });
  }

  async #say(asked: Asked): Promise<void> {
    const { context_id: id, voice, output_format: format } = asked;
    if (format.encoding !== "pcm_s16le" || format.sample_rate !== RATE_HZ)
      return this.#refuse(asked, 400, "no such format");
    if (!hzOf(voice.id)) return this.#refuse(asked, 404, "The voice was not found.");
    const fault = this.#channel.server.nextFault();
    if (fault?.kind === "status") return this.#refuse(asked, fault.status, "scripted");
    if (fault?.kind === "slow") await wait(fault.ms);
    this.#running.add(id);
    let sent = 0;
    for (const piece of messages(asked)) {
      if (!this.#running.has(id) || this.#channel.closed) return;
      if (fault && "after" in fault && sent === fault.after) {
        if (fault.kind === "drop") this.#channel.terminate();
        else if (fault.kind === "cut") await this.#channel.end();
        else if (fault.kind === "garbage") await this.#channel.send({ data: GARBAGE });
        return;
      }
      await this.#channel.send(piece);
      sent++;
    }
    this.#running.delete(id);
  }

  #refuse({ context_id }: Asked, status_code: number, message: string): Promise<void> {
    const error = { type: "error", title: "Refused", done: true, message, status_code, context_id };
    return this.#channel.send({ data: JSON.stringify(error) });
  }
}

function* messages({ context_id, model_id: model, transcript, voice }: Asked): Iterable<Piece> {
  const asked = { provider: "cartesia", model, text: transcript, voice: voice.id };
  const message = (body: object): string =>
    JSON.stringify({ context_id, status_code: 206, done: false, ...body });
  const words = [...transcript.matchAll(/\S+/g)];
  for (const piece of speechPieces(asked)) {
    const data = message({ type: "chunk", data: base64(piece.data), step_time: 1 });
    yield { ...piece, data };
    const endOf = (word: RegExpExecArray): number =>
      (word.index + word[0].length) * MS_PER_CHARACTER;
    const ended = words.filter((word) => endOf(word) <= piece.toMs);
    if (ended.length === 0) continue;
    words.splice(0, ended.length);
    const word_timestamps = {
      words: ended.map(([word]) => word),
      start: ended.map((word) => (word.index * MS_PER_CHARACTER) / 1000),
      end: ended.map((word) => endOf(word) / 1000),
    };
    yield { data: message({ type: "timestamps", word_timestamps }) };
  }
  yield { data: message({ type: "done", done: true }) };
}
