import { SCENARIOS } from "./data.ts";
import { callerSound } from "./caller-sound.ts";
import { runPeer } from "./peer/peer-call.ts";
import { DEFAULTS, BEST } from "./peer/settings.ts";
import { repliesIn } from "./word-book.ts";
import { scoresOf } from "./scores.ts";
import { openFlite } from "../src/providers/local/flite.tts.ts";
const tts = openFlite();
const th = BEST.session.turnHandling!;
const variants = [DEFAULTS, BEST,
 {...BEST, name: "words0", session: {...BEST.session, turnHandling: {...th, interruption: {...th.interruption, minWords: 0}}}},
 {...BEST, name: "words1", session: {...BEST.session, turnHandling: {...th, interruption: {...th.interruption, minWords: 1}}}},
 {...BEST, name: "nopre", session: {...BEST.session, turnHandling: {...th, preemptiveGeneration: {enabled: true, preemptiveTts: false}}}},
 {...BEST, name: "min1500", session: {...BEST.session, turnHandling: {...th, endpointing: {minDelay: 1500}}}},
];
const todo = SCENARIOS.filter(s => !process.argv[2] || process.argv[2].split(",").includes(s.id));
const sounds: any[] = []; for (const s of todo) sounds.push(await callerSound(s, tts));
const out: string[] = [];
await Promise.all(todo.flatMap((s, i) => variants.filter(v => !process.argv[3] || process.argv[3].split(",").includes(v.name)).map(async set => {
  await new Promise(r => setTimeout(r, i*13));
  const o = await runPeer(s, sounds[i]!, set as any);
  const voices: string[] = []; let end = -1e9, start = 0;
  for (const p of o.sound) { if (p.at - end > 2) { if (end > -1e9) voices.push(`${Math.round(start)}-${Math.round(end)}`); start = p.at; } end = p.at + p.ms; }
  voices.push(`${Math.round(start)}-${Math.round(end)}`);
  out.push([s.id, set.name, JSON.stringify(Object.entries(scoresOf(s,o)).filter(([,v])=>v)), "voice", voices.slice(1).join(" "), "asked", o.asked.map(a => `${Math.round(a.at)}`).join(","), "replies", repliesIn(o.sound, o.book).map(r => r.words.length).join(","), JSON.stringify(o.history.map(h=>`${h.role[0]}: ${h.text.slice(0,60)}`)), o.faults.join()].join(" "));
})));
console.log(out.sort().join("\n"));
await tts[Symbol.asyncDispose]();
