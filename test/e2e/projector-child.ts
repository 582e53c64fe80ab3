import { readFile } from "node:fs/promises";
import { parseTransaction, type Transaction } from "../../src/events/ledger.events.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPostgres } from "../../src/projections/postgres.ts";
import { readerOf } from "../projections/support.ts";

/** Projects a stream in a file, over and over until it is killed: `URL TENANT FILE`. */
const [url, tenant, file] = process.argv.slice(2) as [string, string, string];
const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
const stream: Transaction[] = lines.map((line) => parseTransaction(JSON.parse(line)));
const readSide = await openPostgres(url);
const projector = new CostProjector(readSide, tenant, 2);
console.log("begun");
await projector.run(readerOf(stream));
await readSide[Symbol.asyncDispose]();
