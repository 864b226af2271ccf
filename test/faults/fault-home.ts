/**
 * The home that faults are tried on, and what is in it by the words of its threads: a thread to work on, a large
 * one, archived ones, and witnesses that no operation is about and that nothing may harm.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import type { AppendableItem, RolloutItem } from "../../src/events/index.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";

/** The threads of the home by their parts; `new` isn't there yet. */
export const THREADS = Object.freeze({
  subject: "01900000-0000-7000-8000-000000000001",
  large: "01900000-0000-7000-8000-000000000002",
  archived: "01900000-0000-7000-8000-000000000003",
  witness: "01900000-0000-7000-8000-000000000004",
  archivedWitness: "01900000-0000-7000-8000-000000000005",
  new: "01900000-0000-7000-8000-000000000006",
});

const LARGE_TURNS = 5;
/** What tools gave back is in logs, and in no rows. */
const LARGE_OUTPUT_CHARS = 460_000;

/** A turn of one question and one answer. */
export function turnItems(text: string): AppendableItem[] {
  return [
    { type: "event_msg", payload: { type: "user_message", message: `${text}? ${"ä".repeat(100)}` } },
    { type: "event_msg", payload: { type: "agent_message", message: `answer to ${text}` } },
  ];
}

function outputItem(callId: string): AppendableItem {
  const output = "0123456789".repeat(LARGE_OUTPUT_CHARS / 10);
  return { type: "response_item", payload: { type: "function_call_output", call_id: callId, output } };
}

/** Fills an empty folder with the home and its rows; all of it is acknowledged when this resolves. */
export async function makeFaultHome(home: string): Promise<void> {
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  const store = await openLocalThreadStore({ home, stateDb });
  for (const [part, threadId] of Object.entries(THREADS)) {
    if (part !== "new") await makeThread(store, part, threadId);
  }
  for (const part of ["archived", "archivedWitness"] as const) await store.archiveThread(THREADS[part]);
  await store.close();
  await stateDb.close();
}

async function makeThread(store: ThreadStore, part: string, threadId: string): Promise<void> {
  const { writer } = await store.createThread({ threadId, metadata: { cwd: `/srv/${part}` } });
  const isLarge = part === "large";
  for (let n = 0; n < (isLarge ? LARGE_TURNS : 3); n += 1) {
    const key = `${part}-${n}`;
    const items = [...turnItems(`${part} ${n}`), ...(isLarge ? [outputItem(key)] : [])];
    await store.appendItems({ writer, items, idempotencyKey: key });
  }
  await store.updateThreadMetadata({ threadId, patch: { name: `the ${part} thread` } });
  await store.shutdownThread(writer);
}

/** A thread by what may be said of it, without the times that differ between two runs. */
export interface ThreadFacts {
  readonly archived: boolean;
  readonly name: string | null;
  /** A digest of each record. */
  readonly log: readonly string[];
}

/** A home's threads by their ids. */
export type HomeFacts = ReadonlyMap<string, ThreadFacts>;

/** What a store says of all its threads. Rejects where any of them can't be read. */
export async function readStoreFacts(store: ThreadStore): Promise<HomeFacts> {
  const facts = new Map<string, ThreadFacts>();
  for (const archived of [false, true]) {
    const { data } = await store.listThreads({ archived, limit: 100 });
    for (const { id, name } of data) {
      if (facts.has(id)) throw new Error(`thread ${id} is listed twice`);
      facts.set(id, { archived, name, log: await readLog(store, id) });
    }
  }
  return facts;
}

/** The same by a store of its own, from the files alone. */
export async function readHomeFacts(home: string): Promise<HomeFacts> {
  const store = await openLocalThreadStore({ home });
  try {
    return await readStoreFacts(store);
  } finally {
    await store.close();
  }
}

async function readLog(store: ThreadStore, threadId: string): Promise<readonly string[]> {
  const log: string[] = [];
  for (let from = 0, isEnd = false; !isEnd;) {
    const page = await store.loadHistory({ threadId, from });
    log.push(...page.records.map(({ item }) => digestOf(item)));
    from = page.nextOrdinal;
    ({ isEnd } = page);
  }
  return log;
}

function digestOf(item: RolloutItem): string {
  if (item.type === "unreadable") return `unreadable: ${item.reason}`;
  const payload = item.type === "session_meta" ? { ...item.payload, timestamp: "" } : item.payload;
  const digest = createHash("sha256").update(JSON.stringify(payload)).digest("hex").slice(0, 16);
  return `${item.type} ${digest}`;
}

/** Whether two threads say the same; undefined is a thread that isn't there. */
export function isSameThread(one: ThreadFacts | undefined, other: ThreadFacts | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** SQLite's own files: they differ whenever anybody looks at them. */
function isRowsFile(name: string): boolean {
  return name.startsWith("skein.sqlite");
}

/** The files of a home by their paths in it, each with a digest of its bytes; without those of the state DB. */
export function readFiles(home: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(home)) return files;
  for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || isRowsFile(entry.name)) continue;
    files.set(relative(home, path), createHash("sha256").update(readFileSync(path)).digest("hex"));
  }
  return files;
}
