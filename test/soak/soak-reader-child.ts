/**
 * A second process on the home of a soak: it lists, searches, reads and follows through a state DB of its own until
 * its input ends, closes everything, and says what it read and what it had left open. What it asks for may have been
 * deleted or moved a moment ago; it must be told so, by its code. Started by soak-reader.ts.
 */
import { isSkeinError } from "../../src/base/index.ts";
import { openRuntime, openStateDb } from "../../src/runtime/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { collectGarbage } from "./soak-gauges.ts";
import type { ReaderReport } from "./soak-reader.ts";

const [home = ""] = process.argv.slice(2);
/** Of threads that another process deletes, moves and rolls back meanwhile. */
const EXPECTED: ReadonlySet<string> = new Set(["thread_not_found", "invalid_cursor", "state_db_busy"]);
const PAUSE_MS = 50;

const counts = { lists: 0, threads: 0, searches: 0, turns: 0, records: 0, followed: 0 };
const refused: Record<string, number> = {};
const problems: string[] = [];
let isOver = false;
process.stdin.on("end", () => (isOver = true)).resume();

const stateDb = await openStateDb({ home });
const store = await openLocalThreadStore({ home, stateDb });
const runtime = await openRuntime({ store });

async function attempt(what: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (isSkeinError(error) && EXPECTED.has(error.code)) refused[error.code] = (refused[error.code] ?? 0) + 1;
    else problems.push(`${what}: ${String(error)}`);
  }
}

async function follow(threadId: string): Promise<void> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), 1_000);
  const feed = await runtime.threadEvents(threadId, { pollIntervalMs: 50, signal: ending.signal });
  let next = 0;
  for await (const event of feed) {
    if (event.type !== "record") continue;
    if (event.record.ordinal !== next) problems.push(`${threadId}: a feed gave ${event.record.ordinal}, not ${next}`);
    next += 1;
    counts.followed += 1;
  }
  clearTimeout(timer);
}

async function readOn(round: number): Promise<void> {
  const { data } = await store.listThreads({ sortKey: "updated_at", limit: 50 });
  counts.lists += 1;
  counts.threads += data.length;
  const threadId = data[round % Math.max(1, data.length)]?.id;
  if (threadId === undefined) return;
  await attempt("read", async () => {
    const { data: turns } = await store.listTurns({ threadId, limit: 5, itemsView: "full" });
    counts.turns += turns.length;
  });
  await attempt("load", async () => (counts.records += (await store.loadHistory({ threadId })).records.length));
  if (round % 5 === 0) await attempt("search", () => store.searchThreads({ query: "needle", limit: 5 }));
  counts.searches += round % 5 === 0 ? 1 : 0;
  if (round % 10 === 0) await attempt("follow", () => follow(threadId));
}

for (let round = 0; !isOver; round += 1) {
  await attempt("list", () => readOn(round));
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
await runtime.close();
await store.close();
await stateDb.close();
await collectGarbage();
const heapMb = process.memoryUsage().heapUsed / 1024 / 1024;
const report: ReaderReport = { ...counts, refused, problems, heapMb };
process.stdout.write(`${JSON.stringify(report)}\n`);
