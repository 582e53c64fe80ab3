import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * The servers turnfold runs on, for tests and for people without Docker: of the PATH where it has
 * the released version asked for, else built once with Go into `.cache`.
 */
export const NATS_VERSIONS = ["2.12.15", "2.15.2"] as const;
export type NatsVersion = (typeof NATS_VERSIONS)[number];
export const LIVEKIT_VERSION = "1.13.5";

interface Release {
  readonly command: string;
  readonly version: string;
  /** What `go install` takes, and what it calls the program it makes of it. */
  readonly source: string;
  readonly builtAs: string;
}

export type FoundServer = { readonly path: string } | { readonly missing: string };

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, "..", "..", ".cache", "servers");

export interface FindOptions {
  /** Called where it must be built, which takes a minute or two. */
  readonly onBuild?: (what: string) => void;
}

export function findNatsServer(
  version: NatsVersion,
  options: FindOptions = {},
): Promise<FoundServer> {
  const source = "github.com/nats-io/nats-server/v2";
  return find({ command: "nats-server", version, source, builtAs: "nats-server" }, options);
}

export function findLiveKitServer(options: FindOptions = {}): Promise<FoundServer> {
  const source = "github.com/livekit/livekit-server/cmd/server";
  const version = LIVEKIT_VERSION;
  return find({ command: "livekit-server", version, source, builtAs: "server" }, options);
}

async function find(release: Release, { onBuild }: FindOptions): Promise<FoundServer> {
  const { command, version } = release;
  const path = join(CACHE, version, command);
  if (await isThere(path)) return { path };
  if (await hasVersion(command, version)) return { path: command };
  try {
    onBuild?.(`${command} ${version}`);
    await build(release, path);
    return { path };
  } catch (error) {
    const why = `it cannot be built with Go: ${String(error)}`;
    return { missing: `no ${command} ${version} on the PATH, and ${why}` };
  }
}

/** Into a folder of its own first: two may build at once. */
async function build({ source, version, builtAs }: Release, path: string): Promise<void> {
  await mkdir(join(CACHE, version), { recursive: true });
  const folder = await mkdtemp(join(CACHE, "build-"));
  try {
    const env = { ...process.env, GOBIN: folder };
    await run("go", ["install", `${source}@v${version}`], { env });
    await rename(join(folder, builtAs), path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function hasVersion(command: string, version: string): Promise<boolean> {
  const { stdout } = await run(command, ["--version"]).catch(() => ({ stdout: "" }));
  return new RegExp(String.raw`\bv?${RegExp.escape(version)}$`).test(stdout.trim());
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
