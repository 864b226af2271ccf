/**
 * A node of the PostgreSQL crash test that writes nothing: it listens to its store, and says how far it was told of
 * each thread, and whatever was told out of order, twice, or with a gap. It ends when its standard input does.
 *
 * `pg-follower-child.ts URL SCHEMA`
 */
import { writeSync } from "node:fs";

import { openPostgresThreadStore } from "../../src/store/postgres/index.ts";
import type { FollowerReport } from "./pg-reports.ts";

const [url = "", schema = ""] = process.argv.slice(2);
const store = await openPostgresThreadStore({ url, schema });
const SAY_MS = 50;
const told = new Map<string, number>();
const changed = new Set<string>();

function say(report: FollowerReport): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

store.subscribe((event) => {
  if (event.type !== "appended") return;
  const { threadId, records } = event;
  for (const { ordinal } of records) {
    const next = told.get(threadId) ?? 0;
    if (ordinal !== next) say({ say: "wrong", text: `${threadId}: told of record ${ordinal} in place of ${next}` });
    told.set(threadId, ordinal + 1);
  }
  changed.add(threadId);
});
const timer = setInterval(() => {
  if (changed.size === 0) return;
  say({ say: "told", threads: [...changed].map((threadId) => [threadId, told.get(threadId) ?? 0]) });
  changed.clear();
}, SAY_MS);
say({ say: "ready" });
process.stdin
  .on("end", () => {
    clearInterval(timer);
    void store.close();
  })
  .resume();
