import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { rules, start, voiceAgent, type LogRecord, type TurnSummary } from "../../src/index.ts";
import { run } from "../support/run-cli.ts";
import { TypingCaller } from "../support/typing-caller.ts";

const folder = await mkdtemp(join(tmpdir(), "turnfold-dev-"));
after(() => rm(folder, { recursive: true }));

const AGENT = (answer: string, more = ""): string => `import { rules, voiceAgent } from "turnfold";
import { name } from "./name.ts";
export default voiceAgent({
  name,
  instructions: "Answer.",
  model: rules([{ when: /./, say: ${JSON.stringify(answer)} }]),
  ${more}
});
`;

/** Resolves with what `found` gives once it gives something. */
class Facts<T> {
  readonly #seen: T[] = [];
  readonly #looks = new Set<() => void>();

  add(fact: T): void {
    this.#seen.push(fact);
    for (const look of this.#looks) look();
  }

  until<R>(found: (seen: readonly T[]) => R | undefined | null): Promise<R> {
    return new Promise((resolve) => {
      const look = (): void => {
        const given = found(this.#seen);
        if (given === undefined || given === null) return;
        this.#looks.delete(look);
        resolve(given);
      };
      this.#looks.add(look);
      look();
    });
  }
}

function textsOf(seen: readonly LogRecord[]): string {
  return seen.map(({ text }) => JSON.stringify(text?.value ?? "")).join("\n");
}

/** Follows a call's records over HTTP, as a page does. */
async function follow(url: string, call: string, facts: Facts<string>): Promise<void> {
  const response = await fetch(`${url}/api/calls/local/${call}/records`);
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) facts.add(decoder.decode(chunk as Uint8Array));
}

suite("turnfold dev", () => {
  test("an edit is at work from the next answer on, a broken one is told", async () => {
    const agent = join(folder, "agent.ts");
    await writeFile(join(folder, "name.ts"), 'export const name = "first";');
    await writeFile(agent, AGENT("Old answer."));
    await mkdir(join(folder, "models"));
    const data = join(folder, "data");
    const stop = new AbortController();
    const said = new Facts<string>();
    const out = (text: string): void => said.add(text);
    const env = { TURNFOLD_MODELS: join(folder, "models") };
    const io = { signal: stop.signal, env, out, err: out };
    const ran = run(["dev", agent, "--port", "0", "--no-pull", "--data", data], io);
    const url = await said.until((all) => /ready at (\S+)/.exec(all.join(""))?.[1]);
    const hears = (what: RegExp): Promise<true> =>
      said.until((all) => (what.test(all.join("")) ? true : undefined));
    const caller = await TypingCaller.join(url);
    const records = new Facts<string>();
    const followed = follow(url, caller.call.call, records).catch(() => undefined);
    const logged = (what: RegExp): Promise<true> =>
      records.until((all) => (what.test(all.join("")) ? true : undefined));

    caller.type("Hello?");
    await logged(/Old answer/);
    await writeFile(agent, AGENT("New answer."));
    await hears(/reloaded first \(\S+\), one call goes on/);
    caller.type("And now?");
    await logged(/New answer/);
    await writeFile(agent, AGENT("Broken.", "turn: { vad: { minSpeech: 5 } },"));
    await hears(/config.invalid: .*minSpeech.*\n.*goes on/);
    caller.type("Still there?");
    await logged(/New answer[^]*New answer/);
    await writeFile(agent, AGENT("Mended."));
    await hears(/reloaded first[^]*reloaded first/);
    await writeFile(join(folder, "name.ts"), 'export const name = "second";');
    await hears(/reloaded second/);

    caller.hangUp();
    await caller[Symbol.asyncDispose]();
    stop.abort();
    assert.equal((await ran).code, 0);
    await followed;
    const shown = await run(["show", caller.call.call, "--data", data]);
    assert.match(shown.stdout, /dev edits the agent: first, now \S+\n/);
    const replayed = await run(["replay", caller.call.call, "--deep", "--data", data]);
    assert.equal(replayed.code, 0, replayed.stdout);
  });
});

suite("a call of another process", () => {
  test("is gone on with by the agent that runs now", async () => {
    const dataDir = join(folder, "again");
    const agentOf = (say: string) =>
      voiceAgent({ name: "own", instructions: "x", model: rules([{ when: /./, say }]) });
    const heard = new Facts<LogRecord>();
    const onRecord = (_: unknown, record: LogRecord): void => heard.add(record);
    const says = (what: RegExp) => heard.until((seen) => what.exec(textsOf(seen)));
    let call;
    {
      await using running = await start({ agent: agentOf("One."), port: 0, dataDir, onRecord });
      await using caller = await TypingCaller.join(running.url);
      caller.type("Hello?");
      await says(/One\./);
      call = caller.call;
      await running.close();
    }
    await using running = await start({ agent: agentOf("Two."), port: 0, dataDir, onRecord });
    await using caller = await TypingCaller.join(running.url, call);
    assert.deepEqual(caller.call, call);
    caller.type("And now?");
    await says(/Two\./);
    const edited = await heard.until((seen) =>
      seen.find(
        ({ input }) => (input["command"] as { name?: string } | undefined)?.name === "agent",
      ),
    );
    assert.equal(edited.input["by"], "start");
  });
});

suite("start, inside one's own application", () => {
  const answers = (text: string) =>
    voiceAgent({ name: "own", instructions: "Answer.", model: rules([{ when: /./, say: text }]) });

  test("serves calls, tells their records and turns, and swaps the agent", async () => {
    const records = new Facts<LogRecord>();
    const turns = new Facts<TurnSummary>();
    await using running = await start({
      agent: answers("One."),
      port: 0,
      dataDir: join(folder, "own"),
      onRecord: (_, record) => records.add(record),
      onTurn: (_, turn) => turns.add(turn),
    });
    await using caller = await TypingCaller.join(running.url);
    caller.type("Hello?");
    await records.until((seen) => /One\./.exec(textsOf(seen)));
    await running.swap(answers("Two."));
    caller.type("And now?");
    await records.until((seen) => /Two\./.exec(textsOf(seen)));
    const first = await turns.until((seen) => seen[0]);
    assert.equal(first.userText, "Hello?");
    await assert.rejects(
      running.swap(voiceAgent({ name: "x", instructions: "y", model: "gpt-9" })),
      /model 'gpt-9' is not known/,
    );
  });
});
