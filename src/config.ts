import { homedir, platform } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import packageJson from "../package.json" with { type: "json" };
import { AppError } from "./base/errors.ts";

/** What a call's header says it was made by. */
export const BUILD = `turnfold ${packageJson.version}`;

/**
 * The one reader of the environment: typed, checked, frozen. Flags of the command line win over
 * variables, variables over defaults.
 */
const Environment = z.object({
  /** Where calls, jobs and blobs lie. */
  TURNFOLD_DATA: z.string().min(1).default(".turnfold"),
  /** Where downloaded speech models lie; default: the user's cache folder. */
  TURNFOLD_MODELS: z.string().min(1).optional(),
  TURNFOLD_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("warn"),
  TURNFOLD_PORT: z.coerce.number().int().min(0).max(65_535).default(4600),
  XDG_CACHE_HOME: z.string().min(1).optional(),
  LOCALAPPDATA: z.string().min(1).optional(),
});

export interface Config {
  readonly dataDir: string;
  readonly modelsDir: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly port: number;
}

export interface ConfigFlags {
  readonly data?: string;
  readonly port?: number;
}

export function readConfig(flags: ConfigFlags = {}, env: NodeJS.ProcessEnv = process.env): Config {
  const parsed = Environment.safeParse(env);
  if (!parsed.success)
    throw new AppError("config.invalid", `environment: ${z.prettifyError(parsed.error)}`);
  const values = parsed.data;
  return Object.freeze({
    dataDir: resolve(flags.data ?? values.TURNFOLD_DATA),
    modelsDir: values.TURNFOLD_MODELS ?? join(cacheDir(values), "turnfold"),
    logLevel: values.TURNFOLD_LOG_LEVEL,
    port: flags.port ?? values.TURNFOLD_PORT,
  });
}

function cacheDir(env: {
  XDG_CACHE_HOME?: string | undefined;
  LOCALAPPDATA?: string | undefined;
}): string {
  if (env.XDG_CACHE_HOME) return env.XDG_CACHE_HOME;
  if (platform() === "win32" && env.LOCALAPPDATA) return env.LOCALAPPDATA;
  return join(homedir(), ...(platform() === "darwin" ? ["Library", "Caches"] : [".cache"]));
}
