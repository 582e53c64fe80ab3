import { z } from "zod";
import data from "../../data/models.json" with { type: "json" };
import { AppError } from "../base/errors.ts";

/**
 * What is known of vendors' models: `data/models.json`, the one place where their names stand. A
 * name that is not there is passed on as it was given: vendors bring new ones every month.
 */
const Day = z.iso.date();
const Name = z.string().min(1);
const ModelFacts = z.strictObject({
  id: Name,
  provider: Name,
  kinds: z.array(z.enum(["llm", "stt", "tts", "vision", "embedding"])).min(1),
  /** The first day on which it does not answer any more. */
  retiresOn: Day.optional(),
  /** What the table puts in its place. */
  successor: Name.optional(),
  /** How much it is to reason: what it would do by itself is too slow for speech. */
  effort: Name.optional(),
  /** Name of the set of voices it has; without one any voice is passed on. */
  voices: Name.optional(),
  note: Name.optional(),
});
const Default = z.strictObject({ model: Name, voice: Name.optional() });
const ModelData = z.strictObject({
  checkedOn: Day,
  providers: z.record(z.string(), z.partialRecord(ModelFacts.shape.kinds.element, Default)),
  models: z.array(ModelFacts),
  voices: z.record(
    z.string(),
    z.strictObject({ known: z.array(Name), nearest: z.record(z.string(), Name) }),
  ),
});

export type ModelFacts = z.infer<typeof ModelFacts>;
export type ModelKind = ModelFacts["kinds"][number];
export type ModelState = "current" | "retiring" | "retired";
/** What is done with a model that has left its API. */
export type RetiredPolicy = "map" | "keep" | "refuse";

export const MODEL_DATA = ModelData.parse(data);

/** What is known of a model by its name, of this provider or of any. */
export function findModel(id: string, provider?: string): ModelFacts | undefined {
  return MODEL_DATA.models.find(
    (one) => one.id === id && (provider === undefined || one.provider === provider),
  );
}

/** What a provider is asked for where nobody says so; undefined where it has none of the kind. */
export function defaultOf(
  provider: string,
  kind: ModelKind,
): { readonly model: string; readonly voice?: string | undefined } | undefined {
  return MODEL_DATA.providers[provider]?.[kind];
}

/** `at`: ms since the Unix epoch. A successor without a date: it is advised against. */
export function stateOf({ retiresOn, successor }: ModelFacts, at: number): ModelState {
  if (retiresOn !== undefined) return at >= Date.parse(retiresOn) ? "retired" : "retiring";
  return successor === undefined ? "current" : "retiring";
}

export interface ResolvedModel {
  /** What the vendor is asked for. */
  readonly id: string;
  readonly warning?: string;
}

/**
 * A model's name as it may be asked for. Error `config.invalid` where it has left its API and
 * nothing is to be put in its place.
 */
export function resolveModel(
  provider: string,
  id: string,
  { at, retired }: { readonly at: number; readonly retired: RetiredPolicy },
): ResolvedModel {
  const facts = findModel(id, provider);
  if (!facts) return { id };
  const state = stateOf(facts, at);
  const { retiresOn, successor } = facts;
  const other = successor ?? "another provider's";
  if (state === "current") return { id };
  if (state === "retiring") {
    const when = retiresOn === undefined ? "will leave" : `leaves the API on ${retiresOn}`;
    const what = retiresOn === undefined ? `${when} the API` : when;
    return { id, warning: `${id} ${what}: choose ${other} instead` };
  }
  const left = `${id} left the API on ${retiresOn}`;
  if (retired === "keep") return { id, warning: `${left}, and is asked for all the same` };
  if (retired === "map" && successor !== undefined)
    return { id: successor, warning: `${left}: ${successor} is used in its place` };
  const fix = `choose ${other} instead, or set TURNFOLD_RETIRED_MODELS=keep if you still have it`;
  throw new AppError("config.invalid", left, { detail: { fix } });
}

/** A voice as the model has it. Error `config.invalid`: its voices are known, and it is none. */
export function resolveVoice(
  provider: string,
  model: string,
  voice: string,
): { readonly voice: string; readonly warning?: string } {
  const set = MODEL_DATA.voices[findModel(model, provider)?.voices ?? ""];
  if (!set || set.known.includes(voice)) return { voice };
  const nearest = set.nearest[voice];
  if (nearest !== undefined)
    return { voice: nearest, warning: `${model} has no voice ${voice}: ${nearest} is nearest` };
  const detail = { fix: `choose one of ${set.known.join(", ")}` };
  throw new AppError("config.invalid", `${model} has no voice ${voice}`, { detail });
}
