import { writeSync } from "node:fs";
import { simulate } from "../../src/cli/simulate/run.ts";
import { readConfig } from "../../src/config.ts";
import { AUDIO_ACTS } from "./crash-call.ts";

/** A process that holds a spoken call in real time until it is killed; tells as `call-child`. */
const [data] = process.argv.slice(2) as [string];
await simulate(readConfig({ data }), {
  acts: AUDIO_ACTS,
  tenant: "local",
  room: "crash",
  onRecord: ({ seq, hash }) => void writeSync(3, `${seq} ${hash}\n`),
});
