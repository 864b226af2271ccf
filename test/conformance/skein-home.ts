/**
 * A home as Skein has it open, in the few words the scenarios use. All of it goes through the package's
 * public face; reads are of the stored threads, as a second program would see them.
 */
import { openRuntime, type ResponseItem, type Thread, type ThreadHandle, type Turn } from "../../src/index.ts";
import { toThread } from "../../src/store/index.ts";
import { markedAgent } from "./marked-agent.ts";

export interface SkeinHome {
  start(): Promise<ThreadHandle>;
  resume(threadId: string): Promise<ThreadHandle>;
  /** A fork of all turns, or of those before one. */
  fork(threadId: string, beforeTurnId?: string): Promise<ThreadHandle>;
  archive(threadId: string): Promise<void>;
  unarchive(threadId: string): Promise<void>;
  /** Every stored thread, over all pages, as the protocol shows it. */
  listAll(archived: boolean): Promise<Thread[]>;
  /** A stored thread with all its turns and items. */
  read(threadId: string): Promise<Thread>;
  /** What a model would see next. Loads the thread and unloads it again. */
  modelContext(threadId: string): Promise<readonly ResponseItem[]>;
  /** Lets the {{steer}} turn go on. */
  releaseSteered(): void;
  close(): Promise<void>;
}

const PAGES_MAX = 1_000;
/** Small, so that every home takes several pages. */
const PAGE_SIZE = 3;

/** Opens the home with the agent of the scenarios. New threads work in `cwd`. */
export async function openSkeinHome(home: string, cwd: string): Promise<SkeinHome> {
  const { promise: steered, resolve: releaseSteered } = Promise.withResolvers<void>();
  const runtime = await openRuntime({ home, cwd, agent: markedAgent(steered) });
  return {
    start: () => runtime.startThread(),
    resume: (threadId) => runtime.resumeThread(threadId),
    fork: (threadId, beforeTurnId) => runtime.forkThread(threadId, beforeTurnId === undefined ? {} : { beforeTurnId }),
    archive: (threadId) => runtime.archiveThread(threadId),
    unarchive: async (threadId) => {
      await runtime.unarchiveThread(threadId);
    },
    listAll: (archived) =>
      allPages(async (cursor) => {
        const page = await runtime.listThreads({ archived, limit: PAGE_SIZE, ...cursor });
        return { data: page.data.map((stored) => toThread(stored)), nextCursor: page.nextCursor };
      }),
    read: async (threadId) => {
      const turns = await allPages<Turn>((cursor) =>
        runtime.listTurns({ threadId, itemsView: "full", sortDirection: "asc", limit: PAGE_SIZE, ...cursor }),
      );
      return { ...(await runtime.readThread(threadId)), turns };
    },
    modelContext: async (threadId) => {
      const thread = await runtime.resumeThread(threadId);
      const context = thread.modelContext();
      await thread.close();
      return context;
    },
    releaseSteered,
    close: async () => {
      const { failed, timedOut } = await runtime.close();
      // A thread that was not flushed would make every later comparison a lie.
      if (failed.length + timedOut.length > 0) throw new Error(`not flushed: ${JSON.stringify({ failed, timedOut })}`);
    },
  };
}

interface Page<Row> {
  readonly data: readonly Row[];
  readonly nextCursor: string | null;
}

async function allPages<Row>(read: (cursor: { readonly cursor?: string }) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: { readonly cursor?: string } = {};
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const { data, nextCursor } = await read(cursor);
    rows.push(...data);
    if (nextCursor === null) return rows;
    cursor = { cursor: nextCursor };
  }
  throw new Error(`a list did not end after ${PAGES_MAX} pages`);
}
