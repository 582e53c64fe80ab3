import { processIo } from "./process-io.ts";
import { runCli } from "./program.ts";

/** The program itself; `bin/turnfold.js` sees to it that this runs under Node 24. */
if (process.channel) dieWithWrapper(process.channel);
process.exitCode = await runCli(process.argv.slice(2), processIo());

/** Started by an older Node: when that is killed, so is this, or a "dead" process would go on. */
function dieWithWrapper(channel: NonNullable<typeof process.channel>): void {
  channel.unref();
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
}
