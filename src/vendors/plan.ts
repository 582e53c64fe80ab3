import { AppError, toAppError } from "../base/errors.ts";
import type { VendorName, VendorsConfig } from "../config.ts";
import {
  defaultOf,
  findModel,
  MODEL_DATA,
  resolveModel,
  resolveVoice,
} from "../providers/vendor-models.ts";

/** Who hears, answers and speaks, in which order, by what is configured. Nothing is opened here. */
export type Service = "stt" | "llm" | "tts";
export type ProviderName = VendorName | "local";

export interface Candidate {
  readonly service: Service;
  readonly provider: ProviderName;
  readonly model: string;
  /** Of `tts` alone. */
  readonly voice?: string;
  /** Named by a variable, a flag or an agent, and not only there because it has a key. */
  readonly isChosen: boolean;
  /** What is to be said once at the start. */
  readonly warnings: readonly string[];
  /** Why it cannot be used: `provider.missing`, `config.invalid`. */
  readonly problem?: AppError;
}

export interface PlanPorts {
  readonly vendors: VendorsConfig;
  /** Ms since the Unix epoch: models leave their APIs. */
  readonly at: number;
  /** The first one is its default. */
  readonly localVoices: readonly string[];
}

/** What is asked for, beside what the variables say. */
export interface Wish {
  readonly provider?: ProviderName | undefined;
  readonly model?: string | undefined;
  readonly voice?: string | undefined;
}

/** A wish as it was understood. */
interface Asked extends Wish {
  /** What else can be done where its key is not set. */
  readonly instead?: string;
}

/** In the order they are tried where nobody names one. */
const ORDER: Readonly<Record<Service, readonly VendorName[]>> = {
  stt: ["deepgram", "groq"],
  llm: ["openai", "groq", "anthropic", "gemini"],
  tts: ["cartesia", "elevenlabs", "openai", "deepgram", "rime"],
};
const LOCAL_MODEL = { stt: "moonshine-tiny-en", llm: "receptionist", tts: "flite" } as const;
const VARIABLE = {
  stt: "AGENT_STT_PROVIDER",
  llm: "AGENT_LLM_PROVIDER",
  tts: "AGENT_TTS_PROVIDER",
} as const;
const MODEL_VARIABLE = { stt: "STT_MODEL", llm: "LLM_MODEL", tts: "TTS_MODEL" } as const;

/**
 * The first is used, the others stand in for it in this order. Whoever chooses `local` keeps all
 * on this machine; else the local voice and ears come last, and the receptionist where nobody else
 * can answer.
 */
export function planOf(service: Service, ports: PlanPorts, wish: Wish = {}): readonly Candidate[] {
  const asked = askedOf(service, ports, defined(wish));
  const wanted = { ...ports.vendors[service], ...defined(wish) };
  const keyed = orderOf(service, ports.vendors).filter((name) => hasKey(ports.vendors, name));
  const first = asked.provider ?? firstOf(service, keyed);
  const instead = wanted.provider === undefined ? insteadOf(service, wanted) : undefined;
  const chosen =
    first === "local"
      ? localCandidate(service, asked, ports)
      : candidateOf(service, { ...asked, provider: first, ...(instead && { instead }) }, ports);
  const isChosen = Object.values(asked).some((one) => one !== undefined);
  if (first === "local") return [{ ...chosen, isChosen }];
  const others = keyed
    .filter((name) => name !== first)
    .map((provider) => candidateOf(service, { provider }, ports));
  const last = service === "llm" ? [] : [localCandidate(service, {}, ports)];
  return [{ ...chosen, isChosen }, ...others, ...last];
}

/** What the variables say of another provider than the one that is wished is not meant for it. */
function askedOf(service: Service, ports: PlanPorts, wish: Wish): Wish {
  const own = placed(service, wish, ports);
  const said = placed(service, ports.vendors[service], ports);
  const areKnown = own.provider !== undefined && said.provider !== undefined;
  if (areKnown && own.provider !== said.provider) return own;
  return placed(service, { ...ports.vendors[service], ...defined(own) }, ports);
}

/** What stands in for another may be missing; what was chosen may not, nor may all. */
export function usable<T>(
  candidates: readonly Candidate[],
  open: (candidate: Candidate) => T,
  warn: (message: string) => void,
): readonly T[] {
  let firstError: AppError | undefined;
  const there = candidates.flatMap((candidate) => {
    try {
      return [open(candidate)];
    } catch (error) {
      if (!(error instanceof AppError) || candidate.isChosen) throw error;
      firstError ??= error;
      warn(`${candidate.provider} is left out: ${error.message}`);
      return [];
    }
  });
  if (firstError && there.length === 0) throw firstError;
  return there;
}

/** Groq hears where it is chosen or stands in: a key that is there for its models says neither. */
function firstOf(service: Service, keyed: readonly VendorName[]): ProviderName {
  const fit = service === "stt" ? keyed.filter((name) => name !== "groq") : keyed;
  return fit[0] ?? "local";
}

/** By its name in an agent's file; undefined where nobody is known to have it. */
export function namedCandidate(
  service: "llm" | "tts",
  name: string,
  ports: PlanPorts,
): Candidate | undefined {
  const key = service === "llm" ? "model" : "voice";
  const wish = placed(service, { [key]: name }, ports);
  if (wish.provider === undefined) return undefined;
  const { provider: preferred, model } = ports.vendors.tts;
  const own = service === "tts" && preferred === wish.provider && model !== undefined;
  const asked = own ? { ...wish, model } : wish;
  const instead = "name another in the agent's file";
  const candidate = candidateOf(service, { ...asked, instead }, ports);
  return { ...candidate, isChosen: true };
}

/** Finds the provider in what is asked for: `openai/gpt-6-luna`, a name that is known, a voice. */
function placed(service: Service, wish: Wish, ports: PlanPorts): Wish {
  if (wish.provider !== undefined) return { ...wish, ...withoutPrefix(wish) };
  const byModel = wish.model === undefined ? undefined : modelPlace(service, wish.model);
  if (byModel) return { ...wish, ...byModel };
  if (service !== "tts" || wish.voice === undefined) return wish;
  const byVoice = voicePlace(wish.voice, ports.localVoices);
  return byVoice ? { ...wish, ...byVoice } : wish;
}

function modelPlace(service: Service, model: string): Wish | undefined {
  if (model === LOCAL_MODEL[service]) return { provider: "local", model };
  const facts = MODEL_DATA.models.find(({ id, kinds }) => id === model && kinds.includes(service));
  if (facts) return { provider: facts.provider as VendorName, model };
  const [provider, rest] = split(model);
  return isProvider(service, provider) ? { provider, model: rest } : undefined;
}

function voicePlace(voice: string, localVoices: readonly string[]): Wish | undefined {
  if (localVoices.includes(voice)) return { provider: "local", voice };
  const [provider, rest] = split(voice);
  if (isProvider("tts", provider)) return { provider, voice: rest };
  const facts = MODEL_DATA.models.find(({ provider: owner, id, voices = "" }) => {
    const isDefault = defaultOf(owner, "tts")?.model === id;
    return isDefault && MODEL_DATA.voices[voices]?.known.includes(voice);
  });
  return facts && { provider: facts.provider as VendorName, voice };
}

function withoutPrefix({ provider, model, voice }: Wish): Wish {
  const bare = (name: string | undefined): string | undefined => {
    const isPrefixed = name?.startsWith(`${provider}/`) && !findModel(name, provider);
    return isPrefixed ? name!.slice(provider!.length + 1) : name;
  };
  return { model: bare(model), voice: bare(voice) };
}

/** Groq's own names have a slash too, so only the first one counts. */
function split(name: string): readonly [string, string] {
  const at = name.indexOf("/");
  return at < 0 ? ["", name] : [name.slice(0, at), name.slice(at + 1)];
}

function isProvider(service: Service, name: string): name is ProviderName {
  return name === "local" || ORDER[service].some((one) => one === name);
}

function orderOf(service: Service, { isProduction }: VendorsConfig): readonly VendorName[] {
  if (service !== "tts" || !isProduction) return ORDER[service];
  return ["rime", ...ORDER.tts.filter((name) => name !== "rime")];
}

function hasKey({ access }: VendorsConfig, provider: VendorName): boolean {
  return access[provider].key !== undefined;
}

function candidateOf(service: Service, asked: Asked, ports: PlanPorts): Candidate {
  const { provider = "local", model, voice, instead } = asked;
  if (provider === "local") return localCandidate(service, asked, ports);
  const { vendors, at } = ports;
  const base = { service, provider, isChosen: false, warnings: [] };
  const own = defaultOf(provider, service);
  const id = model ?? own?.model ?? "";
  try {
    if (!isProvider(service, provider)) throw noAdapter(service, provider, id);
    if (!hasKey(vendors, provider))
      throw missingKey(provider, ports, instead ?? `choose another with ${VARIABLE[service]}`);
    const resolved = resolveModel(provider, id, { at, retired: vendors.retired });
    const said = service === "tts" ? (voice ?? own?.voice ?? "") : undefined;
    const spoken = said === undefined ? undefined : resolveVoice(provider, resolved.id, said);
    const all = [resolved.warning, foreign(provider, id, ports), spoken?.warning];
    const warnings = all.filter((one) => one !== undefined);
    return { ...base, model: resolved.id, warnings, ...(spoken && { voice: spoken.voice }) };
  } catch (error) {
    const problem = toAppError(error, "config.invalid");
    return { ...base, model: id, problem, ...(voice !== undefined && { voice }) };
  }
}

function localCandidate(
  service: Service,
  { provider, model, voice }: Wish,
  { localVoices }: PlanPorts,
): Candidate {
  const own = LOCAL_MODEL[service];
  const local = { service, provider: "local", isChosen: false, warnings: [], model: own } as const;
  const isAsked = provider === "local";
  const spoken = service === "tts" ? { voice: voice ?? localVoices[0] ?? "" } : {};
  if (model !== undefined && model !== own) {
    const other = `leave ${MODEL_VARIABLE[service]} out, or choose who has it`;
    return { ...local, problem: unplaced(service, `model ${model}`, isAsked && other) };
  }
  if (service !== "tts" || voice === undefined || localVoices.includes(voice))
    return { ...local, ...spoken };
  const other = `choose one of ${localVoices.join(", ")}, or who has it`;
  return { ...local, ...spoken, problem: unplaced(service, `voice ${voice}`, isAsked && other) };
}

/** By its name, where that has chosen the provider too: another provider has not that name. */
function insteadOf(service: Service, { model, voice }: Wish): string | undefined {
  if (model !== undefined) return `name another model than ${model} in ${MODEL_VARIABLE[service]}`;
  return voice === undefined ? undefined : `name another voice than ${voice} in TTS_VOICE_ID`;
}

/** What is known as another's is asked for all the same: a gateway may have it. */
function foreign(provider: VendorName, id: string, { vendors }: PlanPorts): string | undefined {
  if (vendors.access[provider].baseUrl !== undefined || findModel(id, provider)) return undefined;
  const owner = findModel(id)?.provider;
  return owner && `${id} is a model of ${owner}, and ${provider} is asked for it`;
}

function missingKey(provider: VendorName, { vendors }: PlanPorts, instead: string): AppError {
  const { keyName } = vendors.access[provider];
  const fix = `set ${keyName}, or ${instead}`;
  return new AppError("provider.missing", `${provider}: ${keyName} is not set`, {
    detail: { fix },
  });
}

function noAdapter(service: Service, provider: VendorName, id: string): AppError {
  const fix = `name a model of ${ORDER[service].join(" or ")} in ${MODEL_VARIABLE[service]}`;
  return new AppError("config.invalid", `${id}: turnfold has no adapter for it of ${provider}`, {
    detail: { fix },
  });
}

/** Nobody who has a key is asked for it, and no local engine has it. */
function unplaced(service: Service, what: string, other: string | false): AppError {
  const key = `set the key of the provider that has it, and ${VARIABLE[service]}`;
  const fix = other === false ? key : `${other} with ${VARIABLE[service]}`;
  const who = other === false ? "no provider is there for the" : "this machine has no";
  return new AppError("config.invalid", `${who} ${what}`, { detail: { fix } });
}

function defined(wish: Wish): Wish {
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined));
}
