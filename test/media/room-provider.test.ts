import assert from "node:assert/strict";
import { test } from "node:test";
import { providerOf } from "../../src/media/livekit/room-provider.ts";

test("LiveKit counts the minutes of its own servers, nobody those of others", () => {
  const urls = {
    "wss://desk-4xyz.livekit.cloud": "livekit",
    "wss://desk-4xyz.livekit.cloud:443/rtc?x=1": "livekit",
    "WSS://DESK.LIVEKIT.CLOUD": "livekit",
    "ws://127.0.0.1:7880": "livekit-own",
    "wss://livekit.cloud.example.org": "livekit-own",
    "wss://notlivekit.cloud": "livekit-own",
    "no address": "livekit-own",
  };
  for (const [url, provider] of Object.entries(urls)) assert.equal(providerOf(url), provider, url);
});
