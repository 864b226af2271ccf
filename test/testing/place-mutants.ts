/**
 * Bugs of where threads are and what they are called: archive, removal, look-up, the session index and the metadata
 * that a user sets.
 */
import type { SourceMutant } from "./source-mutant.ts";

const INDEX = "src/store/local/session-index.ts";
const MOVER = "src/store/local/archive-mover.ts";
const REMOVAL = "src/store/local/thread-removal.ts";
const STORE = "src/store/local/local-thread-store.ts";
const UPDATER = "src/store/local/metadata-updater.ts";
const PATCH = "src/store/metadata-patch.ts";

/** The bugs. */
export const placeMutants: readonly SourceMutant[] = [
  {
    name: "archiving leaves the thread where it was as well",
    file: MOVER,
    from: "await files.rename(from, to);",
    to: "await files.link(from, to);",
    fixture: "local",
    caughtBy: ["archive.moves"],
  },
  {
    name: "a move to the archive is not synced",
    file: MOVER,
    from: "if (isSynced) await directories.sync([...newFolders, dirname(to), dirname(from)]);",
    to: "void newFolders;",
    fixture: "local",
    caughtBy: ["crash.power-cut-work"],
  },
  {
    name: "archiving what is archived is taken for done",
    file: REMOVAL,
    from: "if (!entry.archived) return entry;",
    to: 'if (!entry.archived || threadId !== "") return entry;',
    fixture: "local",
    caughtBy: ["archive.wrong-state"],
  },
  {
    name: "an archive is not told",
    file: STORE,
    from: 'context.events.tell({ type: "archived", threadId });',
    to: "",
    fixture: "local",
    caughtBy: ["archive.told"],
  },
  {
    name: "a deletion is not told",
    file: STORE,
    from: 'context.events.tell({ type: "deleted", threadId });',
    to: "",
    fixture: "local",
    caughtBy: ["delete.told"],
  },
  {
    name: "where a thread was moved to is not remembered as its archive",
    file: MOVER,
    from: "return { ...entry, path, archived: true };",
    to: "return { ...entry, path, archived: false };",
    fixture: "local",
    caughtBy: ["archive.open-writer"],
  },
  {
    name: "a thread is looked for in the folder of its day only",
    file: "src/store/local/rollout-lookup.ts",
    from: "if (inFolder.length > 0) return preferred(inFolder, paths);",
    to: "return preferred(inFolder, paths);",
    fixture: "local",
    caughtBy: ["archive.reopened"],
  },
  {
    name: "a deletion leaves the open writer",
    file: REMOVAL,
    from: 'if (writer !== undefined) await writers.release(writer, writerClosed(threadId, "the thread was deleted"));',
    to: "void writer;",
    fixture: "local",
    caughtBy: ["delete.anew"],
  },
  {
    name: "a deletion leaves the thread's name",
    file: REMOVAL,
    from: "await index.setName(threadId, null);",
    to: "",
    fixture: "local",
    caughtBy: ["delete.anew"],
  },
  {
    name: "a deletion is not synced",
    file: REMOVAL,
    from: "if (isSynced) for (const folder of folders) await files.syncDirectory(folder);",
    to: "void isSynced;",
    fixture: "local",
    caughtBy: ["crash.power-cut-work"],
  },
  {
    name: "a name that was cleared is kept",
    file: INDEX,
    from: 'return { id: id.toLowerCase(), name: trimmed === "" ? null : trimmed };',
    to: 'return trimmed === "" ? undefined : { id: id.toLowerCase(), name: trimmed };',
    fixture: "local",
    caughtBy: ["metadata.name"],
  },
  {
    name: "the first name counts, not the last",
    file: INDEX,
    from: "else names.set(entry.id, entry.name);",
    to: "else if (!names.has(entry.id)) names.set(entry.id, entry.name);",
    fixture: "local",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "names that were read once are not read again",
    file: INDEX,
    from: "if (before?.inode === inode && before.size === size && before.modifiedNs === modifiedNs) return before;",
    to: "if (before?.inode === inode) return before;",
    fixture: "local",
    caughtBy: ["metadata.name"],
  },
  {
    name: "reading names goes on one line too far",
    file: INDEX,
    from: "const offset = size - lines.end();",
    to: "lines.end();\n    const offset = size + 1;",
    fixture: "local",
    caughtBy: ["metadata.name"],
  },
  {
    name: "names are not synced",
    file: INDEX,
    from: "    throw failure.error;\n  }\n  await files.syncData(fd);",
    to: "    throw failure.error;\n  }",
    fixture: "local",
    caughtBy: ["crash.power-cut-work"],
  },
  {
    name: "a git field that is cleared is kept",
    file: PATCH,
    from: "return wished === undefined ? (current?.[field] ?? null) : wished;",
    to: "return wished ?? current?.[field] ?? null;",
    fixture: "local",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "a git field that is not in the patch is cleared",
    file: PATCH,
    from: "return wished === undefined ? (current?.[field] ?? null) : wished;",
    to: "return wished ?? null;",
    fixture: "local",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "a git patch sets the memory mode back",
    file: PATCH,
    from: "memory_mode: patch.memoryMode ?? current.memoryMode,",
    to: 'memory_mode: patch.memoryMode ?? "enabled",',
    fixture: "local",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "a patch keeps what the thread was made with, not what stands now",
    file: UPDATER,
    from: "sessionMetaForPatch(head.meta, await readMetadata(files, rollout), patch)",
    to: 'sessionMetaForPatch(head.meta, { git: null, memoryMode: "enabled" }, patch)',
    fixture: "local",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "a new name is not told",
    file: UPDATER,
    from: 'events.tell({ type: "name_updated", threadId, name });',
    to: "",
    fixture: "local",
    caughtBy: ["metadata.told"],
  },
  {
    name: "a patch does not make a thread that has no file yet",
    file: UPDATER,
    from: "if (writer !== undefined && writer.newMeta !== null) await writer.materialise();",
    to: "void writer;",
    fixture: "local",
    caughtBy: ["metadata.materialises"],
  },
  {
    name: "a patch goes through a writer of its own beside the open one",
    file: UPDATER,
    from: "if (open !== undefined && open.refusal === null) {",
    to: 'if (open !== undefined && threadId === "") {',
    fixture: "local",
    caughtBy: ["metadata.beside-appends"],
  },
];
