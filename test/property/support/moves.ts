import { AppError } from "../../../src/base/errors.ts";
import { BOOM } from "./coverage.ts";
import { endFiller, endHook, endReply, tellFiller, tellReply, tellTool } from "./reply-moves.ts";
import { BACKCHANNELS, NOTHING, PHRASES, type Phrase, TOOLS, featuresWith } from "./phrases.ts";
import type { FakeEffect, World } from "./world.ts";

/**
 * What the generator may do next. A move that does not fit the present state does nothing and says
 * so; how often each is tried is a weight that every run draws anew, so that runs differ in kind.
 */
export interface Move {
  readonly weight: number;
  /** True where something was done. */
  readonly run: (world: World) => boolean | Promise<boolean>;
}

export const MOVES: Readonly<Record<string, Move>> = {
  join: on("connection", 4, (world, fx) => {
    if (fx.joined && !world.dice.chance(0.05)) return false;
    fx.joined = true;
    world.progress(fx, { type: "room.joined" });
    for (const identity of world.present)
      world.progress(fx, { type: "participant.joined", identity, name: identity });
    return true;
  }),
  enter: onJoined(0.6, (world, fx) => {
    const identity = world.dice.pick(["ann", "bob", "cid"]);
    world.present.add(identity);
    return world.progress(fx, { type: "participant.joined", identity, name: identity });
  }),
  leave: onJoined(0.12, (world, fx) => {
    const identity = world.dice.pick(["ann", "bob", "cid"]);
    world.present.delete(identity);
    return world.progress(fx, { type: "participant.left", identity });
  }),
  publish: onJoined(0.8, (world, fx) => {
    const { dice } = world;
    const identity = dice.pick(["ann", "bob", "cid"]);
    const sid = `TR_${identity}${dice.int(2)}`;
    world.tracks.add(sid);
    const kind = dice.chance(0.9) ? "audio" : "screen";
    return world.progress(fx, { type: "track.published", sid, identity, kind });
  }),
  unpublish: onJoined(0.12, (world, fx) => {
    const sid = world.dice.pick([...world.tracks, "TR_nobody"]);
    world.tracks.delete(sid);
    return world.progress(fx, { type: "track.unpublished", sid });
  }),
  reconnecting: onJoined(0.06, (world, fx) => world.progress(fx, { type: "room.reconnecting" })),
  reconnected: onJoined(0.3, (world, fx) => world.progress(fx, { type: "room.reconnected" })),
  type: onJoined(0.4, (world, fx) => {
    const { text, features } = world.dice.pick(PHRASES);
    const { words, class: end } = features;
    const ref = `typed.${world.refs++}`;
    const event = { type: "text.received", identity: "ann", ref, words, class: end };
    return world.progress(fx, event, { text });
  }),
  connectionFails: on("connection", 0.03, fail),
  vad: on("detector", 9, (world, fx) => {
    const wrong = world.dice.chance(0.02);
    return fx.speaking === wrong ? startSpeech(world, fx) : endSpeech(world, fx);
  }),
  detectorFails: on("detector", 0.06, fail),
  interim: on("stt", 5, (world, fx) => say(world, fx, { final: false })),
  final: on("stt", 6, (world, fx) => say(world, fx, { final: true })),
  again: on("stt", 0.5, (world, fx) => fx.last !== undefined && say(world, fx, { again: true })),
  late: on("stt", 0.6, (world, fx) => say(world, fx, { final: true, late: true })),
  boom: on("stt", 0.05, (world, fx) => say(world, fx, { final: true, boom: true })),
  sttDown: on("stt", 0.2, (world, fx) =>
    world.progress(fx, { type: "stt.down", resendFrom: world.clock.now() }),
  ),
  sttUp: on("stt", 0.3, (world, fx) => world.progress(fx, { type: "stt.up" })),
  sttFails: on("stt", 0.08, fail),
  reply: on("reply", 14, tellReply),
  replyEnds: on("reply", 3, endReply),
  replyFails: on("reply", 0.25, fail),
  filler: on("filler", 8, tellFiller),
  fillerEnds: on("filler", 1.5, endFiller),
  fillerFails: on("filler", 0.2, fail),
  hook: on("hook", 1.5, endHook),
  hookFails: on("hook", 0.2, fail),
  judged: on("detector", 2, judge),
  providerJudges: on("stt", 0.5, judge),
  tool: on("tool", 2.5, tellTool),
  toolFails: on("tool", 0.3, fail),
  stoppedEnds: (() => {
    const pickStopped = (world: World) => pick(world, (fx) => fx.effect.signal.aborted);
    return {
      weight: 5,
      run: (world) => {
        const fx = pickStopped(world);
        if (!fx) return false;
        const speaks = fx.src === "reply" || fx.src === "filler";
        world.end(fx, speaks ? { position: Math.round(fx.positionMs) } : {});
        return true;
      },
    };
  })(),
  stoppedTells: {
    weight: 0.5,
    run: (world) => {
      const fx = pick(world, (one) => one.effect.signal.aborted);
      return fx ? lateWord(world, fx) : false;
    },
  },
  oldOwner: {
    weight: 0.5,
    run: (world) => {
      const old = world.owners.filter((one) => one !== world.owner && one.effects.size > 0);
      if (old.length === 0) return false;
      const fx = world.dice.pick([...world.dice.pick(old).effects]);
      if (world.dice.chance(0.5)) world.end(fx, {});
      else lateWord(world, fx);
      return true;
    },
  },
};

/** A move of one effect of the present owner that still runs and is wanted. */
function on(src: string, weight: number, run: (world: World, fx: FakeEffect) => boolean): Move {
  return {
    weight,
    run: (world) => {
      const fx = pick(world, (one) => one.src === src && !one.effect.signal.aborted);
      return fx ? run(world, fx) : false;
    },
  };
}

function onJoined(weight: number, run: (world: World, fx: FakeEffect) => boolean): Move {
  return on("connection", weight, (world, fx) => fx.joined && run(world, fx));
}

function pick(world: World, fits: (fx: FakeEffect) => boolean): FakeEffect | undefined {
  const { owner } = world;
  if (!owner) return undefined;
  const fitting = [...owner.effects].filter(fits);
  return fitting.length > 0 ? world.dice.pick(fitting) : undefined;
}

function fail(world: World, fx: FakeEffect): true {
  world.end(fx, new AppError("provider.failed", "the provider is said to have failed"));
  return true;
}

/** A word on the speech that has just ended, on one before it, or on what goes on. */
function judge(world: World, fx: FakeEffect): true {
  const { dice } = world;
  const to = world.clock.now() - dice.pick([0, 250, 400, 5_000]);
  const end = dice.pick([
    "complete",
    "unclear",
    "hanging",
    fx.src === "stt" ? "ended" : "complete",
  ]);
  world.coverage.count(`judged.${end}`);
  return world.progress(fx, { type: "speech.judged", to, p: dice.next(), class: end });
}

function startSpeech(world: World, fx: FakeEffect): true {
  fx.speaking = true;
  fx.from = world.clock.now() - 64;
  return world.progress(fx, { type: "vad.started", from: fx.from });
}

function endSpeech(world: World, fx: FakeEffect): true {
  fx.speaking = false;
  const silenceMs = 250;
  const to = Math.max(fx.from + 1, world.clock.now() - silenceMs);
  return world.progress(fx, { type: "vad.ended", from: fx.from, to, silenceMs });
}

/** Utterances the room's chart remembers, less those of one move. */
const REMEMBERED = 14;

interface How {
  readonly final?: boolean;
  /** The last words once more, under a new reference or the same. */
  readonly again?: boolean;
  /** Of a time long ago. */
  readonly late?: boolean;
  readonly boom?: boolean;
}

/** Words of a track; an interim and its final share the reference. */
function say(world: World, fx: FakeEffect, how: How): true {
  const { dice } = world;
  const { text } = phraseOf(world);
  const features = featuresWith(text, fx.effect.call.settings);
  const now = world.clock.now();
  const shift = how.late ? dice.between(500, 8_000) : 0;
  const to = now - dice.between(0, 300) - shift;
  const fresh = { ref: `${fx.effect.id}.${world.refs++}`, from: to - 700, to };
  // The room remembers so many utterances and no more.
  const isRecent = world.refs - fx.lastRef < REMEMBERED;
  const last = isRecent && fx.last ? fx.last : fresh;
  const same = how.again ? dice.chance(0.5) : dice.chance(0.5) && !how.late && !how.boom;
  const words = how.again && !same ? { ...last, ref: fresh.ref } : same ? last : fresh;
  const final = how.final ?? dice.chance(0.8);
  fx.last = !final || dice.chance(0.3) ? words : undefined;
  const type = final ? "stt.final" : "stt.interim";
  const stable = final ? features.words : dice.int(features.words + 1);
  const flags = { changed: dice.chance(0.8), echo: dice.chance(0.04) };
  if (words === fresh) fx.lastRef = world.refs;
  const ref = how.boom ? `${BOOM}.${words.ref}` : words.ref;
  if (how.again) world.coverage.count("said.again");
  const event = { type, ...words, ref, stable, ...features, ...flags };
  return world.progress(fx, event, { text });
}

function phraseOf({ dice }: World): Phrase {
  if (dice.chance(0.2)) return dice.pick(BACKCHANNELS);
  return dice.chance(0.04) ? NOTHING : dice.pick(PHRASES);
}

/** What a stopped effect still says: by its own way, and as a message that was on its way. */
function lateWord(world: World, fx: FakeEffect): true {
  const asked = { type: "reply.requested", provider: "fake", model: "fake", upTo: 1 };
  const position = fx.src === "filler" ? "filler.position" : "reply.position";
  const event = world.dice.chance(0.5)
    ? { type: position, ms: Math.round(fx.positionMs) + 20 }
    : { ...asked, digest: fx.digest, tools: TOOLS };
  if (fx.owner !== world.owner || world.dice.chance(0.5)) return world.progress(fx, event);
  const input = { type: "effect.progress", effect: fx.effect.id, event };
  world.offer((host) => host.offer({ input, cause: fx.effect.upTo }));
  return true;
}
