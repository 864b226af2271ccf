/**
 * Which work the pool of threads gives to a thread. A pool that is closed starts none any more: what it still does,
 * it does here.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { openStateDb } from "../../src/runtime/index.ts";
import { createFoldPool } from "../../src/workers/index.ts";

it("looks at a new home without a thread, and at one that may be full with one", async () => {
  const home = mkdtempSync(join(tmpdir(), "skein-pool-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  await (await openStateDb({ home })).close();
  const task = { dbPath: join(home, "skein.sqlite"), home, generation: null, filesKnown: 0 };
  const pool = createFoldPool();
  await pool.close();
  expect(await pool.survey(task)).toMatchObject({ filesTotal: 0, changed: [], gone: [] });
  for (const folder of ["archived_sessions", "sessions"]) {
    mkdirSync(join(home, folder));
    await expect(pool.survey(task)).rejects.toMatchObject({ code: "runtime_closed" });
    rmSync(join(home, folder), { recursive: true });
  }
});
