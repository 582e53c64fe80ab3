import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { freePorts } from "../../scripts/servers/ports.ts";
import { ServerProcess } from "../../scripts/servers/server-process.ts";

/** A real PostgreSQL server for tests, of Debian's package, with a folder and a port of its own. */
const run = promisify(execFile);
const DEBIAN = "/usr/lib/postgresql";
const ADMIN = "admin";

export type FoundPostgres = { readonly bin: string } | { readonly missing: string };

/** Fails where CI must have it: a green run could mean that nothing was tried. */
export async function findPostgres(): Promise<FoundPostgres> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const newest = Math.max(0, ...versions.map(Number).filter(Number.isFinite));
  if (newest >= 15) return { bin: join(DEBIAN, String(newest), "bin") };
  const missing = "there is no PostgreSQL 15 or later: apt-get install postgresql";
  assert.notEqual(process.env["CI"], "true", missing);
  return { missing };
}

export class PostgresServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  readonly #server: ServerProcess;

  private constructor(bin: string, as: readonly string[], place: { folder: string; port: number }) {
    const { folder, port } = place;
    this.#folder = folder;
    this.#port = port;
    const [path, ...args] = [...as, join(bin, "postgres"), "-D", join(folder, "data")];
    // What was written outlives the process without it, if not the machine.
    const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
    this.#server = new ServerProcess({
      path: path!,
      args: [...args, "-p", String(port), ...settings.flatMap((one) => ["-c", one])],
      log: join(folder, "postgres.log"),
      isReady: () => this.#isReady(),
    });
  }

  static async start(bin: string): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), "turnfold-postgres-"));
    const as = await ordinaryUser(folder);
    const [path, ...args] = [...as, join(bin, "initdb")];
    const data = join(folder, "data");
    const settings = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
    await run(path!, [...args, "-D", data, "-U", ADMIN, ...settings]);
    const [port] = await freePorts(1);
    const server = new PostgresServer(bin, as, { folder, port: port! });
    await server.start();
    return server;
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  /** As a crash: nothing is written that was not yet. */
  crash(): Promise<void> {
    return this.#server.stop("SIGQUIT");
  }

  /** A new database of a user of its own, who is no superuser; its URL. */
  async createDatabase(name: string): Promise<string> {
    await this.query(`create role "${name}" login createrole`);
    await this.query(`create database "${name}" owner "${name}"`);
    return this.#url(name, name);
  }

  /** As superuser. */
  async query(text: string, database = "postgres"): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.#url(ADMIN, database) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop("SIGQUIT");
    await rm(this.#folder, { recursive: true });
  }

  #url(user: string, database: string): string {
    return `postgres://${user}@127.0.0.1:${this.#port}/${database}`;
  }

  #isReady(): Promise<boolean> {
    return this.query("select 1").then(
      () => true,
      () => false,
    );
  }
}

/** What a command is begun with: PostgreSQL refuses to run as root. */
async function ordinaryUser(folder: string): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return [];
  const ids = await Promise.all(["-u", "-g"].map((what) => run("id", [what, "postgres"])));
  const [uid, gid] = ids.map(({ stdout }) => Number(stdout));
  await chown(folder, uid!, gid!);
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
}
