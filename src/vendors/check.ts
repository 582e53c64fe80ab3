import { AppError, toAppError } from "../base/errors.ts";
import type { AudioFrame } from "../base/audio.ts";
import { systemClock } from "../base/clock.ts";
import type { Config } from "../config.ts";
import { openFlite } from "../providers/local/flite.tts.ts";
import { findModels } from "../providers/local/models.ts";
import { openMoonshine } from "../providers/local/moonshine.stt.ts";
import { createReceptionist } from "../providers/local/receptionist/receptionist.llm.ts";
import type { Tts } from "../providers/tts.port.ts";
import { findModel, stateOf, type ModelState } from "../providers/vendor-models.ts";
import { accessOf, AdapterSet } from "./adapters.ts";
import { planOf, type Candidate, type Service, type Wish } from "./plan.ts";
import { CALLER_VOICE, planPorts } from "./providers.ts";
import { ADAPTERS } from "./registry.ts";
import { TRIAL_TEXT, tryLlm, tryStt, tryTts, type Trial } from "./trial.ts";

/** What would be used, whether it can be, and how it does in one request. */
export interface ServiceCheck {
  readonly service: Service;
  /** The first is used, the others stand in for it. */
  readonly candidates: readonly CheckedCandidate[];
  /** Of the first one, where it was tried and answered. */
  readonly trial: Trial | undefined;
  /** Of the first one, where it was tried and did not. */
  readonly failure: AppError | undefined;
}

export interface CheckedCandidate extends Candidate {
  /** `unknown`: not in our table, so it is asked for as it was given. */
  readonly state: ModelState | "local" | "unknown";
}

export interface CheckOptions {
  readonly service: Service;
  readonly wish: Wish;
  /** Asks a vendor too; what runs on this machine is always tried. */
  readonly live: boolean;
  /** Default: yes. */
  readonly isLocalTried?: boolean;
  /** What speech-to-text is to hear; else a sentence of the local voice. */
  readonly sound?: AudioFrame;
  readonly signal?: AbortSignal | undefined;
}

const TRIAL_MAX_MS = 15_000;

/** Never throws for what is wrong with a provider: that is its result. */
export async function checkService(config: Config, options: CheckOptions): Promise<ServiceCheck> {
  const { service, wish, live, isLocalTried = true } = options;
  await using tts = openFlite();
  const plan = planOf(service, planPorts(config, tts.voices), wish);
  const adapters = await AdapterSet.load(ADAPTERS[service], config.vendors);
  const candidates = await Promise.all(plan.map((one) => checked(one, adapters, config)));
  const [first] = candidates;
  const isTried = first && !first.problem && (live || (isLocalTried && first.provider === "local"));
  if (!isTried) return { service, candidates, trial: undefined, failure: undefined };
  const stop = AbortSignal.timeout(TRIAL_MAX_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, stop]) : stop;
  try {
    const trial = await tried(first, { config, tts, sound: options.sound, signal });
    return { service, candidates, trial, failure: undefined };
  } catch (error) {
    return { service, candidates, trial: undefined, failure: failureOf(error, first, stop) };
  }
}

async function checked(
  candidate: Candidate,
  adapters: AdapterSet<Service>,
  { modelsDir }: Config,
): Promise<CheckedCandidate> {
  const { service, provider, model } = candidate;
  const facts = findModel(model, provider);
  const known = facts ? stateOf(facts, systemClock.now()) : "unknown";
  const state = provider === "local" ? "local" : known;
  if (candidate.problem) return { ...candidate, state };
  try {
    if (provider !== "local") adapters.of(provider);
    else if (service === "stt") await needModels(modelsDir);
    return { ...candidate, state };
  } catch (error) {
    return { ...candidate, state, problem: toAppError(error, "provider.missing") };
  }
}

async function needModels(modelsDir: string) {
  const models = await findModels(modelsDir);
  if (models.ok) return models.paths;
  const detail = { fix: "turnfold models pull" };
  throw new AppError("stt.missing", `no speech to text: ${models.reason}`, { detail });
}

interface TrialPorts {
  readonly config: Config;
  readonly tts: Tts;
  readonly sound: AudioFrame | undefined;
  readonly signal: AbortSignal;
}

function tried(candidate: Candidate, ports: TrialPorts): Promise<Trial> {
  if (candidate.service === "llm") return triedLlm(candidate, ports);
  return candidate.service === "tts" ? triedTts(candidate, ports) : triedStt(candidate, ports);
}

async function triedLlm(
  { provider, model }: Candidate,
  { config: { vendors }, signal }: TrialPorts,
): Promise<Trial> {
  if (provider === "local") return tryLlm(createReceptionist(), systemClock, signal);
  const effort = findModel(model, provider)?.effort;
  const adapters = await AdapterSet.load<"llm">(ADAPTERS.llm, vendors);
  const options = { ...accessOf(vendors, provider), model, ...(effort && { effort }) };
  return tryLlm(adapters.of(provider)(options), systemClock, signal);
}

async function triedTts(
  { provider, model, voice = "" }: Candidate,
  { config: { vendors }, tts: local, signal }: TrialPorts,
): Promise<Trial> {
  if (provider === "local") return tryTts({ tts: local, name: voice }, systemClock, signal);
  const adapters = await AdapterSet.load<"tts">(ADAPTERS.tts, vendors);
  await using tts = adapters.of(provider)({ ...accessOf(vendors, provider), model });
  return await tryTts({ tts, name: voice }, systemClock, signal);
}

async function triedStt(
  { provider, model }: Candidate,
  { config: { vendors, modelsDir, agent }, tts, sound, signal }: TrialPorts,
): Promise<Trial> {
  const { language } = agent;
  const adapters = await AdapterSet.load<"stt">(ADAPTERS.stt, vendors);
  await using stt =
    provider === "local"
      ? openMoonshine(await needModels(modelsDir))
      : adapters.of(provider)({
          ...accessOf(vendors, provider),
          model,
          language,
          clock: systemClock,
        });
  await stt.warm();
  const spoken = sound ?? (await spokenBy(tts, signal));
  return await tryStt({ stt, sound: spoken }, systemClock, signal);
}

async function spokenBy(tts: Tts, signal: AbortSignal): Promise<AudioFrame> {
  for await (const event of tts.speak({ text: TRIAL_TEXT, voice: CALLER_VOICE, signal }))
    if (event.type === "audio") return event.frame;
  throw new AppError("provider.failed", "the local voice gave no sound");
}

function failureOf(error: unknown, { provider }: Candidate, stop: AbortSignal): AppError {
  if (!stop.aborted) return toAppError(error, "provider.failed");
  const seconds = TRIAL_MAX_MS / 1000;
  return new AppError("provider.timeout", `${provider}: no answer within ${seconds} s`);
}
