import { readFile } from "node:fs/promises";
import type { Hono } from "hono";

/** The page's files, as they are: no build step, and nothing from elsewhere. */
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" } as const;

const FILES = [
  "index.html",
  "api.js",
  "app.js",
  "audio-worklet.js",
  "call-list.js",
  "call-view.js",
  "charts.js",
  "cost.js",
  "dom.js",
  "latency.js",
  "resampler.js",
  "style.css",
  "talk.js",
  "transcript.js",
] as const;

/** Even a mistake in the page cannot load from, or send to, anywhere else. */
const POLICY = [
  "default-src 'self'",
  // Not every browser takes a WebSocket of the same host for its own.
  "connect-src 'self' ws://localhost:* ws://127.0.0.1:*",
  "img-src data:",
  "frame-ancestors 'none'",
].join("; ");

export function servePages(app: Hono): void {
  for (const file of FILES)
    app.get(file === "index.html" ? "/" : `/${file}`, async (context) => {
      const body = await readFile(new URL(`../web/${file}`, import.meta.url), "utf8");
      const type = TYPES[file.slice(file.lastIndexOf(".") + 1) as keyof typeof TYPES];
      return context.body(body, 200, {
        "content-type": `${type}; charset=utf-8`,
        "content-security-policy": POLICY,
        "cache-control": "no-cache",
      });
    });
}
