/**
 * A process that has no file descriptor left: what is only held open gives way, and what can't be read just
 * now is never taken for absent. The disk counts what is open and refuses more, as the system does.
 */
import { describe, expect, it } from "vitest";

import { type FileSystem, nodeFileSystem } from "../../../src/store/local/index.ts";
import { idsOf, makeHome, message, openStore, refusal, seed } from "./store-lab.ts";

/** A disk on which at most `max` files are open at once. */
function narrowDisk(max: number): { readonly disk: FileSystem; limit: number; readonly open: () => number } {
  const held = new Set<number>();
  const narrow = { limit: max };
  const disk: FileSystem = {
    ...nodeFileSystem,
    async open(path, mode) {
      if (held.size >= narrow.limit) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
      const fd = await nodeFileSystem.open(path, mode);
      held.add(fd);
      return fd;
    },
    async close(fd) {
      held.delete(fd);
      await nodeFileSystem.close(fd);
    },
  };
  return Object.assign(narrow, { disk, open: () => held.size });
}

describe("a store without descriptors to spare", () => {
  it("closes what is idle and goes on: every loaded thread can be written, one after another", async () => {
    const { disk, open } = narrowDisk(8);
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const writers = [];
    for (let n = 0; n < 30; n += 1) writers.push((await seed(store)).writer);
    for (const writer of writers) await store.appendItems({ writer, items: [message("again")] });
    expect(open()).toBeLessThanOrEqual(8);
  });

  it("refuses to list rather than leave threads out", async () => {
    const narrow = narrowDisk(100);
    const home = await makeHome();
    const store = await openStore(home, { fileSystem: narrow.disk });
    for (let n = 0; n < 5; n += 1) await store.shutdownThread((await seed(store)).writer);
    const other = await openStore(home, { fileSystem: narrow.disk });
    narrow.limit = 0;
    expect(await refusal(other.listThreads())).toMatchObject({ code: "too_many_open_files", retryable: true });
    narrow.limit = 100;
    expect(await idsOf(other)).toHaveLength(5);
  });

  it("says of a thread that can't be looked for that it can't, not that it isn't there", async () => {
    const narrow = narrowDisk(100);
    const home = await makeHome();
    const store = await openStore(home, { fileSystem: narrow.disk });
    const { writer } = await seed(store);
    await store.shutdownThread(writer);
    const other = await openStore(home, { fileSystem: narrow.disk });
    narrow.limit = 0;
    expect(await refusal(other.readThread({ threadId: writer.threadId }))).toMatchObject({
      code: "too_many_open_files",
    });
  });
});
