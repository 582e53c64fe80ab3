import { processIo } from "./process-io.ts";
import { runCli } from "./program.ts";

/** The program itself; `bin/turnfold.js` sees to it that this runs under Node 24. */
process.exitCode = await runCli(process.argv.slice(2), processIo());
