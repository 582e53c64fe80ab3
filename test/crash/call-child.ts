import { writeSync } from "node:fs";
import { seededRandom } from "../../src/base/id.ts";
import { openEmbedded, type EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import { CRASH_CALL } from "./crash-call.ts";

/**
 * A process that holds a call on the real file log, at full speed, until it is killed. Each record
 * is told on descriptor 3 as `seq hash` as soon as the log has acknowledged it.
 */
const [dataDir, seed] = process.argv.slice(2) as [string, string];
const random = seededRandom(Number(seed));

function telling({ log, ...broker }: EmbeddedBroker): EmbeddedBroker {
  const append = log.append.bind(log);
  log.append = (ref, expect, records) => {
    const tail = append(ref, expect, records);
    for (const { seq, hash } of records) writeSync(3, `${seq} ${hash}\n`);
    return tail;
  };
  return { log, ...broker };
}

await using simulation = await Simulation.open({
  ...CRASH_CALL,
  seed: Number(seed),
  broker: async (clock) => telling(await openEmbedded({ dataDir, clock })),
});
simulation.enter("ann");
// Bounded, should nobody kill it. The caller asks, cuts in, coughs, types and is silent.
for (let i = 0; i < 2_000; i++) {
  const move = random();
  if (move < 0.5) simulation.say(`What about number ${i}, please?`, { ms: 1_500 });
  else if (move < 0.65) simulation.say("uh-huh", { ms: 300 });
  else if (move < 0.75) simulation.say("", { ms: 250 });
  else if (move < 0.85) simulation.room.type("ann", `Book table ${i}.`);
  await simulation.run(500 + random() * 6_000);
}
