/**
 * Files that can't be folded, and workers that die of them: each is tried once more by itself, then put aside with
 * its reason, and the others go on. And openings that are ended half-way: what was filled stays, nothing is held.
 */
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Piscina } from "piscina";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { generateHome } from "../../bench/home-generator.ts";
import { type Logger, silentLogger } from "../../src/base/index.ts";
import {
  createInlinePool,
  type FoldPool,
  type FoldReport,
  type HomeSurvey,
  openStateDbWith,
  rebuildStateDbWith,
  type StateDb,
} from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { openStateDb } from "../../src/runtime/index.ts";
import {
  type FileSystem,
  type LocalThreadStore,
  nodeFileSystem,
  openLocalThreadStore,
} from "../../src/store/local/index.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { createFoldPool } from "../../src/workers/index.ts";
import { bytesOf } from "../events/log-reading.ts";
import { event, metaItem, turnItems } from "./reaching-logs.ts";
import { currentGeneration } from "./row-dump.ts";

const POISON_WORKER = fileURLToPath(new URL("poison-worker.ts", import.meta.url));
const FOLD_WORKER = fileURLToPath(new URL("../../src/workers/fold-worker.ts", import.meta.url));

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "skein-poison-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function idOf(n: number): string {
  return `01900000-0000-7000-8000-${String(n).padStart(12, "0")}`;
}

function putThread(n: number, name = "good"): string {
  const file = join(home, `sessions/2025/01/02/${name}-${n}.jsonl`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytesOf([metaItem(idOf(n)), ...turnItems("turn-1", String(n))]));
  return file;
}

/** A pool of real threads on another worker; everything goes to them. */
function createThreadPool(filename: string, heapMb?: number): FoldPool {
  const limits = heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } };
  const threads = new Piscina({ filename, minThreads: 0, maxThreads: 2, idleTimeout: 1_000, ...limits });
  return {
    size: 2,
    survey: async (task) => (await threads.run(task, { name: "survey" })) as HomeSurvey,
    fold: async (task) => (await threads.run(task, { name: "fold" })) as FoldReport,
    close: () => threads.close({ force: true }),
  };
}

async function open(pool: FoldPool): Promise<{ readonly stateDb: StateDb; readonly store: LocalThreadStore }> {
  const stateDb = await openStateDbWith({ home }, pool);
  const store = await openLocalThreadStore({ home, stateDb });
  onTestFinished(async () => {
    await store.close();
    await stateDb.close();
    await pool.close();
  });
  return { stateDb, store };
}

interface QuarantineRow {
  readonly path: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
}

function quarantineOf({ path }: StateDb): readonly QuarantineRow[] {
  const db = openConnection(path, { mode: "read-only" });
  const rows = db.prepare<[], QuarantineRow>(
    `SELECT path, code, reason, attempts FROM quarantine_${currentGeneration(db)} ORDER BY path`,
  );
  const found = rows.all();
  db.close();
  return found;
}

async function listed(
  store: LocalThreadStore,
): Promise<{ readonly ids: readonly string[]; readonly isComplete: boolean }> {
  const { data, isComplete } = await store.listThreads({ sortDirection: "asc" });
  return { ids: data.map(({ id }) => id), isComplete };
}

/** The file is a folder for as long as it is looked into: it can't be read as a rollout. */
function poolThatCannotRead(file: string): FoldPool & { readonly tries: number[] } {
  const pool = createInlinePool();
  const tries: number[] = [];
  return {
    ...pool,
    tries,
    async fold(task) {
      if (!task.entries.some(({ path }) => path === file)) return pool.fold(task);
      tries.push(task.entries.length);
      renameSync(file, `${file}.away`);
      mkdirSync(file);
      try {
        return await pool.fold(task);
      } finally {
        rmdirSync(file);
        renameSync(`${file}.away`, file);
      }
    },
  };
}

/** A disk on which one file can't be opened. */
function diskThatFails(
  file: string,
  failure: () => Error,
): { readonly files: FileSystem; opens(): number; heal(): void } {
  let opens = 0;
  let fails = true;
  const open: FileSystem["open"] = async (path, mode) => {
    if (path === file) opens += 1;
    if (path === file && fails) throw failure();
    return await nodeFileSystem.open(path, mode);
  };
  return { files: { ...nodeFileSystem, open }, opens: () => opens, heal: () => void (fails = false) };
}

/** Opens the home on a disk and a clock of its own, and counts what is told of quarantines. */
async function openOn(files: FileSystem): Promise<{
  readonly stateDb: StateDb;
  readonly store: LocalThreadStore;
  readonly clock: ManualClock;
  warned(): number;
}> {
  const clock = createManualClock();
  let warned = 0;
  const warn: Logger["warn"] = (_data, message) => {
    if (message.includes("in quarantine")) warned += 1;
  };
  const stateDb = await openStateDbWith(
    { home, clock, logger: { ...silentLogger, warn } },
    createInlinePool({ files }),
  );
  const store = await openLocalThreadStore({ home, stateDb });
  onTestFinished(async () => {
    await store.close();
    await stateDb.close();
  });
  return { stateDb, store, clock, warned: () => warned };
}

describe("a file that can't be folded", () => {
  it("is tried once more by itself and put aside with its reason, and the others are listed", async () => {
    const files = [1, 2, 3].map((n) => putThread(n));
    const pool = poolThatCannotRead(files[1] ?? "");
    const { stateDb, store } = await open(pool);
    expect(pool.tries).toEqual([3, 1]);
    expect(quarantineOf(stateDb)).toMatchObject([{ path: "sessions/2025/01/02/good-2.jsonl", attempts: 1 }]);
    expect(quarantineOf(stateDb)[0]).toMatchObject({
      code: "rollout_unreadable",
      reason: expect.stringContaining("it is not a file"),
    });
    expect(await listed(store)).toEqual({ ids: [idOf(1), idOf(3)], isComplete: false });
    // As it is, it is not tried again.
    expect(pool.tries).toEqual([3, 1]);
  });

  it("is tried again after a while that grows when it was the disk that failed, though nothing about it changed", async () => {
    const files = [1, 2].map((n) => putThread(n));
    const disk = diskThatFails(files[1] ?? "", () => Object.assign(new Error("EIO: injected"), { code: "EIO" }));
    const { stateDb, store, clock, warned } = await openOn(disk.files);
    const partly = { ids: [idOf(1)], isComplete: false };
    const triesOf = async (advanceMs: number): Promise<number> => {
      clock.advance(advanceMs);
      const before = disk.opens();
      expect(await listed(store)).toEqual(partly);
      return disk.opens() - before;
    };
    expect(quarantineOf(stateDb)).toMatchObject([{ code: "io_error", attempts: 1 }]);
    // The first list of a process tries it at once; then it waits 1 s, 2 s, 4 s.
    for (const waitMs of [0, 1_000, 2_000, 4_000]) {
      expect(await triesOf(Math.max(0, waitMs - 1))).toBe(waitMs === 0 ? 2 : 0);
      if (waitMs > 0) expect(await triesOf(1)).toBe(2);
    }
    expect(warned()).toBe(1);
    expect(quarantineOf(stateDb)).toMatchObject([{ code: "io_error", attempts: 1 }]);
    disk.heal();
    clock.advance(8_000);
    expect(await listed(store)).toEqual({ ids: [idOf(1), idOf(2)], isComplete: true });
  });

  it("is not tried again as it is when it was no error of the system: a bug in a fold doesn't pass", async () => {
    const files = [1, 2].map((n) => putThread(n));
    const disk = diskThatFails(files[1] ?? "", () => new TypeError("a bug in a fold"));
    const { stateDb, store, clock } = await openOn(disk.files);
    const before = disk.opens();
    clock.advance(120_000);
    expect(await listed(store)).toEqual({ ids: [idOf(1)], isComplete: false });
    expect(quarantineOf(stateDb)).toMatchObject([{ code: "fold_failed", attempts: 1 }]);
    expect(disk.opens()).toBe(before);
  });

  it("is tried again when it has changed, and is complete when that goes well", async () => {
    const files = [1, 2].map((n) => putThread(n));
    const { stateDb, store } = await open(poolThatCannotRead(files[1] ?? ""));
    writeFileSync(files[1] ?? "", bytesOf([metaItem(idOf(2)), ...turnItems("turn-2")]));
    expect(await listed(store)).toEqual({ ids: [idOf(1)], isComplete: false });
    expect(quarantineOf(stateDb)).toMatchObject([{ attempts: 2 }]);
    await store.close();
    await stateDb.close();
    const again = await open(createInlinePool());
    expect(await listed(again.store)).toEqual({ ids: [idOf(1)], isComplete: false });
    writeFileSync(files[1] ?? "", bytesOf([metaItem(idOf(2)), ...turnItems("turn-3", "three")]));
    expect(await listed(again.store)).toEqual({ ids: [idOf(1), idOf(2)], isComplete: true });
    expect(quarantineOf(again.stateDb)).toEqual([]);
  });

  it.each(["removed", "moved"])("leaves lists complete once it is %s", async (how) => {
    const files = [1, 2].map((n) => putThread(n));
    const file = files[1] ?? "";
    const { stateDb, store } = await open(poolThatCannotRead(file));
    expect(await listed(store)).toMatchObject({ isComplete: false });
    if (how === "removed") rmSync(file);
    else renameSync(file, `${file.slice(0, -6)}-moved.jsonl`);
    const ids = how === "removed" ? [idOf(1)] : [idOf(1), idOf(2)];
    expect(await listed(store)).toEqual({ ids, isComplete: true });
    expect(quarantineOf(stateDb)).toEqual([]);
  });
});

describe("a worker that dies", () => {
  it("of one file takes no other file with it", { timeout: 60_000 }, async () => {
    for (let n = 1; n <= 6; n += 1) putThread(n, n === 3 ? "poison" : "good");
    const { stateDb, store } = await open(createThreadPool(POISON_WORKER));
    expect(stateDb.opening.filled).toMatchObject({ filesTotal: 6, quarantined: 1 });
    expect(quarantineOf(stateDb)).toMatchObject([
      { path: "sessions/2025/01/02/poison-3.jsonl", code: "worker_failed" },
    ]);
    expect(await listed(store)).toEqual({ ids: [1, 2, 4, 5, 6].map(idOf), isComplete: false });
  });

  it("of a line that is larger than its memory is not the end of the opening", { timeout: 60_000 }, async () => {
    const file = putThread(1);
    // Short strings: as objects they take many times the memory of their text.
    const words = Array.from({ length: 1_500_000 }, (_, n) => `word ${n}`);
    writeFileSync(file, bytesOf([metaItem(idOf(1)), event("user_message", { message: "large", words })]));
    putThread(2);
    const { stateDb, store } = await open(createThreadPool(FOLD_WORKER, 24));
    expect(quarantineOf(stateDb)).toMatchObject([{ path: "sessions/2025/01/02/good-1.jsonl", code: "worker_failed" }]);
    expect(await listed(store)).toEqual({ ids: [idOf(2)], isComplete: false });
  });
});

describe("a state DB that takes no rows", () => {
  /** Runs SQL on the file as another program would. */
  function exec({ path }: { readonly path: string }, sql: (generation: number) => string): void {
    const db = openConnection(path, { mode: "read-write" });
    db.exec(sql(currentGeneration(db)));
    db.close();
  }
  const refusing = (table: string) => (generation: number) =>
    `CREATE TRIGGER refusing BEFORE INSERT ON ${table.replace("#", String(generation))}
     BEGIN SELECT RAISE(ABORT, 'no rows today'); END`;

  it("is told by a code, and puts no file into quarantine for it", async () => {
    putThread(1);
    const { stateDb, store } = await open(createInlinePool());
    exec(stateDb, refusing("rollouts_#"));
    putThread(2);
    await expect(store.listThreads()).rejects.toMatchObject({
      code: "io_error",
      message: expect.stringContaining("no rows today"),
    });
    exec(stateDb, () => "DROP TRIGGER refusing");
    expect(await listed(store)).toEqual({ ids: [1, 2].map(idOf), isComplete: true });
    expect(quarantineOf(stateDb)).toEqual([]);
  });

  it("of one file alone lists the others, also when only that one has changed since", async () => {
    putThread(1);
    const { stateDb, store } = await open(createInlinePool());
    const refused = "WHEN NEW.path LIKE '%good-2.jsonl' BEGIN SELECT RAISE(ABORT, 'this one only'); END";
    exec(stateDb, (n) => `CREATE TRIGGER refusing BEFORE INSERT ON rollouts_${n} ${refused}`);
    const file = putThread(2);
    putThread(3);
    const others = { ids: [idOf(1), idOf(3)], isComplete: false };
    expect(await listed(store)).toEqual(others);
    expect(quarantineOf(stateDb)).toMatchObject([{ path: "sessions/2025/01/02/good-2.jsonl", code: "rows_refused" }]);
    writeFileSync(file, bytesOf([metaItem(idOf(2)), ...turnItems("turn-2", "more of it")]));
    expect(await listed(store)).toEqual(others);
    exec(stateDb, () => "DROP TRIGGER refusing");
    writeFileSync(file, bytesOf([metaItem(idOf(2)), ...turnItems("turn-3", "and some more")]));
    expect(await listed(store)).toEqual({ ids: [1, 2, 3].map(idOf), isComplete: true });
  });

  it("because of the values of one file puts that file aside, though no other was written beside it", async () => {
    putThread(1);
    const { stateDb, store } = await open(createInlinePool());
    exec(stateDb, (n) => `CREATE UNIQUE INDEX refusing ON rollouts_${n} (archived)`);
    putThread(2);
    expect(await listed(store)).toEqual({ ids: [idOf(1)], isComplete: false });
    expect(quarantineOf(stateDb)).toMatchObject([{ code: "rows_refused" }]);
  });

  it("is told by a code when it is rebuilt", async () => {
    putThread(1);
    const { stateDb } = await open(createInlinePool());
    exec(stateDb, refusing("backfill_state"));
    const rebuilding = rebuildStateDbWith({ home }, createInlinePool());
    await expect(rebuilding).rejects.toMatchObject({
      code: "io_error",
      message: expect.stringContaining("no rows today"),
    });
    exec(stateDb, () => "DROP TRIGGER refusing");
    expect(await rebuildStateDbWith({ home }, createInlinePool())).toMatchObject({ folded: 1 });
  });
});

describe("an opening that is ended", () => {
  it("keeps what it had filled, and the next one goes on", { timeout: 60_000 }, async () => {
    const { threads } = generateHome(home, { threads: 120, bytes: 120 * 40_000, seed: 3 });
    const ending = new AbortController();
    const opening = openStateDb({
      home,
      workers: 1,
      signal: ending.signal,
      onProgress: ({ filesDone }) => filesDone > 0 && ending.abort(new Error("enough")),
    });
    await expect(opening).rejects.toThrow("enough");
    const stateDb = await openStateDb({ home, workers: 2 });
    const { folded = 0, filesTotal } = stateDb.opening.filled ?? {};
    expect(filesTotal).toBe(threads.length);
    expect(folded).toBeGreaterThan(0);
    expect(folded).toBeLessThan(threads.length);
    await stateDb.close();
  });

  it("leaves no thread and no port behind, and neither does one that is closed", { timeout: 60_000 }, async () => {
    generateHome(home, { threads: 40, bytes: 40 * 40_000, seed: 3 });
    const before = handles();
    const ending = new AbortController();
    const opening = openStateDb({
      home,
      signal: ending.signal,
      onProgress: ({ filesDone }) => filesDone > 5 && ending.abort(new Error("enough")),
    });
    await expect(opening).rejects.toThrow("enough");
    expect(handles()).toEqual(before);
    const stateDb = await openStateDb({ home });
    for (let n = 0; n < 3; n += 1) await stateDb.sweep();
    await stateDb.close();
    expect(handles()).toEqual(before);
  });

  it("is refused by a pool that was closed", async () => {
    putThread(1);
    const pool = createFoldPool({ workers: 1 });
    await pool.close();
    await expect(openStateDbWith({ home }, pool)).rejects.toMatchObject({ code: "runtime_closed" });
  });
});

/** What holds this process, by kind. */
function handles(): readonly string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => /Port|Worker|FSEvent/.test(name))
    .toSorted();
}
