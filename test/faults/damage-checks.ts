/**
 * What must hold of a home with a damaged file in it: all other threads are as they were, by the files and by rows,
 * whatever is thrown has a code, and one of the tools names the damage.
 */
import { isSkeinError } from "../../src/base/index.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import type { FaultBooks } from "./fault-books.ts";
import { type HomeFacts, isSameThread, readHomeFacts, readStoreFacts } from "./fault-home.ts";
import { runCommand } from "./fault-inspection.ts";

/** The code of an error; a break of its promise where it has none. */
export function codeOf(error: unknown, place: string, books: FaultBooks): string {
  if (isSkeinError(error)) return error.code;
  books.break(`${place}: an error without a code: ${error instanceof Error ? error.stack : String(error)}`);
  return "none";
}

/** A damaged home. */
export interface DamagedHome {
  readonly home: string;
  readonly before: HomeFacts;
  /** The thread that is damaged; null: none may differ. */
  readonly threadId: string | null;
  readonly place: string;
  readonly books: FaultBooks;
}

/** Reads all from the files; every thread but the damaged one must be as before. Gives what was found. */
export async function checkOthers({ home, before, threadId, place, books }: DamagedHome): Promise<HomeFacts> {
  const found = await readHomeFacts(home);
  for (const [id, facts] of before) {
    if (id === threadId) continue;
    books.acknowledge(facts.log.length);
    if (!isSameThread(facts, found.get(id))) books.harm(`${place}: thread ${id} is not as it was`);
  }
  return found;
}

/** The rows say the same as the files, once they were asked. Their error must have a code; gives it, or null. */
export async function checkRowsLikeFiles(damaged: DamagedHome, files: HomeFacts): Promise<string | null> {
  const { home, place, books } = damaged;
  try {
    const stateDb = await openStateDbWith({ home }, createInlinePool());
    try {
      if (stateDb.opening.setAside !== null) books.name(`set aside: ${stateDb.opening.setAside.reason}`);
      const store = await openLocalThreadStore({ home, stateDb });
      const rows = await readStoreFacts(store);
      await store.close();
      const isSame = [...new Set([...files.keys(), ...rows.keys()])].every((id) =>
        isSameThread(files.get(id), rows.get(id)),
      );
      return isSame ? null : "differs";
    } finally {
      await stateDb.close();
    }
  } catch (error) {
    return codeOf(error, place, books);
  }
}

/** Runs a command that may end with an error of its own, which must have a code; the code, or null. */
export async function commandCode(damaged: DamagedHome, ...words: string[]): Promise<string | null> {
  const { home, place, books } = damaged;
  try {
    await runCommand(home, ...words);
    return null;
  } catch (error) {
    return codeOf(error, `${place}: skein ${words.join(" ")}`, books);
  }
}
