import { CallFold } from "../actors/call-fold.ts";
import type { EffectEntry, Plan } from "../actors/effect-table.ts";
import { judgeRequest } from "../actors/effects/model-route.ts";
import { requestedTools } from "../actors/effects/tool.runner.ts";
import type { MachineSet } from "../actors/machine-set.ts";
import { textFeatures } from "../actors/replay.ts";
import { AppError } from "../base/errors.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { Json, LogRecord, Outcome, StoredInput } from "../events/record.ts";
import { TurnSettings } from "../events/settings.events.ts";
import {
  historyFor,
  messagesOf,
  withContext,
  type History,
  type HistoryMessage,
  type ReplyInput,
} from "../folds/history.ts";
import { changeWords, leavesOf } from "../folds/timeline-words.ts";
import { Transcript } from "../folds/transcript.ts";
import { answersByRules, AskedRules } from "./asked-rules.ts";
import { agentOf, callOf, type VoiceAgent } from "./voice-agent.ts";

/**
 * An old call with a changed agent: the log's inputs go through the charts once more, with the
 * agent's settings, texts and tools in the place of those it was recorded with. Up to the first
 * record that comes to something else, all is as it was; what follows it nobody can know.
 */
export interface AgentDifference {
  readonly seq: number;
  /** Since the call was opened. */
  readonly ms: number;
  readonly what: string;
  /** In the log, and with the agent as it is now. */
  readonly before: string;
  readonly now: string;
}

export class ChangedAgentReplay {
  readonly #agent: VoiceAgent;
  readonly #fold: CallFold;
  readonly #before = new Transcript();
  readonly #now = new Transcript();
  readonly #rules: AskedRules;
  /** What each reply that runs asks of a model, by its effect. */
  readonly #histories = new Map<string, History>();
  #isErased = false;
  #settings = TurnSettings.parse({});
  #startedAt = 0;
  records = 0;

  constructor(agent: VoiceAgent, machines: MachineSet) {
    this.#agent = agent;
    this.#rules = new AskedRules(agent);
    this.#fold = new CallFold(machines);
  }

  /** Folds one record; what differs first, if this is where. Error `log.damaged`. */
  add(record: LogRecord): AgentDifference | undefined {
    const { seq, at, cause, textDigest } = record;
    if (seq === 1) this.#startedAt = at;
    const changed = this.#change(record);
    const given = { at, cause, ...(textDigest !== undefined && { textDigest }) };
    const { record: mine, plan } = this.#fold.step(changed.input, given);
    this.#before.apply(record);
    this.#now.apply({ ...changed, outcome: mine.outcome });
    this.records++;
    if (textDigest !== undefined && !record.text) this.#isErased = true;
    const found =
      this.#inputs(record, changed) ??
      outcomes(record.outcome, mine.outcome, at) ??
      this.#requests(plan) ??
      this.#asked(record) ??
      this.#rules.add(record, plan, this.#now);
    return found && { seq, ms: at - this.#startedAt, ...found };
  }

  /** The record as it would be of this agent. */
  #change(record: LogRecord): LogRecord {
    const { input, text } = record;
    if (input.type === "call.opened") return this.#open(record);
    if (input.type === "command.received") return this.#edited(record);
    if (input.type === "effect.progress") return this.#words(record);
    const { toolCalls } = (input["result"] ?? {}) as { readonly toolCalls?: Json };
    if (input.type !== "effect.ended" || !toolCalls || !text) return record;
    const effect = input["effect"] as string;
    const entry = this.#fold.table.effect(effect);
    const { agent: name } = (entry?.input ?? { agent: "" }) as ReplyInput;
    const asked = Object.entries(text.value as Record<string, { name: string; input: Json }>);
    const calls = asked.map(([id, call]) => ({ id, ...call }));
    const requesting = { id: effect, input: { agent: name }, call: { transcript: this.#now } };
    const { tools } = this.#one(name);
    const again = requestedTools(requesting, calls, tools).toolCalls as unknown as Json;
    const result = { ...(input["result"] as object), toolCalls: again };
    return { ...record, input: { ...input, result } };
  }

  #open(record: LogRecord): LogRecord {
    const { input, text } = record;
    const header = input["header"] as unknown as CallHeader;
    this.#settings = header.settings;
    const { texts, settings, ...call } = callOf(this.#agent);
    const mine = { ...settings, ...placeOf(settings, header.settings) };
    const names = { texts: Object.keys(texts) };
    const changed = { ...header, ...call, ...names, settings: mine } as unknown as Json;
    const part = { salt: text?.salt ?? "", value: texts };
    return { ...record, input: { ...input, header: changed } as StoredInput, text: part };
  }

  /** Where the agent was edited during the call: it is this one all the time. */
  #edited(record: LogRecord): LogRecord {
    const { input, text } = record;
    const { name } = input["command"] as { readonly name: string };
    if (name !== "agent") return record;
    const { texts, ...call } = callOf(this.#agent);
    const command = { name, ...call, texts: Object.keys(texts) } as unknown as Json;
    const part = { salt: text?.salt ?? "", value: texts };
    return { ...record, input: { ...input, command }, text: part };
  }

  /** A caller's words as the new settings judge them. */
  #words(record: LogRecord): LogRecord {
    const { input, text } = record;
    const event = input["event"] as { readonly type: string; readonly [key: string]: Json };
    const said = (text?.value as { readonly text?: string } | undefined)?.text;
    if (said === undefined) return record;
    const before = textFeatures(event.type, said, this.#settings);
    const now = before && textFeatures(event.type, said, this.#fold.settings);
    const known = before && Object.entries(before).every(([key, value]) => event[key] === value);
    if (!known || !now) return record;
    return { ...record, input: { ...input, event: { ...event, ...now } } };
  }

  #one(name: string): VoiceAgent {
    return agentOf(this.#agent, name);
  }

  /** Tools that would be asked for in another way, words that would be judged otherwise. */
  #inputs(before: LogRecord, now: LogRecord): Found | undefined {
    if (before === now || before.input.type === "call.opened") return undefined;
    if (before.input.type === "command.received") return undefined;
    for (const key of ["event", "result"]) {
      const [a, b] = [JSON.stringify(before.input[key]), JSON.stringify(now.input[key])];
      if (a === b) continue;
      if (key === "event") {
        const [old, own] = [before.input[key], now.input[key]] as Record<string, Json>[];
        return firstField("the caller's words", old!, own!);
      }
      const [old, own] = [callsOf(before), callsOf(now)];
      const index = own.findIndex((one, at) => JSON.stringify(one) !== JSON.stringify(old[at]));
      const name = (own[index]?.["name"] ?? "") as string;
      return firstField(`the tool ${name}`, old[index] ?? {}, own[index] ?? {});
    }
    return undefined;
  }

  /** What the replies that start here would say, or ask of a model. */
  #requests({ start }: Plan): Found | undefined {
    for (const entry of start) {
      if (entry.src !== "reply" && entry.src !== "filler") continue;
      const { saying } = entry.input as ReplyInput;
      const found = saying === null ? this.#request(entry) : this.#saying(saying);
      if (found) return found;
    }
    return undefined;
  }

  #saying(refs: readonly string[]): Found | undefined {
    for (const ref of refs) {
      const [before, now] = [this.#before.textOf(ref), this.#now.textOf(ref)];
      if (before !== now) return { what: `what the agent says by itself (${ref})`, before, now };
    }
    return undefined;
  }

  #request({ id, input }: EffectEntry): Found | undefined {
    const before = messagesOf(historyFor(this.#before, input as ReplyInput));
    const history = historyFor(this.#now, input as ReplyInput);
    this.#histories.set(id, history);
    const now = messagesOf(history);
    for (let i = 0; i < Math.max(before.length, now.length); i++) {
      const [a, b] = [messageText(before[i]), messageText(now[i])];
      if (a !== b) return { what: `message ${i + 1} of the request`, before: a, now: b };
    }
    return undefined;
  }

  /** The tools, the level and the model of a request that was made. */
  #asked({ input, text }: LogRecord): Found | undefined {
    const event = (input["event"] ?? {}) as Readonly<Record<string, Json>>;
    const effect = input["effect"] as string;
    const history = this.#histories.get(effect);
    const given = (text?.value as { readonly text?: string } | undefined)?.text;
    if (event["type"] === "reply.context" && event["how"] === "done" && history && given)
      this.#histories.set(effect, withContext(history, given));
    if (input.type === "effect.ended") this.#histories.delete(effect);
    if (event["type"] !== "reply.requested") return undefined;
    const entry = this.#fold.table.effect(effect);
    if (!entry) return undefined;
    const agent = this.#one((entry.input as ReplyInput).agent);
    const { tools, models } = agent;
    const names = (list: readonly string[]): string => list.join(", ") || "none";
    const before = names(event["tools"] as readonly string[]);
    const now = names(tools.map(({ spec }) => spec.name));
    if (before !== now) return { what: "the tools of the request", before, now };
    const level = history && !this.#isErased ? this.#level(agent, history, event) : undefined;
    if (level) return level;
    const own = models.flatMap((one) => (typeof one === "string" ? [] : [one]));
    if (own.length === 0 || own.length < models.length) return undefined;
    const asked = `${event["provider"] as string}/${event["model"] as string}`;
    const known = own.map(({ provider, model }) => `${provider}/${model}`);
    if (known.includes(asked)) return undefined;
    return { what: "the model that is asked", before: asked, now: known.join(", ") };
  }

  #level(
    agent: VoiceAgent,
    history: History,
    event: Readonly<Record<string, Json>>,
  ): Found | undefined {
    const { language } = this.#fold.settings;
    const judged = judgeRequest(agent, messagesOf(history), language);
    const before = levelText(event["level"], event["rule"]);
    const now = levelText(judged?.level, judged?.rule);
    return before === now ? undefined : { what: "the level of the request", before, now };
  }
}

type Found = Pick<AgentDifference, "what" | "before" | "now">;

/**
 * How long a call waits for people and connections may be the call's and not the agent's: what the
 * agent leaves at its default there stays as the log has it.
 */
function placeOf(agent: TurnSettings, log: TurnSettings): Partial<TurnSettings> {
  const defaults = TurnSettings.parse({});
  const kept = <G extends "participant" | "room">(group: G): TurnSettings[G] => {
    const [own, there, plain] = [agent[group], log[group], defaults[group]] as Values[];
    const values = Object.keys(own!).map((key) => {
      const value = own![key] === plain![key] ? there![key] : own![key];
      return [key, value] as const;
    });
    return Object.fromEntries(values) as TurnSettings[G];
  };
  return { participant: kept("participant"), room: kept("room") };
}

type Values = Readonly<Record<string, number>>;

function outcomes(before: Outcome, now: Outcome, at: number): Found | undefined {
  const actors = new Set([...Object.keys(before.state), ...Object.keys(now.state)]);
  for (const actor of actors) {
    const [a, b] = [stateText(before.state[actor]), stateText(now.state[actor])];
    if (a !== b) return { what: `the state of ${actor}`, before: a, now: b };
  }
  for (let i = 0; i < Math.max(before.effects.length, now.effects.length); i++) {
    const [a, b] = [before.effects[i], now.effects[i]];
    if (JSON.stringify(a) === JSON.stringify(b)) continue;
    const [old, own] = [a ? changeWords(a, at) : "nothing", b ? changeWords(b, at) : "nothing"];
    const same = old === own ? " (with another input)" : "";
    return { what: "what the step does", before: old, now: `${own}${same}` };
  }
  for (const key of ["emitted", "ignored", "failed"] as const) {
    const [a, b] = [JSON.stringify(before[key]), JSON.stringify(now[key])];
    if (a !== b) return { what: `what was ${key}`, before: a ?? "nothing", now: b ?? "nothing" };
  }
  return undefined;
}

function stateText(state: Json | undefined): string {
  return state === undefined ? "unchanged" : leavesOf(state).join(", ");
}

function levelText(level: Json | undefined, rule: Json | undefined): string {
  return level === undefined ? "none" : `${level as string} (${rule as string})`;
}

function messageText(message: HistoryMessage | undefined): string {
  if (!message) return "none";
  if (message.role === "tool") return `tool ${message.name}: ${JSON.stringify(message.output)}`;
  return `${message.role}: ${message.text}`;
}

function callsOf({ input }: LogRecord): readonly Readonly<Record<string, Json>>[] {
  const { toolCalls = [] } = (input["result"] ?? {}) as { toolCalls?: never[] };
  return toolCalls;
}

function firstField(
  what: string,
  before: Readonly<Record<string, Json>>,
  now: Readonly<Record<string, Json>>,
): Found {
  const key = Object.keys(now).find((one) => before[one] !== now[one]) ?? "";
  const text = (value: Json | undefined): string => JSON.stringify(value) ?? "nothing";
  return { what: `${what}: ${key}`, before: text(before[key]), now: text(now[key]) };
}

/** What a replay of this agent says nothing of. */
export function notCompared(agent: VoiceAgent): readonly string[] {
  const byRules = [agent, ...Object.values(agent.agents)].every(answersByRules);
  const always = ["what hooks give", "tools' inputs and what tools give"];
  return byRules ? always : ["the model's answers", ...always];
}

/** The first record that comes to something else with this agent. Error `log.damaged`. */
export async function replayChanged(
  records: AsyncIterable<LogRecord> | Iterable<LogRecord>,
  agent: VoiceAgent,
  machines: MachineSet,
): Promise<{ readonly records: number; readonly difference?: AgentDifference }> {
  const run = new ChangedAgentReplay(agent, machines);
  for await (const record of records) {
    const difference = run.add(record);
    if (difference) return { records: run.records, difference };
  }
  if (run.records === 0) throw new AppError("log.notALog", "the log has no records");
  return { records: run.records };
}
