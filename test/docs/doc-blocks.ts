/**
 * Reads the fenced code blocks of the project's pages, and joins those that continue one another.
 * A fence says its language and, after it, flags: `no-run reason="why"` (checked, not run) and `continues` (the same
 * program as the block before it). Code keeps the line numbers of its page, so that errors point at the page.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { listFiles } from "../../scripts/source-files.ts";

/** The languages that are run, and those that are shown only. Any other is a mistake in the page. */
const RUN_LANGUAGES: ReadonlySet<string> = new Set(["ts", "sh"]);
const SHOWN_LANGUAGES: ReadonlySet<string> = new Set(["text", "json", "jsonl", "diff", "mermaid", "sql"]);

/** A program that a page shows: one block, or several that continue one another. */
export interface DocProgram {
  /** The page, from the project's folder. */
  readonly page: string;
  /** The 1-based line of its first fence. */
  readonly line: number;
  readonly language: "ts" | "sh";
  readonly isRun: boolean;
  /** The code, each line where it stands in the page; lines of prose between are empty. */
  readonly code: string;
}

/** One fenced block as it stands. */
interface Block {
  readonly line: number;
  readonly language: string;
  readonly flags: string;
  readonly lines: readonly string[];
}

/** The pages whose code must hold: those in the project's folder, and all under docs/. */
export function listPages(root: string): string[] {
  const top = ["README.md", "CONTRIBUTING.md"].filter((page) => existsSync(join(root, page)));
  return [...top, ...listFiles(root, "docs").filter((path) => path.endsWith(".md"))];
}

/** The programs of one page, in order. Throws with page and line where a fence can't be understood. */
export function readDocPrograms(root: string, page: string): DocProgram[] {
  return programsOf(page, readFileSync(join(root, page), "utf8"));
}

/** The programs in the text of a page. */
export function programsOf(page: string, text: string): DocProgram[] {
  const programs: DocProgram[] = [];
  for (const block of blocksOf(page, text)) {
    const { line, language } = block;
    if (SHOWN_LANGUAGES.has(language)) continue;
    if (!isRunLanguage(language)) {
      const known = [...RUN_LANGUAGES, ...SHOWN_LANGUAGES].join(", ");
      throw new Error(`${page}:${line} names the language "${language}"; known are ${known}`);
    }
    const flags = parseFlags(`${page}:${line}`, block.flags);
    const before = programs.at(-1);
    if (!flags.isContinuing) {
      programs.push({ page, line, language, isRun: flags.isRun, code: atLine("", block) });
    } else if (before?.language === language) {
      programs[programs.length - 1] = {
        ...before,
        isRun: before.isRun && flags.isRun,
        code: atLine(before.code, block),
      };
    } else {
      throw new Error(`${page}:${line} continues a ${language} block, and there is none right before it`);
    }
  }
  return programs;
}

function isRunLanguage(language: string): language is "ts" | "sh" {
  return RUN_LANGUAGES.has(language);
}

/** Appends a block to code so that its lines stand where they stand in the page. */
function atLine(code: string, { line, lines }: Block): string {
  const gap = "\n".repeat(line - (code.match(/\n/g)?.length ?? 0));
  return `${code}${gap}${lines.join("\n")}\n`;
}

/** What stands after the language of a fence. */
function parseFlags(place: string, text: string): { readonly isRun: boolean; readonly isContinuing: boolean } {
  const isContinuing = /(^|\s)continues(\s|$)/.test(text);
  const isRun = !/(^|\s)no-run(\s|$)/.test(text);
  const reason = /reason="([^"]+)"/.exec(text)?.[1];
  const rest = text.replace(/reason="[^"]*"/, "").replace(/\b(continues|no-run)\b/g, "");
  if (rest.trim() !== "") throw new Error(`${place} has flags that nobody knows: ${rest.trim()}`);
  if (!isRun && reason === undefined) throw new Error(`${place} is not run and gives no reason="…"`);
  return { isRun, isContinuing };
}

/** The fenced blocks in a text. A block inside a list keeps its code without the list's indentation. */
function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open:
    | { line: number; fence: string; indent: number; language: string; flags: string; lines: string[] }
    | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^(\s*)(```+|~~~+)\s*(\S*)\s*(.*)$/.exec(line);
    if (open === undefined && fence) {
      const [, indent = "", marks = "", language = "", flags = ""] = fence;
      open = { line: index + 1, fence: marks, indent: indent.length, language, flags, lines: [] };
    } else if (open !== undefined && line.trim() === open.fence) {
      blocks.push(open);
      open = undefined;
    } else {
      open?.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open) throw new Error(`${page}:${open.line} opens a block that nothing closes`);
  return blocks;
}
