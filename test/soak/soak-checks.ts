/**
 * What must be true of a home when a soak is over and everything is closed: rows are the fold of the logs, the files
 * are in order, nobody owns a thread any more, and each thread holds the turns that were acknowledged and no other.
 */
import { readdirSync } from "node:fs";

import type { Turn } from "../../src/events/index.ts";
import { openStateDb, readStateDbReport, verifyProjections } from "../../src/runtime/index.ts";
import type { StoredThread, ThreadStore } from "../../src/store/index.ts";
import { openLocalThreadStore, verifyHome } from "../../src/store/local/index.ts";
import type { ExpectedThread, SoakModel } from "./soak-model.ts";

/** What was looked at. */
export interface SoakChecked {
  readonly threads: number;
  readonly turns: number;
  readonly records: number;
  /** Threads whose rows are the fold of their log. */
  readonly rowsSame: number;
  readonly problems: readonly string[];
}

/** Checks a home against what is expected of it. */
export async function checkSoakedHome(home: string, model: SoakModel): Promise<SoakChecked> {
  const problems: string[] = [];
  let records = 0;
  let rowsSame = 0;
  for await (const { outcome, threadId, message } of verifyProjections({ home })) {
    if (outcome === "same") rowsSame += 1;
    else problems.push(`rows: ${outcome} ${String(threadId)}: ${message}`);
  }
  const onProgress = ({ recordsDone }: { readonly recordsDone: number }): void => void (records = recordsDone);
  for await (const { code, path, message } of verifyHome(home, { onProgress })) {
    problems.push(`home: ${code} ${path ?? ""}: ${message}`);
  }
  problems.push(...leftovers(home));
  const { owners } = await readStateDbReport(home);
  for (const owner of owners) problems.push(`still owned: ${JSON.stringify(owner)}`);
  const stateDb = await openStateDb({ home });
  const store = await openLocalThreadStore({ home, stateDb });
  try {
    problems.push(...(await checkThreads(store, model)));
  } finally {
    await store.close();
    await stateDb.close();
  }
  const turns = model.threads.reduce((sum, thread) => sum + thread.turns.length, 0);
  return { threads: model.size, turns, records, rowsSame, problems };
}

/** Files that only stand in a home while something is being done. */
function leftovers(home: string): readonly string[] {
  const names = readdirSync(home, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /fork-tmp$|\.torn$|\.writing\/./.test(name)).map((name) => `${name} was left behind`);
}

async function checkThreads(store: ThreadStore, model: SoakModel): Promise<readonly string[]> {
  const problems: string[] = [];
  const listed = await listAll(store);
  for (const thread of model.threads) {
    const stored = listed.get(thread.id);
    listed.delete(thread.id);
    if (stored === undefined) problems.push(`${thread.id} is gone`);
    else problems.push(...(await checkThread(store, thread, stored)));
  }
  const deleted = new Set(model.deleted);
  for (const id of listed.keys()) problems.push(`${id} ${deleted.has(id) ? "is back" : "was never asked for"}`);
  return problems;
}

async function checkThread(
  store: ThreadStore,
  thread: ExpectedThread,
  stored: StoredThread,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const { id, turns, name, archived } = thread;
  if (stored.name !== name) problems.push(`${id}: is named ${String(stored.name)}, not ${String(name)}`);
  if (stored.archived !== archived) problems.push(`${id}: archived is ${stored.archived}`);
  const { data } = await store.listTurns({ threadId: id, itemsView: "full", sortDirection: "asc", limit: 1_000 });
  if (data.length !== turns.length) problems.push(`${id}: ${data.length} turns, not ${turns.length}`);
  for (const [index, wanted] of turns.entries()) {
    const found = data[index];
    if (found?.id !== wanted.id || found.status !== wanted.status) {
      problems.push(`${id}: turn ${index} is ${found?.id} ${found?.status}, not ${wanted.id} ${wanted.status}`);
    } else if (wanted.texts !== null && said(found) !== wanted.texts.join()) {
      problems.push(`${id}: turn ${wanted.id} says ${said(found)}, not ${wanted.texts.join()}`);
    }
  }
  return problems;
}

function said({ items }: Turn): string {
  const texts = items.flatMap((item) => (item.type === "userMessage" ? item.content : []));
  return texts.map((part) => (part.type === "text" ? part.text : part.type)).join();
}

async function listAll(store: ThreadStore): Promise<Map<string, StoredThread>> {
  const threads = new Map<string, StoredThread>();
  for (const archived of [false, true]) {
    let cursor: string | undefined;
    do {
      const page = await store.listThreads({ archived, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
      for (const thread of page.data) threads.set(thread.id, thread);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
  return threads;
}
