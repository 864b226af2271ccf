/**
 * Follows each name that a door exports to the statement that declares it, through re-exports, and finds those
 * without a docstring. Names that come from another package are that package's to document.
 */
import { dirname, posix } from "node:path";

import { type Finding, lineAt, type SourceFile } from "./source-files.ts";

/** Where a name is declared: in which file, and at which offset its statement starts. */
interface Declaration {
  readonly file: SourceFile;
  readonly offset: number;
}

/** Findings for the names that `door` exports and whose declarations have no docstring. */
export function findUndocumentedExports(files: readonly SourceFile[], door: string): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const start = byPath.get(door);
  if (start === undefined) return [];
  return exportedNames(start, byPath).flatMap((name) => {
    const declaration = findDeclaration(byPath, door, name);
    if (declaration === undefined || hasDocstring(declaration)) return [];
    const { file, offset } = declaration;
    return [
      { path: file.path, line: lineAt(file.text, offset), message: `${name}, exported by ${door}, has no docstring` },
    ];
  });
}

/** The names that a file exports, those of `export *` included. */
function exportedNames(file: SourceFile, byPath: ReadonlyMap<string, SourceFile>): string[] {
  return file.parsed.module.staticExports.flatMap(({ entries }) =>
    entries.flatMap((entry) => {
      if (entry.exportName.name !== null) return [entry.exportName.name];
      const target = entry.moduleRequest && byPath.get(posix.join(dirname(file.path), entry.moduleRequest.value));
      return target ? exportedNames(target, byPath) : [];
    }),
  );
}

/** The statement that declares a name exported by the file at `path`, or undefined if another package has it. */
function findDeclaration(byPath: ReadonlyMap<string, SourceFile>, path: string, name: string): Declaration | undefined {
  const file = byPath.get(path);
  if (file === undefined) return undefined;
  for (const { start, entries } of file.parsed.module.staticExports) {
    for (const entry of entries) {
      const isStar = entry.exportName.name === null;
      if (!isStar && entry.exportName.name !== name) continue;
      if (!entry.moduleRequest) return { file, offset: declaredAt(file, entry.localName.name ?? name) ?? start };
      const from = posix.join(dirname(path), entry.moduleRequest.value);
      const declaration = findDeclaration(byPath, from, isStar ? name : (entry.importName.name ?? name));
      if (declaration || !isStar) return declaration;
    }
  }
  return undefined;
}

/** The offset of the statement that declares a name at the top of a file, if it is not an import. */
function declaredAt(file: SourceFile, name: string): number | undefined {
  const declares = new RegExp(
    `^(export )?(declare )?(abstract )?(async )?(function\\*?|class|const|interface|type|enum) ${name}\\b`,
    "m",
  );
  return declares.exec(file.text)?.index;
}

/** True if a docstring ends right before the declaration. */
function hasDocstring({ file, offset }: Declaration): boolean {
  return file.parsed.comments.some(
    (comment) =>
      comment.type === "Block" &&
      comment.value.startsWith("*") &&
      /^\s*$/.test(file.text.slice(comment.end, offset)) &&
      comment.end <= offset,
  );
}
