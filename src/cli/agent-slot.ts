import type { CallHost } from "../actors/call-host.ts";
import type { Supervisor } from "../actors/supervisor.ts";
import { callOf, type VoiceAgent } from "../agent/voice-agent.ts";
import { codeOf } from "../base/errors.ts";
import { checkAgent, type Providers } from "../main.ts";

/** The agent of a process and the calls it is in, so that it can be changed while they go on. */
export class AgentSlot {
  readonly #providers: Providers;
  readonly #supervisors = new Set<Supervisor>();
  #agent: VoiceAgent;

  /** Error `config.invalid` where the agent names a model or a voice that is not there. */
  constructor(agent: VoiceAgent, providers: Providers) {
    checkAgent(agent, providers);
    this.#agent = agent;
    this.#providers = providers;
  }

  get now(): VoiceAgent {
    return this.#agent;
  }

  /** Its calls go along with the next swap. */
  add(supervisor: Supervisor): Disposable {
    this.#supervisors.add(supervisor);
    return { [Symbol.dispose]: () => void this.#supervisors.delete(supervisor) };
  }

  /**
   * The other agent takes over from the next answer on; resolves with the number of calls whose log
   * says so. Error `config.invalid`: then nothing has changed.
   */
  async swap(agent: VoiceAgent, by: string): Promise<number> {
    checkAgent(agent, this.#providers);
    this.#agent = agent;
    const hosts = [...this.#supervisors].flatMap(({ live }) => live);
    const told = await Promise.all(hosts.map((host) => this.#tell(host, by)));
    return told.filter(Boolean).length;
  }

  /** A call that was begun with another agent, or with this one before an edit, goes on with it. */
  async adopt(host: CallHost, by: string): Promise<CallHost> {
    if (host.fold.header.agent.hash !== this.#agent.hash) await this.#tell(host, by);
    return host;
  }

  /** False where the call has just ended, or is another process's by now. */
  async #tell(host: CallHost, by: string): Promise<boolean> {
    const { texts, ...call } = callOf(this.#agent);
    const change = { ...call, agents: { ...call.agents }, hooks: [...call.hooks] };
    const command = { name: "agent", ...change, texts: Object.keys(texts) } as const;
    try {
      await host.command(command, by, texts);
      return true;
    } catch (error) {
      if (["call.closed", "owner.fenced"].includes(codeOf(error))) return false;
      throw error;
    }
  }
}
