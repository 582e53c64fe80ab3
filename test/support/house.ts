import { posix } from "node:path";
import { type FileSet, readTestNames } from "./source.ts";

/** What the prose promises, held against what is there. Each check returns its faults. */

export interface ErrorLine {
  readonly family: string;
  readonly retry: string;
}

/** `docs/errors.md`: one table row for each code, with its family and retry. */
export function errorTableFaults(
  markdown: string,
  errors: Readonly<Record<string, ErrorLine>>,
): readonly string[] {
  const rows = tableRows(markdown).map((cells) => cells.map((cell) => cell.replaceAll("`", "")));
  const codes = rows.map(([code]) => code!);
  const faults = rows.flatMap(([code, family, retry, meaning, remedy]) => {
    const known = errors[code!];
    if (!known) return [`${code} is no code`];
    const wrong = known.family !== family || known.retry !== retry;
    return [
      ...(wrong ? [`${code} is ${known.family}, retry ${known.retry}`] : []),
      ...(meaning && remedy ? [] : [`${code} needs a meaning and a remedy`]),
    ];
  });
  const missing = Object.keys(errors).filter((code) => !codes.includes(code));
  return [...faults, ...twice(codes), ...missing.map((code) => `${code} has no line`)];
}

const REQUIREMENT = /^S[0-4]-(0[1-9]|[1-9]\d{1,2})$/;
const HOLDER = /`([^`]+)`/g;

/**
 * `docs/requirements.md`: rows of a requirement id, what it asks for, and the tests that hold it,
 * each as `` `path/to.test.ts > "test name"` ``.
 */
export function requirementFaults(markdown: string, files: FileSet): readonly string[] {
  const rows = tableRows(markdown);
  const faults = rows.flatMap(([id, title, holders]) => {
    const found = [...(holders ?? "").matchAll(HOLDER)].map((match) => match[1]!);
    const rest = (holders ?? "").replace(HOLDER, "").replace(/<br>|[,;\s]/g, "");
    return [
      ...(REQUIREMENT.test(id!) ? [] : [`${id} is no requirement id`]),
      ...(title ? [] : [`${id} does not say what it asks for`]),
      ...(found.length > 0 && rest === "" ? [] : [`${id} names no test`]),
      ...found.flatMap((holder) => holderFaults(holder, files).map((fault) => `${id}: ${fault}`)),
    ];
  });
  return [...faults, ...twice(rows.map(([id]) => id!)), ...strayLines(markdown)];
}

/** Why `path > "name"` names no test that runs, if so. */
export function holderFaults(holder: string, files: FileSet): readonly string[] {
  const match = /^(\S+) > "(.+)"$/.exec(holder);
  if (!match) return [`${holder} is not written path > "name"`];
  const [, path, name] = match as unknown as [string, string, string];
  const text = files.get(path);
  if (text === undefined || !/^test\/.*\.(test|contract)\.ts$/.test(path))
    return [`${path} is no test file`];
  return readTestNames(path, text).some((pattern) => pattern.test(name))
    ? []
    : [`${path} has no running test "${name}"`];
}

/** A row that lost its bars would be read by nobody. */
function strayLines(markdown: string): readonly string[] {
  return markdown
    .split("\n")
    .filter((line) => /\bS\d-\d/.test(line) && !line.startsWith("|"))
    .map((line) => `a requirement outside the table: ${line.trim()}`);
}

/** Links of every Markdown file that lead to nothing in the repository. */
export function linkFaults(files: FileSet): readonly string[] {
  const pages = [...files].filter(([path]) => path.endsWith(".md"));
  return pages.flatMap(([path, text]) =>
    [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]: (\S+)/gm)]
      .map((match) => match[1] ?? match[2]!)
      .filter((link) => !/^([a-z]+:|#)/.test(link))
      .filter((link) => !isThere(files, posix.join(posix.dirname(path), link.split("#")[0]!)))
      .map((link) => `${path} links to ${link}, which is not there`),
  );
}

export interface PackageJson {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function versionFaults(pkg: PackageJson): readonly string[] {
  return Object.entries({ ...pkg.dependencies, ...pkg.devDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is pinned as ${version}, which is not exact`);
}

/** `CHANGELOG.md` has a section for the version of the package, and one for what comes next. */
export function changelogFaults(markdown: string, version: string): readonly string[] {
  const named = new RegExp(`^## \\[${RegExp.escape(version)}\\]`, "m").test(markdown);
  return named ? [] : [`CHANGELOG.md has no section for ${version}`];
}

/** Cells of all table rows below their header rule; `\|` is a bar of the text. */
export function tableRows(markdown: string): readonly (readonly string[])[] {
  const lines = markdown.split("\n");
  const isRule = (line: string | undefined): boolean => /^\|[\s|:-]+\|$/.test(line ?? "");
  return lines
    .filter((line, i) => line.startsWith("|") && !isRule(line) && !isRule(lines[i + 1]))
    .map((line) =>
      line
        .trim()
        .slice(1, -1)
        .split(/(?<!\\)\|/),
    )
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("\\|", "|")));
}

function twice(names: readonly string[]): readonly string[] {
  return names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name} stands twice`);
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").replace(/`[^`\n]*`/g, "");
}

function isThere(files: FileSet, path: string): boolean {
  const name = path.replace(/\/$/, "");
  return name === "." || files.has(name) || files.has(`${name}/`);
}
