/**
 * What a fold task promises beside its rows: it writes to the set that is read, and says so when that was
 * swapped under it. The file is a real one; the swap is made by hand between folding and writing.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { createInlinePool, openStateDbWith, rebuildStateDbWith, runFoldTask } from "../../src/projections/index.ts";

const home = mkdtempSync(join(tmpdir(), "skein-fold-pool-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const id = "01900000-0000-7000-8000-00000000000a";
const name = `rollout-2026-05-05T10-00-00-${id}.jsonl`;
const path = join(home, "sessions", name);

it("refuses to write rows to a set that a rebuild has replaced and kept", async () => {
  mkdirSync(join(home, "sessions"));
  const at = "2026-05-05T10:00:00.000Z";
  const payload = { id, timestamp: at, cwd: "/w", originator: "x", cli_version: "0" };
  writeFileSync(path, `${JSON.stringify({ timestamp: at, type: "session_meta", payload })}\n`);
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  const entry = { path, name, archived: false, size: 1 };
  const task = { dbPath: stateDb.path, home, generation: null, lease: null, entries: [entry] };
  const folding = runFoldTask(task);
  await rebuildStateDbWith({ home, keepsOld: true }, createInlinePool());
  // Either it wrote before the swap, or it was told to fold again: never to the old set behind the swap.
  const { files, rowsFailed } = await folding;
  expect([[null], "state_db_busy"]).toContainEqual(rowsFailed?.code ?? files.map(({ failure }) => failure));
  expect(await runFoldTask(task)).toMatchObject({ files: [{ failure: null }], leaseLost: null });
  await stateDb.close();
});
