import type { AgentParts } from "../../src/actors/agent-parts.ts";
import { systemClock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/id.ts";
import { createAnthropicLlm } from "../../src/providers/anthropic/anthropic.llm.ts";
import type {
  BreakerState,
  Ended,
  Guard,
  Guarded,
  Pass,
} from "../../src/providers/breaker.port.ts";
import { Breakers } from "../../src/providers/breakers.ts";
import { createCartesiaTts } from "../../src/providers/cartesia/cartesia.tts.ts";
import { createDeepgramStt } from "../../src/providers/deepgram/deepgram.stt.ts";
import { createElevenLabsTts } from "../../src/providers/elevenlabs/elevenlabs.tts.ts";
import { createOpenAiLlm } from "../../src/providers/openai/openai.llm.ts";
import { SteadyStt } from "../../src/providers/steady-stt.ts";
import type { Stt } from "../../src/providers/stt.port.ts";
import { startAnthropic } from "../emulators/anthropic.ts";
import { startCartesia } from "../emulators/cartesia.ts";
import { startDeepgramListen } from "../emulators/deepgram-listen.ts";
import { startElevenLabs } from "../emulators/elevenlabs.ts";
import { startOpenAi } from "../emulators/openai.ts";
import type { Fault, VendorServer } from "../emulators/vendor-server.ts";

/** Two vendors of each kind, every one of which fails at random, behind their real SDKs. */
const KEY = "sk-secret-of-the-tests";
/** Longer than any deadline of the calls. */
const SLOW_MS = 3_000;

export const FAULTS: readonly ((random: () => number) => Fault)[] = [
  () => ({ kind: "slow", ms: SLOW_MS }),
  () => ({ kind: "status", status: 429, retryAfterS: 1 }),
  () => ({ kind: "status", status: 500 }),
  () => ({ kind: "status", status: 529 }),
  () => ({ kind: "lateUsage", ms: 100 }),
  ...(["drop", "halfOpen", "garbage", "cut"] as const).map((kind) => (random: () => number) => ({
    kind,
    after: Math.floor(random() * 4),
  })),
];

export type Step =
  | { readonly what: "refused" }
  /** `n`: which one it was, so that its end is known. */
  | { readonly what: "passed"; readonly n: number }
  | { readonly what: "ended"; readonly n: number; readonly how: Ended }
  | { readonly what: "changed"; readonly to: BreakerState };
export type BreakerStep = Step & { readonly at: number };

/** The breakers of the process, and all that they were asked and told, by whom they guard. */
export class WatchedBreakers implements Guard {
  readonly steps = new Map<string, BreakerStep[]>();
  readonly #breakers: Breakers;
  #passes = 0;

  constructor(openMs: number) {
    this.#breakers = new Breakers({ openMs });
    this.#breakers.onChange((view) => this.#note(view, { what: "changed", to: view.state }));
  }

  enter(guarded: Guarded): Pass | undefined {
    const pass = this.#breakers.enter(guarded);
    if (!pass) {
      this.#note(guarded, { what: "refused" });
      return undefined;
    }
    const n = this.#passes++;
    this.#note(guarded, { what: "passed", n });
    let isOver = false;
    return {
      end: (how) => {
        if (!isOver) this.#note(guarded, { what: "ended", n, how });
        isOver = true;
        pass.end(how);
      },
    };
  }

  #note({ service, provider, model }: Guarded, step: Step): void {
    const key = `${service} ${provider} ${model}`;
    const steps = this.steps.get(key) ?? [];
    steps.push({ ...step, at: systemClock.now() });
    this.steps.set(key, steps);
  }
}

export interface ChaosVendors extends AsyncDisposable {
  readonly servers: Readonly<Record<string, VendorServer>>;
  readonly stt: Stt;
  readonly parts: AgentParts;
  readonly breakers: WatchedBreakers;
}

export async function openVendors(options: {
  readonly share: number;
  readonly seed: number;
  readonly openMs: number;
}): Promise<ChaosVendors> {
  const stack = new AsyncDisposableStack();
  const openai = stack.use(await startOpenAi());
  const anthropic = stack.use(await startAnthropic());
  const nova = stack.use(await startDeepgramListen());
  const flux = stack.use(await startDeepgramListen());
  const cartesia = stack.use(await startCartesia());
  const elevenlabs = stack.use(await startElevenLabs());
  const servers = {
    openai: openai.server,
    anthropic: anthropic.server,
    nova,
    flux,
    cartesia,
    elevenlabs,
  };
  const random = seededRandom(options.seed);
  for (const { script } of Object.values(servers))
    script.faultOf = () => {
      if (random() >= options.share) return undefined;
      return FAULTS[Math.floor(random() * FAULTS.length)]!(random);
    };
  const breakers = new WatchedBreakers(options.openMs);
  const at = (server: VendorServer, path = "") => ({ key: KEY, baseUrl: server.url + path });
  const ears = { language: "en", clock: systemClock };
  const stt = stack.use(
    new SteadyStt({
      stts: [
        createDeepgramStt({ ...at(nova), ...ears, model: "nova-3" }),
        createDeepgramStt({ ...at(flux), ...ears, model: "flux-general-en" }),
      ],
      clock: systemClock,
      random: seededRandom(options.seed + 1),
      breakers,
    }),
  );
  const voices = [
    createCartesiaTts({ ...at(cartesia), model: "sonic-3.5" }),
    createElevenLabsTts({ ...at(elevenlabs), model: "eleven_flash_v2_5" }),
  ];
  for (const tts of voices) stack.use(tts);
  const parts: AgentParts = {
    models: [
      createOpenAiLlm({ ...at(openai.server, "/v1"), model: "gpt-6-luna" }),
      createAnthropicLlm({ ...at(anthropic.server), model: "claude-haiku-5-5" }),
    ],
    voices: voices.map((tts) => ({ tts, name: "tone-1000" })),
    tools: [],
    hooks: {},
  };
  return {
    servers,
    stt,
    parts,
    breakers,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
