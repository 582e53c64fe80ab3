/** Who counts the minutes: LiveKit those of its own servers, nobody those of ours. */
export function providerOf(url: string): "livekit" | "livekit-own" {
  return URL.parse(url)?.hostname.endsWith(".livekit.cloud") ? "livekit" : "livekit-own";
}
