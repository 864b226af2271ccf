/**
 * The end of a simulated run: the rows say what the logs say, lists name each thread once, and what feeds told is
 * in the log. Looked at by one more process, on a disk that does what it is asked.
 */
import { isSkeinError } from "../../src/base/index.ts";
import { rebuildStateDbWith } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import { homePaths, walkHome } from "../../src/store/local/index.ts";
import type { SeededScheduler } from "../../src/testing/simulation/index.ts";
import { currentGeneration, dumpRows, type RowDump } from "../projections/row-dump.ts";
import { type Acknowledgements, BrokenInvariant, short } from "./acknowledgements.ts";
import type { ToldRecord } from "./followed-feed.ts";
import type { SimulatedRuntime } from "./simulated-runtime.ts";

/** What is looked at, and by whom. */
export interface RowLook {
  readonly process: SimulatedRuntime;
  readonly scheduler: SeededScheduler;
  readonly truth: Acknowledgements;
  readonly told: readonly ToldRecord[];
}

const LOOK_MS = 120_000;

/** Holds the rows against the logs. */
export async function checkRows(look: RowLook): Promise<void> {
  const { process, truth, told } = look;
  checkTold(told, truth);
  const listed = await inProcess(look, async () => {
    const ids: string[] = [];
    for (const archived of [false, true]) {
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<NonNullable<typeof process.runtime>["listThreads"]>> | undefined =
          await process.runtime?.listThreads({ archived, limit: 4, ...(cursor === null ? {} : { cursor }) });
        if (page === undefined) throw new BrokenInvariant("sim.no-hang", "the last process did not open");
        if (!page.isComplete) {
          const why = JSON.stringify(dump(process).quarantine);
          throw new BrokenInvariant("sim.rows-are-folds", `a list without faults is not complete: ${why}`);
        }
        ids.push(...page.data.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
    }
    return ids.toSorted();
  });
  const stored = await inProcess(look, () => storedIds(process));
  if (JSON.stringify(listed) !== JSON.stringify(stored)) {
    throw new BrokenInvariant("sim.rows-are-folds", `lists name ${listed.join()} and the files are ${stored.join()}`);
  }
  for (const { threadId, place } of truth.threads.values()) {
    if (!place.isSure || place.value === "unstored" || place.value === "deleted" || listed.includes(threadId)) continue;
    throw new BrokenInvariant("sim.rows-are-folds", `no list names ${threadId}, which is ${place.value}`);
  }
  const rows = dump(process);
  await inProcess(look, () => rebuildStateDbWith(process.stateDbOptions(), process.pool));
  compareRows(rows, dump(process));
}

/** Lets the process work until the call is answered. */
async function inProcess<Value>({ process, scheduler }: RowLook, call: () => Promise<Value>): Promise<Value> {
  let outcome: { readonly value: Value } | { readonly error: unknown } | undefined;
  process.parts.scheduled.plan({ delayMs: 0 }, () => {
    call().then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
  });
  await scheduler.runUntil(() => outcome !== undefined, scheduler.nowMs + LOOK_MS);
  if (outcome === undefined) throw new BrokenInvariant("sim.no-hang", "a call without faults was not answered");
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Threads by their files, as far as these hold one. */
async function storedIds({ parts: { home, files }, runtime }: SimulatedRuntime): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const { path } of await walkHome(files, homePaths(home))) {
    const id = /([0-9a-f]{8}-[0-9a-f-]{27})\.jsonl$/.exec(path)?.[1];
    if (id === undefined || runtime === null) continue;
    try {
      await runtime.store.readThread({ threadId: id });
      ids.add(id);
    } catch (error) {
      // A file that a crash left without its first record is no thread.
      if (!isSkeinError(error)) throw error;
    }
  }
  return [...ids].toSorted();
}

function dump({ parts: { home } }: SimulatedRuntime): RowDump {
  const db = openConnection(`${home}/${STATE_DB_FILE_NAME}`, { mode: "read-only" });
  try {
    return dumpRows(db, currentGeneration(db));
  } finally {
    db.close();
  }
}

function compareRows(rows: RowDump, rebuilt: RowDump): void {
  const [kept, folded] = [new Map(Object.entries(rows)), new Map(Object.entries(rebuilt))];
  for (const [table, after] of folded) {
    const before: readonly unknown[] = kept.get(table) ?? [];
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    const at = after.findIndex((row: unknown, index: number) => JSON.stringify(row) !== JSON.stringify(before[index]));
    const message = `${table} differ from what is folded anew: ${differences(before[Math.max(at, 0)], after[Math.max(at, 0)])}`;
    throw new BrokenInvariant("sim.rows-are-folds", `${before.length} and ${after.length} ${message}`);
  }
}

/** The columns of two rows that differ, in few words. */
function differences(before: unknown, after: unknown): string {
  if (!isRow(before) || !isRow(after))
    return `${JSON.stringify(before)?.slice(0, 300)} and ${JSON.stringify(after)?.slice(0, 300)}`;
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const differing = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return differing
    .map(
      (name) =>
        `${name}: ${JSON.stringify(before[name])?.slice(0, 150)} and ${JSON.stringify(after[name])?.slice(0, 150)}`,
    )
    .join("; ");
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** What a feed told, and what was acknowledged, are the same records. */
function checkTold(told: readonly ToldRecord[], truth: Acknowledgements): void {
  for (const { threadId, ordinal, line } of told) {
    const acknowledged = truth.threads.get(threadId)?.records.get(ordinal);
    if (acknowledged === undefined || acknowledged === line) continue;
    throw new BrokenInvariant(
      "sim.feeds",
      `record ${ordinal} of ${threadId} was told as ${short(line)} and is ${short(acknowledged)}`,
    );
  }
}
