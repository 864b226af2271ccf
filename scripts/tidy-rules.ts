/**
 * The rules of style that a machine can keep and the linter has no rule for, each a function from a file to its
 * findings. Sizes, `any`, `!`, default exports, `console` and promises are oxlint's (.oxlintrc.json).
 * There are no waivers: a rule that is wrong somewhere is changed here, for everyone.
 */
import { basename } from "node:path";

import { Visitor, type VisitorObject } from "oxc-parser";

import { type Finding, lineAt, type SourceFile } from "./source-files.ts";

/** A rule over one parsed file. */
export type TidyRule = (file: SourceFile) => Finding[];

const VALUE_EXPORTS_MAX = 12;
const EXPORTS_MAX = 30;
const OPENING_LINES = { min: 2, minForLongFile: 3, longFile: 150, max: 8 };

/** Makes a finding at an offset of a file. */
function findingAt(file: SourceFile, offset: number, message: string): Finding {
  return { path: file.path, line: lineAt(file.text, offset), message };
}

/** Names are kebab-case with the role last, and none of them says "anything". */
export function checkFileName(path: string): Finding[] {
  const name = basename(path);
  const isKebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.(ts|mjs)$/.test(name);
  const empty = name.split(/[-.]/).find((word) => /^(utils?|helpers?|common|types?|misc|shared|stuff)$/.test(word));
  return [
    ...(isKebab ? [] : [{ path, line: 1, message: "is not named in kebab-case" }]),
    ...(empty ? [{ path, line: 1, message: `is named "${empty}", which says nothing: name the idea` }] : []),
  ];
}

/** A file opens with prose: 2 lines or more (3 in a long file), 8 at most; numbered invariants come on top of that. */
export const checkOpening: TidyRule = (file) => {
  const [opening] = file.parsed.comments;
  const text = file.text.replace(/^#!.*\n/, "");
  const isFirst = opening && text.trimStart().startsWith(opening.type === "Block" ? "/*" : "//");
  if (!isFirst) return [{ path: file.path, line: 1, message: "does not open with a comment that says what it is" }];
  const prose = proseLines(opening.type === "Block" ? opening.value : leadingLineComments(text));
  const isLong = !file.path.startsWith("test/") && file.text.split("\n").length > OPENING_LINES.longFile;
  const min = isLong ? OPENING_LINES.minForLongFile : OPENING_LINES.min;
  if (prose >= min && prose <= OPENING_LINES.max) return [];
  const wanted = `${min} to ${OPENING_LINES.max} lines of prose, lists not counted`;
  return [{ path: file.path, line: 1, message: `opens with ${prose} lines of prose; wanted are ${wanted}` }];
};

/** The text of the `//` lines that a file begins with. */
function leadingLineComments(text: string): string {
  return /^(\s*\/\/.*\n)+/.exec(text)?.[0].replaceAll(/^\s*\/\//gm, "") ?? "";
}

/** Counts a comment's lines of prose: not the empty ones, not lists ("1. ", "I1. ", "- ") with what is indented in them. */
function proseLines(comment: string): number {
  const lines = comment.split("\n").map((line) =>
    line
      .replace(/^\s*\*/, "")
      .replace(/^ /, "")
      .trimEnd(),
  );
  return lines.filter((line) => line !== "" && !/^(\s{2,}|[A-Z]{0,3}\d+[.:)] |[-*•] )/.test(line)).length;
}

/** Exports of one file are few: one idea a file. A door (`index.ts`) is a list, and a port's types are its vocabulary. */
export const checkExports: TidyRule = (file) => {
  if (basename(file.path) === "index.ts") return [];
  const entries = file.parsed.module.staticExports.flatMap((statement) => statement.entries);
  const valueCount = entries.filter((entry) => !entry.isType).length;
  const isFew = valueCount <= VALUE_EXPORTS_MAX && entries.length <= EXPORTS_MAX;
  const wanted = `${VALUE_EXPORTS_MAX} values and ${EXPORTS_MAX} names at most; 1 to 6 is usual`;
  const message = `exports ${valueCount} values and ${entries.length - valueCount} types; ${wanted}`;
  return isFew ? [] : [{ path: file.path, line: 1, message }];
};

const WAIVERS = /^[\s*]*((oxlint|eslint)-disable|(oxfmt|prettier|v8|istanbul)[- ]ignore|@ts-ignore|@ts-nocheck)/;

/** No comment switches a rule off. `@ts-expect-error` proves something in a test, and only there. */
export const checkWaivers: TidyRule = (file) =>
  file.parsed.comments.flatMap((comment) => {
    const waiver = WAIVERS.exec(comment.value)?.[1];
    if (waiver) return [findingAt(file, comment.start, `switches a rule off with "${waiver}"`)];
    const isProof = file.path.startsWith("test/") || !/^[\s*]*@ts-expect-error/.test(comment.value);
    return isProof ? [] : [findingAt(file, comment.start, "@ts-expect-error belongs in tests")];
  });

/** Calls and objects that read time, randomness or set timers past the ports of src/base. */
const PORT_BREAKERS = new Map([
  ["Date.now", "the Clock port"],
  ["performance.now", "the Clock port"],
  ["process.hrtime", "the Clock port"],
  ["process.uptime", "the Clock port"],
  ["setTimeout", "the Clock port"],
  ["setInterval", "the Clock port"],
  ["Math.random", "the IdSource port"],
  ["randomUUID", "the IdSource port"],
  ["randomBytes", "the IdSource port"],
  ["crypto.randomUUID", "the IdSource port"],
  ["crypto.getRandomValues", "the IdSource port"],
]);

/** In src, time, timers and randomness come through the ports in src/base, so that a run can be repeated. */
export const checkPorts: TidyRule = (file) => {
  if (!file.path.startsWith("src/") || file.path.startsWith("src/base/")) return [];
  const findings: Finding[] = [];
  const judge = (name: string, offset: number): void => {
    const port = PORT_BREAKERS.get(name.replace(/^globalThis\./, ""));
    if (port) findings.push(findingAt(file, offset, `uses ${name}: take it through ${port}`));
  };
  visit(file, {
    // A mention counts as much as a call: `clock = Date.now` reads the same clock.
    MemberExpression: (node) => judge(file.text.slice(node.start, node.end), node.start),
    CallExpression: (node) => judge(node.callee.type === "Identifier" ? node.callee.name : "", node.start),
    NewExpression: (node) => {
      const isNow = file.text.slice(node.callee.start, node.callee.end) === "Date" && node.arguments.length === 0;
      if (isNow) findings.push(findingAt(file, node.start, "uses new Date(): take it through the Clock port"));
    },
    ImportDeclaration: (node) => {
      const isTimers = /^(node:)?timers(\/promises)?$/.test(node.source.value);
      if (isTimers) findings.push(findingAt(file, node.start, "imports timers: take them through the Clock port"));
    },
    ImportSpecifier: (node) => judge(node.imported.type === "Identifier" ? node.imported.name : "", node.start),
  });
  return findings;
};

/** In src no module keeps state of its own, private members are `#private`, and what is thrown has a code. */
export const checkState: TidyRule = (file) => {
  if (!file.path.startsWith("src/")) return [];
  const findings = file.parsed.program.body.flatMap((statement) => {
    const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    const isMutable = declared?.type === "VariableDeclaration" && declared.kind === "let" && !declared.declare;
    return isMutable ? [findingAt(file, statement.start, "keeps mutable state in the module: give it an owner")] : [];
  });
  const judgePrivate = (node: { readonly start: number; readonly accessibility?: string | null | undefined }): void => {
    const isHidden = node.accessibility === "private" || node.accessibility === "protected";
    if (isHidden) findings.push(findingAt(file, node.start, `is ${node.accessibility}: use a #private name`));
  };
  visit(file, {
    PropertyDefinition: judgePrivate,
    MethodDefinition: judgePrivate,
    ThrowStatement: ({ argument, start }) => {
      const isBare =
        argument.type === "NewExpression" && argument.callee.type === "Identifier" && argument.callee.name === "Error";
      if (isBare && !file.path.startsWith("src/testing/")) {
        findings.push(
          findingAt(file, start, "throws a plain Error: a fault or rejection has a code, a bug is assert()"),
        );
      }
    },
  });
  return findings;
};

/** Walks a file's syntax tree. */
function visit(file: SourceFile, visitor: VisitorObject): void {
  new Visitor(visitor).visit(file.parsed.program);
}

const OUTSIDE_NAMES =
  /\.\.\/shared\b|\bshared\/(DESIGN|STYLE|LIMITS|codex)\b|\/work\/(main|shared)\b|\.library\b|\bregistry\.[a-z0-9.-]+\.[a-z]{2,}\b/;
const OUTSIDE_PAGES = /\b(DESIGN|STYLE|LIMITS|codex\/PROTOCOL)\.md\b/;

/** No text in the project points at something that a reader of the project does not have. */
export function checkMentions(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    const mention = (OUTSIDE_NAMES.exec(line) ?? OUTSIDE_PAGES.exec(line))?.[0];
    return mention ? [{ path, line: index + 1, message: `points at "${mention}", which is not in the project` }] : [];
  });
}
