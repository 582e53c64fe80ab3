import { DeepgramClient, type DeepgramTransportFactory } from "@deepgram/sdk";
import { systemClock, type Clock } from "../../base/clock.ts";
import type { Vendor } from "../provider-error.ts";
import type { Stt } from "../stt.port.ts";
import { ListenStream, type Protocol } from "./listen-stream.ts";
import { FluxProtocol, NovaProtocol } from "./protocols.ts";

/**
 * Deepgram's live speech to text: Nova over its first protocol, and the models named `flux-…`,
 * which hear by themselves when a turn is over, over its second. One stream is one connection.
 */
export interface DeepgramSttOptions {
  readonly key: string;
  readonly model: string;
  /** As in `en`, `de` or `multi`; the model's own default without it. */
  readonly language?: string;
  /** `wss://…` or `https://…`; the SDK's own without it. */
  readonly baseUrl?: string;
  /** Flux: from where on (0.3 to 0.9) it tells of an end of turn that it may take back. */
  readonly eagerFrom?: number;
  readonly clock?: Clock;
}

const RATE_HZ = 16_000;
const FLUX = /^flux-/;

export function createDeepgramStt(options: DeepgramSttOptions): Stt {
  const { key, model, baseUrl, clock = systemClock } = options;
  const vendor: Vendor = { provider: "deepgram", keyName: "DEEPGRAM_API_KEY", key };
  const audio = { model, encoding: "linear16", sample_rate: RATE_HZ } as const;
  const protocol = (): Protocol =>
    FLUX.test(model) ? new FluxProtocol(audio, options) : new NovaProtocol(audio, options);
  const client = (transportFactory: DeepgramTransportFactory): DeepgramClient =>
    new DeepgramClient({
      apiKey: key,
      reconnect: false,
      transportFactory,
      ...(baseUrl !== undefined && { baseUrl: baseUrl.replace(/^http/, "ws") }),
    });
  return {
    provider: vendor.provider,
    model,
    rateHz: RATE_HZ,
    warm: () => Promise.resolve(),
    open: (on) =>
      new ListenStream({ vendor, model, rateHz: RATE_HZ, protocol: protocol(), client, clock, on }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
