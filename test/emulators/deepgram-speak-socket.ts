import { hzOf, speechPieces, wrongKey } from "./tone-speech.ts";
import { VendorServer } from "./vendor-server.ts";

/** Deepgram's `/v1/speak` by WebSocket: texts come in, samples go out, `Flushed` ends them. */
export function startDeepgramSpeakSocket(): Promise<VendorServer> {
  return VendorServer.start(
    async (exchange) => exchange.json(404, { err_msg: "no such path" }),
    (channel) => {
      const { searchParams: asked } = new URL(channel.seen.path, "http://deepgram");
      const [, model = "", voice = ""] =
        /^(aura-\d)-(.*)-\w+$/.exec(asked.get("model") ?? "") ?? [];
      const isRefused = wrongKey(channel.seen.headers.authorization) || !hzOf(voice);
      if (isRefused) return void channel.end(1008);
      let text = "";
      channel.onMessage((data) => {
        const message = JSON.parse(data.toString()) as { type: string; text?: string };
        if (message.type === "Speak") text += message.text;
        if (message.type === "Close") return void channel.end();
        if (message.type !== "Flush") return;
        const spoken = speechPieces({ provider: "deepgram", model, text: text.trim(), voice });
        text = "";
        for (const piece of spoken) void channel.send(piece);
        void channel.send({ data: JSON.stringify({ type: "Flushed", sequence_id: 0 }) });
      });
    },
  );
}
