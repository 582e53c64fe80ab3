import { systemClock } from "./base/clock.ts";
import { stderrLogger } from "./base/logger.ts";
import type { Broker } from "./broker/broker.ts";
import { openEmbedded } from "./broker/embedded/embedded-broker.ts";
import type { Config } from "./config.ts";

/** The composition root: the one file that picks adapters. */
export { readLogFile } from "./broker/embedded/read-log-file.ts";
export { CURRENT_VERSIONS, MACHINES } from "./machines/machines.ts";

/** The data folder. Owners lock it; readers (`readOnly`) need no lock and write nothing. */
export function openStore(config: Config, readOnly: boolean): Promise<Broker> {
  const logger = stderrLogger(config.logLevel, systemClock.now);
  return openEmbedded({ dataDir: config.dataDir, clock: systemClock, logger, readOnly });
}
