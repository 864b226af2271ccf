/**
 * From what a person typed to an id: a whole id in any spelling, or the first characters of exactly
 * one thread (or turn) that is there. More than one is an error that lists them, never a guess.
 */
import { canonicalThreadId, LIMITS, rejection } from "../base/index.ts";
import type { ListThreadsParams, StoredThread, ThreadStore } from "../store/index.ts";
import type { CliContext } from "./cli-context.ts";
import { titleOf } from "./format/thread-table.ts";

/** Candidates named in the message about an ambiguous prefix. */
const NAMED_MAX = 5;

/** Which thread a command is about: an id, or the one that was changed last. */
export interface ThreadChoice {
  readonly id?: string;
  readonly last?: boolean;
}

/** The id of the thread that was chosen. `invalid_argument` unless it is chosen in exactly one way. */
export async function chooseThread(context: CliContext, store: ThreadStore, choice: ThreadChoice): Promise<string> {
  const { id, last = false } = choice;
  if ((id !== undefined) === last)
    throw rejection("invalid_argument", "give the thread's id, or --last: one of the two");
  if (id !== undefined) return await resolveThreadId(context, store, id);
  const { data } = await store.listThreads({ sortKey: "updated_at", limit: 1 });
  const [newest] = data;
  if (newest === undefined) throw rejection("thread_not_found", "there is no thread here yet");
  return newest.id;
}

/** The id of the one thread, live or archived, that begins with `text`. */
export async function resolveThreadId(context: CliContext, store: ThreadStore, text: string): Promise<string> {
  const whole = canonicalThreadId(text);
  if (whole !== undefined) return whole;
  const prefix = text.toLowerCase();
  if (!/^[0-9a-f][0-9a-f-]*$/.test(prefix)) {
    throw rejection("invalid_thread_id", `"${text}" is no thread id and no beginning of one`, { id: text });
  }
  const named = (await idsOfFiles(context)).filter((id) => id.startsWith(prefix)).toSorted(newestFirst);
  const found = named.length > 0 ? named : await listedThreadIds(store, prefix);
  const [only] = found;
  if (only === undefined) throw rejection("thread_not_found", `no thread begins with ${prefix}`, { id: prefix });
  if (found.length > 1) throw ambiguous(prefix, await withTitles(store, found.slice(0, NAMED_MAX)), found.length);
  return only;
}

/** The ids in the names of the home's files; none where another store takes the home's place. */
async function idsOfFiles({ home, store }: CliContext): Promise<readonly string[]> {
  if (store !== undefined) return [];
  const { namedThreadIds } = await import("../store/local/index.ts");
  return await namedThreadIds(home);
}

/** As the lists say: also threads whose file has another name than their id. */
async function listedThreadIds(store: ThreadStore, prefix: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const archived of [false, true]) {
    for await (const { id } of allThreads(store, { archived })) if (id.startsWith(prefix)) ids.push(id);
  }
  return ids;
}

/** Ids of version 7 begin with their time. */
function newestFirst(a: string, b: string): number {
  return a < b ? 1 : -1;
}

/** The ids with what people know the threads by; one that can't be read is named by its id alone. */
async function withTitles(store: ThreadStore, ids: readonly string[]): Promise<readonly string[]> {
  const read = await Promise.allSettled(ids.map((threadId) => store.readThread({ threadId })));
  return ids.map((id, index) => {
    const result = read[index];
    return result?.status === "fulfilled" ? `${id} (${titleOf(result.value).slice(0, 40)})` : id;
  });
}

/** The id of the one turn of the thread that is `text` or begins with it. */
export async function resolveTurnId(store: ThreadStore, threadId: string, text: string): Promise<string> {
  const found = new Set<string>();
  let cursor: string | null = null;
  do {
    const page = await store.listTurns({
      threadId,
      itemsView: "notLoaded",
      limit: LIMITS.pageSizeMax,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const turn of page.data) {
      if (turn.id === text) return text;
      if (turn.id.startsWith(text)) found.add(turn.id);
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  const [only] = found;
  if (only === undefined || text === "") {
    throw rejection("turn_not_found", `no turn of thread ${threadId} begins with "${text}"`, {
      threadId,
      turnId: text,
    });
  }
  if (found.size > 1) throw ambiguous(text, [...found].slice(0, NAMED_MAX), found.size);
  return only;
}

/** Every thread of the store that fits, page by page. */
async function* allThreads(store: ThreadStore, params: ListThreadsParams): AsyncGenerator<StoredThread> {
  let cursor: string | null = null;
  do {
    const page = await store.listThreads({
      ...params,
      limit: LIMITS.pageSizeMax,
      ...(cursor === null ? {} : { cursor }),
    });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

function ambiguous(prefix: string, named: readonly string[], candidates: number): Error {
  const more = candidates > named.length ? `, and ${candidates - named.length} more` : "";
  const list = `${named.join(", ")}${more}`;
  return rejection("invalid_argument", `"${prefix}" may be ${candidates}: ${list}; give more of it`, {
    prefix,
    candidates,
  });
}
