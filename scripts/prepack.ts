import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Builds what a released package runs: Node strips no types inside node_modules. */
const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
cpSync(join(root, "src", "web"), join(root, "dist", "src", "web"), { recursive: true });
cpSync(join(root, "templates"), join(root, "dist", "templates"), { recursive: true });
process.exitCode = status ?? 1;
