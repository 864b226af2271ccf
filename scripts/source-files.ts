/**
 * Finds the project's files and parses them, for the scripts that check style and import rules.
 * Everything is read once and kept in memory: the whole project is a few hundred small files.
 * A file that is not valid TypeScript is reported by its parser's first message, never skipped.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { parseSync, type ParseResult } from "oxc-parser";

/** The project's folder, with no slash at the end. */
export const projectRoot: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** One TypeScript file: where it is (from the project's folder, with slashes), its text, and what it parsed to. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly parsed: ParseResult;
}

/** A rule that a file breaks, as a person should read it. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const FOLDERS_TO_SKIP = new Set(["node_modules", "dist", "fixtures", ".git", ".cache", ".skein", "coverage"]);

/** Paths of all files under `folder` (from the project's folder, with slashes), sorted. Fixtures are data: left out. */
export function listFiles(root: string, folder: string): string[] {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  const found: string[] = [];
  const waiting = [start];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      if (entry.isDirectory() && !FOLDERS_TO_SKIP.has(entry.name)) waiting.push(path);
      else if (entry.isFile()) found.push(relative(root, path).split(sep).join("/"));
    }
  }
  return found.sort();
}

/** Reads and parses the TypeScript files under the given folders. */
export function readSourceFiles(root: string, folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => listFiles(root, folder))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return { path, text, parsed: parseSync(path, text) };
    });
}

/** What the parser could not read, as findings. */
export function syntaxFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) =>
    file.parsed.errors.slice(0, 1).map((error) => ({
      path: file.path,
      line: lineAt(file.text, error.labels[0]?.start ?? 0),
      message: `does not parse: ${error.message}`,
    })),
  );
}

/** The 1-based line of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

/** A finding as one line, `path:line message`, which editors turn into a link. */
export function formatFinding({ path, line, message }: Finding): string {
  return `${path}:${line} ${message}`;
}

/** Prints findings, one a line, and gives the exit code: 0 for none, else 1. */
export function reportFindings(findings: readonly Finding[]): 0 | 1 {
  for (const finding of findings) console.error(formatFinding(finding));
  return findings.length === 0 ? 0 : 1;
}
