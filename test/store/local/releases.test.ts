/**
 * A writer that is let go from two sides at once. The laws of lifecycle hold it against any order of calls; here
 * are the two that went wrong.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";

describe("a writer that is let go from two sides", () => {
  let home = "";
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "skein-releases-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it("is shut down without an error when it is discarded meanwhile", async () => {
    const store = await openLocalThreadStore({ home });
    const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
    await store.persistThread(writer);
    const shutDown = store.shutdownThread(writer);
    await store.discardThread(writer);
    await expect(shutDown).resolves.toBeUndefined();
    await store.close();
  });

  it("lets its store close without an error when it is discarded meanwhile", async () => {
    const store = await openLocalThreadStore({ home });
    const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
    await store.persistThread(writer);
    const closed = store.close();
    await store.discardThread(writer);
    await expect(closed).resolves.toBeUndefined();
  });
});
