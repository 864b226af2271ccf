/**
 * A home that Codex wrote, with what Codex read from it, both kept by `npm run conformance --
 * --update-fixtures`: Skein reads the same threads, turns and items where no Codex is at hand. The
 * few differences are the listed ones.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { LIMITS } from "../../src/base/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { type ThreadStore, toThread } from "../../src/store/index.ts";
import { READ_DIFFERENCES, TIME_DIFFERENCES } from "./allowed-differences.ts";
import { CheckReport } from "./check-report.ts";
import { FIXTURE_ROOT, type RecordedReads } from "./fixture-recorder.ts";

const FOLDER = new URL("../fixtures/codex-0.130/conformance/", import.meta.url);
const HOME = fileURLToPath(new URL("home", FOLDER));
const RECORDED = JSON.parse(readFileSync(new URL("reads.json", FOLDER), "utf8")) as RecordedReads;

let store: ThreadStore;

beforeAll(async () => {
  store = await openLocalThreadStore({ home: HOME });
});

afterAll(async () => {
  await store.close();
});

describe("a home that Codex wrote", () => {
  it.each(Object.entries(RECORDED.threads))("reads the thread %s as Codex does", async (name, codex) => {
    const { data: turns } = await store.listTurns({
      threadId: codex.id,
      itemsView: "full",
      sortDirection: "asc",
      limit: LIMITS.pageSizeMax,
    });
    const thread = toThread(await store.readThread({ threadId: codex.id }), { turns });
    const skein = { ...thread, path: thread.path?.replace(HOME, `${FIXTURE_ROOT}/home`) };
    const report = new CheckReport();
    report.same({ part: "recorded", thread: name, claim: "reads alike" }, { skein, codex }, [
      ...READ_DIFFERENCES,
      ...TIME_DIFFERENCES,
    ]);
    expect(report.failed, report.toText()).toBe(false);
  });

  it("lists every thread once", async () => {
    const ids: string[] = [];
    for (const archived of [false, true]) {
      const { data, nextCursor } = await store.listThreads({ archived, limit: LIMITS.pageSizeMax });
      expect(nextCursor).toBeNull();
      ids.push(...data.map(({ id }) => id));
    }
    expect(new Set(ids).size).toBe(ids.length);
    const named = Object.values(RECORDED.threads).map(({ id }) => id);
    expect(named.filter((id) => !ids.includes(id))).toEqual([]);
  });
});
