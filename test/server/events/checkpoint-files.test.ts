/**
 * Checkpoints as files: what stands when a save resolves, on disks that fail, in files that others left, and when
 * many saves come at once. The memory adapter keeps the same laws while it lives.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createMemoryCheckpoints } from "../../../src/server/checkpoint-store.ts";
import { type CheckpointStore, openCheckpointFiles } from "../../../src/server/index.ts";
import { type FileSystem, nodeFileSystem } from "../../../src/store/local/index.ts";

let home = "";
const threadId = "01997000-0000-7000-8000-000000000001";
const key = { name: "consumer", threadId };

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "skein-checkpoints-"));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

type CallName = keyof FileSystem;

/** The real disk, which tells what is called, and fails where it is told to. */
function watchedDisk(): { files: FileSystem; calls: string[]; failures: Map<CallName, string> } {
  const calls: string[] = [];
  const failures = new Map<CallName, string>();
  const files = new Proxy(
    { ...nodeFileSystem },
    {
      get(target, name) {
        const called = name as CallName;
        const call = target[called] as (...values: unknown[]) => unknown;
        return (...values: unknown[]) => {
          calls.push(called);
          const code = failures.get(called);
          if (code !== undefined) throw Object.assign(new Error(`${code}: ${called} failed`), { code });
          return call(...values);
        };
      },
    },
  );
  return { files, calls, failures };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => "no error",
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

describe("a checkpoint file", () => {
  it("is synced before it is moved to its place, and its folder after", async () => {
    const { files, calls } = watchedDisk();
    const store = await openCheckpointFiles({ home, files });
    await store.save(key, 1);
    calls.length = 0;
    await store.save(key, 2);
    const order = calls.filter((call) => ["write", "syncData", "rename", "syncDirectory"].includes(call));
    expect(order).toEqual(["write", "syncData", "rename", "syncDirectory"]);
  });

  it("is in folders whose names are synced too", async () => {
    const { files, calls } = watchedDisk();
    const store = await openCheckpointFiles({ home, files });
    expect(calls.filter((call) => call === "makeDirectory")).toEqual([]);
    await store.save(key, 1);
    const made = calls.filter((call) => call === "makeDirectory").length;
    const synced = calls.filter((call) => call === "syncDirectory").length;
    expect(synced).toBe(made + 1);
  });

  it.each<[CallName, string, string]>([
    ["open", "EMFILE", "too_many_open_files"],
    ["write", "ENOSPC", "disk_full"],
    ["syncData", "EIO", "io_error"],
    ["rename", "EACCES", "permission_denied"],
    ["syncDirectory", "EIO", "io_error"],
  ])(
    "whose %s fails with %s refuses the save, keeps an older or the new position, and can be saved again",
    async (call, code, expected) => {
      const { files, failures } = watchedDisk();
      const store = await openCheckpointFiles({ home, files });
      await store.save(key, 1);
      failures.set(call, code);
      expect(await codeOf(store.save(key, 5))).toBe(expected);
      failures.clear();
      expect([1, 5]).toContain(await store.read(key));
      await store.save(key, 6);
      expect(await store.read(key)).toBe(6);
      expect(await readdir(join(home, "skein-checkpoints", ".writing"))).toEqual([]);
    },
  );

  it("that can't be opened is an error, not a new beginning", async () => {
    const { files, failures } = watchedDisk();
    const store = await openCheckpointFiles({ home, files });
    await store.save(key, 1);
    failures.set("open", "EACCES");
    expect(await codeOf(store.read(key))).toBe("permission_denied");
    failures.set("open", "EIO");
    expect(await codeOf(store.read(key))).toBe("io_error");
  });

  it("that is damaged stays as it is when a position is saved", async () => {
    const store = await openCheckpointFiles({ home });
    await store.save(key, 3);
    const path = join(home, "skein-checkpoints", key.name, `${threadId}.json`);
    await writeFile(path, "damaged");
    expect(await codeOf(store.save(key, 4))).toBe("checkpoint_unreadable");
    expect(await readFile(path, "utf8")).toBe("damaged");
  });

  it("that a dead process left half written is removed an hour later, and one of a living process is not", async () => {
    const folder = join(home, "skein-checkpoints", ".writing");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "old"), "{");
    await writeFile(join(folder, "new"), "{");
    const longAgo = Date.now() / 1000 - 7_200;
    await utimes(join(folder, "old"), longAgo, longAgo);
    await openCheckpointFiles({ home });
    expect(await readdir(folder)).toEqual(["new"]);
  });

  it("costs far fewer writes than there are saves when many come at once, each answered by a write that has it", async () => {
    const { files, calls } = watchedDisk();
    const store = await openCheckpointFiles({ home, files });
    const answered: number[] = [];
    const path = join(home, "skein-checkpoints", key.name, `${threadId}.json`);
    const saves = Array.from({ length: 1_000 }, async (_, place) => {
      await store.save(key, place + 1);
      answered.push(place + 1);
    });
    await saves[0];
    const { nextOrdinal } = JSON.parse(await readFile(path, "utf8")) as { nextOrdinal: number };
    expect(nextOrdinal).toBeGreaterThanOrEqual(1);
    await Promise.all(saves);
    expect(answered).toHaveLength(1_000);
    expect(await store.read(key)).toBe(1_000);
    expect(calls.filter((call) => call === "rename").length).toBeLessThanOrEqual(3);
  });

  it("is not made again by a save that was asked for before it was deleted", async () => {
    const store = await openCheckpointFiles({ home });
    const saves = [store.save(key, 1), store.save(key, 2)];
    const deleted = store.delete(key);
    const read = store.read(key);
    const later = store.save(key, 1);
    await Promise.all([...saves, deleted]);
    expect(await read).toBeNull();
    await later;
    expect(await store.read(key)).toBe(1);
  });
});

const names = fc.constantFrom("a", "b", "A.1");
const threads = fc.constantFrom(threadId, "01997000-0000-7000-8000-000000000002");
const call = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant("save" as const), name: names, thread: threads, at: fc.nat(20) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant("read" as const), name: names, thread: threads, at: fc.nat(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("delete" as const), name: names, thread: threads, at: fc.nat(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("deleteThread" as const), name: names, thread: threads, at: fc.nat(0) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("await" as const), name: names, thread: threads, at: fc.nat(0) }),
  },
);

describe.each([
  ["memory", async () => createMemoryCheckpoints()],
  ["files", async (folder: string) => await openCheckpointFiles({ home: folder })],
] as const)("checkpoints in %s", (kind, open) => {
  it("are the highest position saved since the last deletion, whatever is under way at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        const folder = await mkdtemp(join(home, "run-"));
        const store: CheckpointStore = await open(folder);
        const model = new Map<string, number>();
        const pending: Promise<unknown>[] = [];
        for (const { what, name, thread, at } of calls) {
          const id = `${thread}/${name}`;
          if (what === "await") await Promise.all(pending.splice(0));
          if (what === "save") {
            model.set(id, Math.max(at, model.get(id) ?? 0));
            pending.push(store.save({ name, threadId: thread }, at));
          }
          if (what === "read") {
            const expected = model.get(id) ?? null;
            pending.push(store.read({ name, threadId: thread }).then((found) => expect(found).toBe(expected)));
          }
          if (what === "delete") {
            model.delete(id);
            pending.push(store.delete({ name, threadId: thread }));
          }
          if (what === "deleteThread") {
            // It looks through the folders first: what is under way then may come before or after.
            await Promise.all(pending.splice(0));
            await store.deleteThread(thread);
            for (const place of model.keys()) if (place.startsWith(thread)) model.delete(place);
          }
        }
        await Promise.all(pending);
        const again = kind === "memory" ? store : await open(folder);
        for (const [id, position] of model) {
          const [thread = "", name = ""] = id.split("/");
          expect(await again.read({ name, threadId: thread })).toBe(position);
        }
      }),
    );
  });

  it("refuse names that are none", async () => {
    const store = await open(home);
    for (const name of ["", ".a", "a/b", "a\u0000"]) {
      expect(await codeOf(store.save({ name, threadId }, 1))).toBe("invalid_argument");
    }
    expect(await readdir(home)).toEqual([]);
  });
});

it("a memory of checkpoints refuses more than it is bounded to", async () => {
  const store = createMemoryCheckpoints();
  for (let place = 0; place < 100_000; place += 1) await store.save({ name: `c${place}`, threadId }, 1);
  expect(await codeOf(store.save({ name: "one-more", threadId }, 1))).toBe("unsupported");
  await store.save({ name: "c7", threadId }, 2);
  await store.deleteThread(threadId);
  await store.save({ name: "one-more", threadId }, 1);
});
