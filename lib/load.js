import { existsSync } from "node:fs";

/**
 * A module of the package: built where it was built, else its source.
 *
 * @param {string} module
 */
export function load(module) {
  const built = new URL(`../dist/src/${module}.js`, import.meta.url);
  const source = new URL(`../src/${module}.ts`, import.meta.url);
  return import((existsSync(source) ? source : built).href);
}
