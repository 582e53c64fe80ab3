import { findLiveKit } from "../support/livekit-server.ts";
import { findNats, NATS_VERSIONS } from "../support/servers.ts";

/** Before any test: files that run at the same time would each build what is not there yet. */
export async function globalSetup(): Promise<void> {
  for (const version of NATS_VERSIONS) await findNats(version);
  await findLiveKit();
}
