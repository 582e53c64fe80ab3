import { defineAgent } from "@livekit/agents";

/** What the peer's job process loads: an agent that does nothing. */
export default defineAgent({ entry: () => Promise.resolve() });
