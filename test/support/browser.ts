import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import sparticuz from "@sparticuz/chromium";
import { chromium, type Browser } from "playwright-core";

/** A microphone and a loudspeaker that need no device, and no window that asks for them. */
const ARGS = [
  "--no-sandbox",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];

/**
 * A Chromium, for tests that need one. A missing browser skips the test with the reason; in CI it
 * fails it, or a green run could mean that no page was ever opened.
 */
export async function needBrowser(
  t: TestContext,
  args: readonly string[] = [],
): Promise<Browser | undefined> {
  const reasons: string[] = [];
  for (const find of [inPath, bundled])
    try {
      const executablePath = await find();
      return await chromium.launch({ executablePath, args: [...ARGS, ...args] });
    } catch (error) {
      reasons.push(String(error).split("\n")[0]!);
    }
  const reason = `no Chromium can be started: ${reasons.join("; ")}`;
  assert.notEqual(process.env["CI"], "true", reason);
  t.skip(reason);
  return undefined;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

async function inPath(): Promise<string> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const file of folders.flatMap((folder) => NAMES.map((name) => join(folder, name))))
    if (await isThere(file)) return file;
  throw new Error(`none of ${NAMES.join(", ")} is in the PATH`);
}

/** The one of the npm package, which is for Linux on x64. */
function bundled(): Promise<string> {
  return sparticuz.executablePath();
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
