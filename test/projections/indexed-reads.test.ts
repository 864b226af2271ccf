/**
 * What is read by rows is what is read by files: for any log however it grew, and for homes as other programs
 * leave them (odd lines and names, other folders, several files of one id, tails cut off, no times).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { appendFileSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import type { AppendableItem } from "../../src/events/index.ts";
import { type LocalThreadStore, openLocalThreadStore } from "../../src/store/local/index.ts";
import { bytesOf } from "../events/log-reading.ts";
import { type IndexedStore, openIndexedStore } from "./indexed-store.ts";
import { lawRuns } from "./law-runs.ts";
import { arbFiles, FILE_IDS, type HomeFile } from "./odd-homes.ts";
import { arbAnyLog, arbReachingLog, metaItem, REACHING_ID, turnItems } from "./reaching-logs.ts";
import { answerOf, foundByReading, foundBySearch, listAnswers, listPages, threadAnswers } from "./store-answers.ts";

let home: string;
let plain: LocalThreadStore;
let indexed: IndexedStore;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "skein-reads-"));
  plain = await openLocalThreadStore({ home, durability: "os" });
  indexed = await openIndexedStore({ home, durability: "os" });
});
afterAll(async () => {
  await plain.close();
  await indexed.store.close();
  await rm(home, { recursive: true, force: true });
});

/** Empties the home, but for the state DB: it must notice. */
function clear(): void {
  for (const folder of ["sessions", "archived_sessions"]) rmSync(join(home, folder), { recursive: true, force: true });
  rmSync(join(home, "session_index.jsonl"), { force: true });
}

/** Files of one inode and size that were changed at one time can't be told apart: each gets a time of its own. */
let filesPut = 0;

function put({ path, content, modifiedS: toldS }: HomeFile): void {
  const file = join(home, path);
  filesPut += 1;
  const modifiedS = toldS + filesPut / 1_000_000;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.from(content, "latin1"));
  utimesSync(file, modifiedS, modifiedS);
}

type Answers = Readonly<Record<string, unknown>>;

/** Answer by answer, so that a failure names the question. */
function expectSame(byRows: Answers, byFiles: Answers): void {
  for (const [question, answer] of Object.entries(byFiles)) {
    expect({ [question]: byRows[question] }).toEqual({ [question]: answer });
  }
  expect(Object.keys(byRows)).toEqual(Object.keys(byFiles));
}

/** Terms with and without a triple of letters, in names and messages. */
const QUERIES = ["ask", "HELLO", "lo", "answer turn-2", "from the log"];

const LOG_PATH = "sessions/2026/05/05/rollout-2026-05-05T10-00-00-01900000-0000-7000-8000-000000000001.jsonl";

it(
  "law: a thread's turns, items and metadata by rows are those by its file, as the file grows byte by byte",
  { timeout: 600_000 },
  async () => {
    const arbCuts = fc.array(fc.tuple(fc.nat(), fc.constantFrom("", '{"half', "\n", "x\n")), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(arbAnyLog(), arbCuts, async (text, cuts) => {
        clear();
        const file = join(home, LOG_PATH);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, "");
        const places = cuts.map(([at, torn]) => ({ at: at % (text.length + 1), torn })).toSorted((a, b) => a.at - b.at);
        let written = 0;
        for (const { at, torn } of [...places, { at: text.length, torn: "" }]) {
          appendFileSync(file, Buffer.from(text.slice(written, at) + torn, "latin1"));
          written = at;
          const questions = { sizes: [2], withHistory: torn === "" };
          expectSame(
            await threadAnswers(indexed.store, REACHING_ID, questions),
            await threadAnswers(plain, REACHING_ID, questions),
          );
          // What was torn is cut off by whoever goes on.
          truncateSync(file, at);
        }
        expectSame(await listAnswers(indexed.store, [1]), await listAnswers(plain, [1]));
      }),
      { numRuns: lawRuns(25) },
    );
  },
);

it(
  "law: a turn read from its own bytes holds what the fold of the whole log gives it",
  { timeout: 600_000 },
  async () => {
    const file = join(home, LOG_PATH);
    await fc.assert(
      fc.asyncProperty(arbReachingLog(40), fc.nat(), async (items, at) => {
        clear();
        mkdirSync(dirname(file), { recursive: true });
        const cut = at % items.length;
        writeFileSync(file, bytesOf(items.slice(0, cut)));
        const all = { threadId: REACHING_ID, itemsView: "full", limit: 1_000 } as const;
        await answerOf(() => indexed.store.listTurns(all));
        writeFileSync(file, bytesOf(items));
        expect(await indexed.store.listTurns(all)).toEqual(await plain.listTurns(all));
      }),
      { numRuns: lawRuns(250) },
    );
  },
);

it(
  "law: lists and reads by rows are those by files, for homes that other programs wrote",
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbFiles(), { minLength: 1, maxLength: 3 }), async (rounds) => {
        clear();
        for (const files of rounds) {
          // Each round's files beside those of the rounds before, or in their place.
          for (const file of files) put(file);
          expectSame(await listAnswers(indexed.store, [1]), await listAnswers(plain, [1]));
          for (const query of QUERIES) {
            expect(await foundBySearch(indexed.store, query)).toEqual(await foundByReading(plain, query));
          }
          for (const id of FILE_IDS) {
            const questions = { sizes: [3] };
            expectSame(await threadAnswers(indexed.store, id, questions), await threadAnswers(plain, id, questions));
          }
        }
      }),
      { numRuns: lawRuns(12) },
    );
  },
);

const [FIRST_ID, SECOND_ID, THIRD_ID] = FILE_IDS;

function putLog(path: string, ...items: readonly AppendableItem[]): void {
  put({ path, content: Buffer.from(bytesOf(items)).toString("latin1"), modifiedS: 1_767_225_600 });
}

it("the newest thread is in no list below an ancestor that is not its own", async () => {
  clear();
  const source = { subagent: { thread_spawn: { parent_thread_id: FIRST_ID, depth: 1 } } };
  putLog("sessions/first.jsonl", metaItem(FIRST_ID));
  putLog("sessions/child.jsonl", metaItem(SECOND_ID, { source }));
  putLog("sessions/newest.jsonl", metaItem(THIRD_ID), ...turnItems("turn-1"));
  for (const sortKey of ["updated_at", "recency_at"] as const) {
    const { data } = await indexed.store.listThreads({ ancestorThreadId: FIRST_ID, sortKey });
    expect(data.map(({ id }) => id)).toEqual([SECOND_ID]);
  }
});

it("a thread whose file writes its id in capitals is one thread, with its name, and pages go past it", async () => {
  clear();
  putLog("sessions/capitals.jsonl", metaItem(THIRD_ID.toUpperCase()));
  putLog("archived_sessions/small.jsonl", metaItem(THIRD_ID));
  putLog("sessions/first.jsonl", metaItem(FIRST_ID));
  writeFileSync(join(home, "session_index.jsonl"), `${JSON.stringify({ id: THIRD_ID, thread_name: "Named" })}\n`);
  for (const store of [indexed.store, plain]) {
    const pages = await listPages(store, { limit: 1, sortDirection: "asc" });
    expect(pages.flatMap(({ data }) => data.map(({ id, name }) => [id, name]))).toEqual([
      [FIRST_ID, null],
      [THIRD_ID, "Named"],
    ]);
    expect((await store.listThreads({ archived: true })).data).toEqual([]);
  }
});

it("of two files of one thread that one is read which the last list showed", async () => {
  clear();
  putLog("sessions/2024/one.jsonl", metaItem(FIRST_ID));
  await indexed.store.readThread({ threadId: FIRST_ID });
  putLog("sessions/2024/two.jsonl", metaItem(FIRST_ID), ...turnItems("turn-1"));
  const { data } = await indexed.store.listThreads();
  const read = await indexed.store.readThread({ threadId: FIRST_ID });
  expect(read.path).toBe(join(home, "sessions/2024/two.jsonl"));
  expect(data).toEqual([read]);
});

it("a file that was written anew with as many bytes is read anew (found by the first law, seed 1934456268)", async () => {
  clear();
  // Of another length than the file before it at this path: one of the same length, inode and time is taken for it.
  const path = "sessions/2024/one.jsonl";
  putLog(path, metaItem(FIRST_ID), ...turnItems("turn-1", "at first"));
  expect(await indexed.store.readThread({ threadId: FIRST_ID })).toMatchObject({ preview: "ask at first" });
  putLog(path, metaItem(FIRST_ID), ...turnItems("turn-1", "at last!"));
  const now = await indexed.store.readThread({ threadId: FIRST_ID });
  expect(now).toEqual(await plain.readThread({ threadId: FIRST_ID }));
  expect(now.preview).toBe("ask at last!");
});
