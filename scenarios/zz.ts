import { SCENARIOS } from "./data.ts";
import { callerSound } from "./caller-sound.ts";
import { runAudio } from "./audio.ts";
import { faultsOf } from "./check.ts";
import { openFlite } from "../src/providers/local/flite.tts.ts";
const tts = openFlite();
const todo = SCENARIOS.filter(s => !process.argv[2] || process.argv[2].split(",").includes(s.id));
const sounds = await Promise.all(todo.map(s => callerSound(s, tts)));
await Promise.all(todo.map(async (s, i) => {
  await new Promise(r => setTimeout(r, i*13));
  const o = await runAudio(s, sounds[i]!);
  const f = faultsOf(s, o, "audio");
  console.log(s.id, f.length ? f : "ok");
  if (f.length) console.log(o.moments.map(m=>`${m.ms} ${m.what}`).join("\n"));
}));
await tts[Symbol.asyncDispose]();
