import { BENCHES } from "./benches.ts";

/** Runs the one bench that is named and prints its rows: no bench is warmed up by another. */
const bench = BENCHES.find(({ name }) => name === process.argv[2]);
const rows = (await bench?.run()) ?? [];
process.stdout.write(JSON.stringify(rows));
