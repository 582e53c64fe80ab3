import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Page } from "playwright-core";
import { replay } from "../../src/actors/replay.ts";
import { systemClock } from "../../src/base/clock.ts";
import { MACHINES, readLogFile } from "../../src/main.ts";
import { needBrowser } from "../support/browser.ts";
import { microphone } from "../support/microphone.ts";
import { needModels } from "../support/models.ts";
import { run } from "../support/run-cli.ts";

/**
 * The page in a real browser against `turnfold start`, with a WAV for a microphone. What is waited
 * for are facts; how fast the machine is decides nothing but the length of the test.
 */
const PATIENCE_MS = 90_000;

function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "turnfold-page-"));
}

/** `turnfold start` on a free port; stopped as Ctrl-C stops it, and its folder removed. */
async function start(t: TestContext, dir: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const stop = new AbortController();
  const ready = Promise.withResolvers<string>();
  const out = (text: string): void => {
    const url = /http:\S+/.exec(text)?.[0];
    if (url) ready.resolve(url);
  };
  const line = ["start", "--port", "0", "--no-pull", "--data", join(dir, "data")];
  const over = run(line, { out, signal: stop.signal, env: { ...process.env, ...env } });
  t.after(async () => {
    stop.abort();
    assert.equal((await over).code, 0);
    await rm(dir, { recursive: true });
  });
  return ready.promise;
}

interface Line {
  readonly heard: string;
  readonly cut: string;
}

/** The words of one side, line by line: what was heard, and what is struck out. */
function lines(page: Page, side: "you" | "agent"): Promise<Line[]> {
  return page.$$eval(`#transcript li.${side} .body`, (bodies) =>
    bodies.map((body) => {
      const copy = body.cloneNode(true) as typeof body;
      const cuts = [...copy.querySelectorAll("s")];
      for (const cut of cuts) cut.remove();
      const cut = cuts.map(({ textContent }) => textContent).join(" ");
      return { heard: (copy.textContent ?? "").trim(), cut };
    }),
  );
}

async function says(page: Page, side: "you" | "agent", words: RegExp): Promise<boolean> {
  return (await lines(page, side)).some(({ heard }) => words.test(heard));
}

async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = systemClock.now() + PATIENCE_MS;
  while (!(await is())) {
    assert.ok(systemClock.now() < end, `waited in vain for ${what}`);
    await wait(50);
  }
}

/** Highest level the page has measured of what it played, 0 to 1. */
async function watchLevels(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(`{
    const meter = document.getElementById("level-agent");
    globalThis.loudest = 0;
    setInterval(() => (globalThis.loudest = Math.max(globalThis.loudest, meter.value)), 20);
  }`);
  return () => page.evaluate("globalThis.loudest");
}

test("a person talks, is answered aloud, interrupts, and the call replays", async (t) => {
  if (!(await needModels(t))) return;
  const dir = await folder();
  const wav = join(dir, "microphone.wav");
  const browser = await needBrowser(t, [`--use-file-for-fake-audio-capture=${wav}%noloop`]);
  if (!browser) return;
  t.after(() => browser.close());
  await microphone(wav);
  const url = await start(t, dir);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const broken: string[] = [];
  page.on("pageerror", (error) => broken.push(error.message));
  page.on("console", (said) => void (said.type() === "error" && broken.push(said.text())));
  await page.goto(url);
  const loudest = await watchLevels(page);
  await page.click("#start:enabled");
  await page.waitForSelector("#hang-up:visible", { timeout: PATIENCE_MS });

  const isCut = ({ heard, cut }: Line) => heard.startsWith("We are open") && /Sunday/.test(cut);
  await until("an answer that was cut", async () => (await lines(page, "agent")).some(isCut));
  await until("the words of the interruption", () => says(page, "you", /sunday/i));
  await until("an answer to it", () => says(page, "agent", /On Sunday .* 10 am to 4 pm/));
  // A small model may mishear one of the two words; of both it would give no such answer.
  assert.ok(await says(page, "you", /opening|hours/i), JSON.stringify(await lines(page, "you")));
  assert.ok(await says(page, "agent", /^Hello/), "the greeting was heard");
  assert.ok((await loudest()) > 0.6, `the agent is audible: ${await loudest()}`);
  assert.equal(await page.locator("#charts .chart").count(), 3);
  assert.ok((await page.locator("#charts .state.on").count()) >= 6, "active states are lit");

  await page.click("#hang-up");
  await page.waitForSelector("#call-verdict .badge.good", { timeout: PATIENCE_MS });
  assert.match(await page.locator("#call-verdict").innerText(), /replays exactly/);
  const bars = page.locator("#latency .bar.e2e");
  await until("bars for each answer", async () => (await bars.count()) >= 2);
  const path = await page.locator("#call-title").getAttribute("title");
  const log = join(dir, "data", path!, "0001.jsonl");
  const { verdict, finished } = await replay(readLogFile(log), { machines: MACHINES, deep: true });
  assert.deepEqual([verdict, finished], ["reproduced", true]);
  assert.deepEqual(broken, []);
});

test("without speech models the page says so; one types, and the answer is heard", async (t) => {
  const dir = await folder();
  const browser = await needBrowser(t);
  if (!browser) return;
  t.after(() => browser.close());
  const url = await start(t, dir, { TURNFOLD_MODELS: join(dir, "none") });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await page.goto(url);
  const loudest = await watchLevels(page);
  await page.click("#start:enabled");
  await page.waitForSelector("#text:visible", { timeout: PATIENCE_MS });
  assert.match(await page.locator("#speech").innerText(), /No speech to text/);
  assert.equal(await page.locator("#mute").isVisible(), false);
  await until("the greeting", async () => {
    const ahead = await page.locator("#transcript .ahead").count();
    return (await says(page, "agent", /Juniper House/)) && ahead === 0 && (await loudest()) > 0.6;
  });
  await page.fill("#text", "Are you open on Saturday?");
  await page.press("#text", "Enter");
  await until("the answer", () => says(page, "agent", /On Saturday we are open/));
  // What runs on this machine costs nothing.
  const cost = page.locator("#call-cost");
  await until("the cost so far", async () => (await cost.innerText()).startsWith("$0"));

  // A reload is the same person: the call goes on, and nobody is greeted again.
  await page.reload();
  await page.click("#start:enabled");
  await page.waitForSelector("#text:visible", { timeout: PATIENCE_MS });
  await page.fill("#text", "And on Sunday?");
  await page.press("#text", "Enter");
  await until("the next answer", () => says(page, "agent", /On Sunday we are open/));
  const said = await lines(page, "agent");
  assert.equal(said.filter(({ heard }) => heard.includes("Juniper")).length, 1);
  assert.equal(await page.locator("#calls li").count(), 1);
  const width = await page.evaluate("document.documentElement.scrollWidth");
  assert.equal(width, 390, "nothing to scroll sideways on a phone");
});
