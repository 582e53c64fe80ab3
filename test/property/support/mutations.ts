/** Planted bugs: each edit's text must stand in its file exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The file under `test`, and words of the name, of the test that must find it. */
  readonly property?: readonly [file: string, words: string];
}

const one = (name: string, file: string, [find, put]: readonly [string, string]): Mutant => ({
  name,
  edits: [{ file: `src/${file}`, find, put }],
});

export const MUTANTS: readonly Mutant[] = [
  {
    name: "accept an old turn's event",
    edits: [
      {
        file: "src/actors/call-fold.ts",
        find: `if (over && address !== "room") this.#actors.delete(address);`,
        put: `if (over && address === "none") this.#actors.delete(address);`,
      },
      {
        file: "src/actors/call-fold.ts",
        find: `if (entry.phase === "stopping") return "progress of a stopped effect";`,
        put: "",
      },
      {
        file: "src/actors/cascade.ts",
        find: `old.snapshot.status !== "active"`,
        put: `old.snapshot.status === "stopped"`,
      },
    ],
  },
  one("accept the end of an old run", "actors/call-fold.ts", [
    "current: !this.#table.hasNewer(entry)",
    "current: true",
  ]),
  one("drop the timer arming check", "actors/effect-table.ts", [
    "if (!timer || timer.arm !== arm) return undefined;",
    "if (!timer) return undefined;",
  ]),
  one("run a durable effect before its append", "actors/effect-runner.ts", [
    "this.#durable.push({ seq, start, prepared: this.#prepare(start) });",
    "this.#start(start, this.#prepare(start));",
  ]),
  one("acknowledge after fencing", "actors/call-host.ts", [
    "for (const { waiting } of this.#unacked.splice(0)) waiting.reject(error);",
    "for (const { record, waiting } of this.#unacked.splice(0)) waiting.resolve(record);",
  ]),
  {
    name: "a guard that reads a counter of its module",
    edits: [
      {
        file: "src/machines/turn.choices.ts",
        find: "export const turnChoices = {",
        put: "let asked = 0;\nconst NO = is('no', false);\nexport const turnChoices = {",
      },
      {
        file: "src/machines/turn.choices.ts",
        find: "maySpeculate: ({ context }) => speculation(context),",
        put: "maySpeculate: ({ context }) => (asked++ % 3 ? speculation(context) : [NO]),",
      },
    ],
  },
  one("accept progress of a stopped effect", "actors/effect-runner.ts", [
    "if (running.abort.signal.aborted || this.#running.get(entry.id) !== running)",
    "if (this.#running.get(entry.id) !== running)",
  ]),
  one("fold progress of a stopped effect", "actors/call-fold.ts", [
    `if (entry.phase === "stopping") return "progress of a stopped effect";`,
    "",
  ]),
  one("skip the never-started end", "actors/effect-runner.ts", [
    `quietly(this.#offer({ type: "effect.ended", effect: id, how: "never-started" }, seq));`,
    "if (seq < 0) return;",
  ]),
  one("start what was stopped before its turn came", "actors/effect-runner.ts", [
    `if (abort.signal.aborted) return this.#end(running, "never-started", {});`,
    "",
  ]),
  one("keep the plan of a failed step", "actors/cascade.ts", ["this.plan.length = 0;", ""]),
  one("do not roll back the charts of a failed step", "actors/cascade.ts", [
    "this.changed.clear();",
    "",
  ]),
  one("try again after a lost compare-and-set", "actors/log-writer.ts", [
    "if (TRY_AGAIN.includes(code))",
    `if ([...TRY_AGAIN, "log.conflict"].includes(code))`,
  ]),
  one("write on after being told to let go", "actors/log-writer.ts", [
    "      // Told to let go meanwhile: not even what was begun is tried again.\n" +
      "      if (this.#lost) return;\n",
    "",
  ]),
  one("an answer counts over which the process stood still", "actors/answer-watch.ts", [
    "return mark === this.#gaps;",
    "return true;",
  ]),
  one("a snapshot forgets the timers", "actors/effect-table.ts", [
    "timers: [...this.#timers]",
    "timers: []",
  ]),
  one("trust any snapshot", "actors/supervisor.ts", [
    "snapshot && records[snapshot.tail.seq - 1]?.hash === snapshot.tail.hash;",
    "snapshot !== undefined && records.length > 0;",
  ]),
  one("a takeover forgets one lost end", "actors/supervisor.ts", [
    "state.fold.liveEffects().map(",
    "state.fold.liveEffects().slice(1).map(",
  ]),
  one("timers fire in the middle of a takeover", "actors/supervisor.ts", [
    "await host.offerAll([{ input }, ...lost]);",
    "await Promise.all([{ input }, ...lost].map((offer) => host.offer(offer)));",
  ]),
  one("the chain omits the time", "actors/call-fold.ts", [
    "${canonicalJson(body)}",
    "${canonicalJson({ ...body, at: 0 })}",
  ]),
  one("the cascade goes last in, first out", "actors/cascade.ts", [
    "this.#queue.shift()!",
    "this.#queue.pop()!",
  ]),
  {
    name: "record time may go back",
    edits: [
      {
        file: "src/actors/call-fold.ts",
        find: "const at = Math.max(this.#at, given.at);",
        put: "const at = given.at;",
      },
      {
        file: "src/actors/call-host.ts",
        find: "return Math.max(this.fold.at, this.#ports.clock.now() + this.#offsetMs);",
        put: "return this.#ports.clock.now() + this.#offsetMs;",
      },
    ],
  },
  one("the same words are taken twice", "machines/room.rules.ts", [
    "if (before?.final && before.n !== context.newer) return true;",
    "",
  ]),
  one("what joined a pending write runs", "machines/room-tools.rules.ts", [
    `call.joins === "" ? ("wanted" as const) : ("joined" as const)`,
    `"wanted" as const`,
  ]),
  one("a filler goes on after its turn was cut", "machines/turn.machine.ts", [
    `exit: ["stopReply", "stopFiller"],`,
    `exit: ["stopReply"],`,
  ]),
  one("an empty answer over speech is an answer", "machines/turn.machine.ts", [
    `{ guard: "isEmpty", actions: ["noteEnd", "countEmpty"] },`,
    "",
  ]),
  one("prompted although a tool works", "machines/room-tools.rules.ts", [
    "return muted || tools.length > 0;",
    "return muted;",
  ]),
  one("an answer while somebody speaks", "machines/turn.choices.ts", [
    `allQuiet: ({ context }) => [is("tracks that speak", context.voices.length, 0)],`,
    `allQuiet: () => [is("tracks that speak", 0, 0)],`,
  ]),
  one("an answer before its delay is over", "machines/turn.rules.ts", [
    "return Math.max(0, delayMs - Math.max(0, at - context.silentSince));",
    "return Math.max(0, delayMs - 120 - Math.max(0, at - context.silentSince));",
  ]),
  one("a letter of what was cut is lost", "folds/heard.ts", [
    "text.slice(at);",
    "text.slice(at + 1);",
  ]),
  one("the history has what was not heard", "folds/history.ts", [
    "const { heard } = transcript.heard(run);",
    `const heard = run.segments.map(({ text }) => text).join(" ");`,
  ]),
  one("a pause does not hold the answer", "machines/turn.machine.ts", [
    `            { type: "tell", params: { child: "reply", command: "pause" } },\n`,
    "",
  ]),
  one("an answer that goes on is not let go", "machines/turn.machine.ts", [
    `{ type: "tell", params: { child: "reply", command: "resume" } },
                  { type: "send"`,
    `{ type: "send"`,
  ]),
  one("an early request is let out for other words", "machines/turn.choices.ts", [
    `event.type === "user.words" && rules.changesRequest(context, event)`,
    `event.type === "user.words" && context.n < 0`,
  ]),
  one("words stand in the order they came", "machines/turn.rules.ts", [
    "rest.findIndex((w) => w.from > next.from)",
    "-1",
  ]),
  one("a guard that does not say what it compares", "machines/room.choices.ts", [
    `hasFarewell: ({ context }) => [hasText(context, "farewell")],`,
    "hasFarewell: () => [],",
  ]),
  one("a farewell for lack of money is taken back", "machines/room-budget.rules.ts", [
    ` || context.measure === "farewell") return`,
    ") return",
  ]),
  one("a wait is covered though words are saved", "machines/turn-runs.rules.ts", [
    " || savesWords(context.measure)",
    "",
  ]),
];
