/**
 * What a list remembers of files: a file that was removed leaves its inode to the next, and within one tick of the
 * system's clock also its time of change. Told apart by nothing else, the next thread would be shown as the one before.
 */
import { statSync } from "node:fs";

import { expect, it } from "vitest";

import { type FileSystem, nodeFileSystem } from "../../../src/store/local/index.ts";
import { idsOf, makeHome, message, openStore, seed } from "./store-lab.ts";

/** The real disk, on which every file has one inode and one time of change: all but its name and size may be another's. */
function sameForAll(): FileSystem {
  const same = { inode: "7", modifiedNs: 1_000_000_000n };
  return {
    ...nodeFileSystem,
    stat: async (path) => {
      const stat = await nodeFileSystem.stat(path);
      return stat === undefined ? undefined : { ...stat, ...same };
    },
    fstat: (fd) => ({ ...nodeFileSystem.fstat(fd), ...same }),
  };
}

it("shows a thread as itself whose file got the inode, the size and the time of one that was deleted", async () => {
  const store = await openStore(await makeHome(), { fileSystem: sameForAll() });
  const first = await seed(store, [message("one and the same")]);
  const { size } = statSync(first.file);
  await store.shutdownThread(first.writer);
  expect(await idsOf(store)).toEqual([first.id]);
  await store.deleteThread(first.id);
  const second = await seed(store, [message("one and the same")]);
  expect(statSync(second.file).size).toBe(size);
  await store.shutdownThread(second.writer);
  expect(await idsOf(store)).toEqual([second.id]);
});
