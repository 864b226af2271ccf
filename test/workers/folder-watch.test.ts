/**
 * The home's watcher promises no gap: whatever was done to the files before it is asked is in its answer, or
 * the answer is that anything may have changed. Real folders, real notices; what is done is made up.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { FolderWatch } from "../../src/workers/folder-watch.ts";
import { startHomeWatcher } from "../../src/workers/index.ts";

const base = mkdtempSync(join(tmpdir(), "skein-watch-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const isLinux = process.platform === "linux";

const FOLDERS = ["sessions", "sessions/2026/01/02", "sessions/2026/01/03", "sessions/2025/12/31", "archived_sessions"];
const NAMES = ["a.jsonl", "b.jsonl", "c.jsonl"];

type Deed =
  | { readonly type: "write" | "append" | "touch" | "delete"; readonly path: string }
  | { readonly type: "move"; readonly path: string; readonly to: string }
  | { readonly type: "removeFolder" | "moveFolderOut"; readonly folder: string }
  | { readonly type: "ask" };

const anyPath = fc
  .tuple(fc.constantFrom(...FOLDERS), fc.constantFrom(...NAMES))
  .map(([folder, name]) => `${folder}/${name}`);
const anyDeed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ type: fc.constantFrom("write", "append", "touch", "delete"), path: anyPath }),
  fc.record({ type: fc.constant("move" as const), path: anyPath, to: anyPath }),
  fc.record({
    type: fc.constantFrom("removeFolder" as const, "moveFolderOut" as const),
    folder: fc.constantFrom("sessions/2026/01/02", "sessions/2026", "archived_sessions"),
  }),
  fc.record({ type: fc.constant("ask" as const) }),
);

/** Does it, and answers the files that it changed. */
function perform(home: string, deed: Deed): readonly string[] {
  switch (deed.type) {
    case "write": {
      const path = join(home, deed.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "{}\n");
      return [path];
    }
    case "append":
    case "touch":
    case "delete": {
      const path = join(home, deed.path);
      if (!existsSync(path)) return [];
      if (deed.type === "append") appendFileSync(path, "{}\n");
      else if (deed.type === "touch") utimesSync(path, 1, 1);
      else unlinkSync(path);
      return [path];
    }
    case "move": {
      const [path, to] = [join(home, deed.path), join(home, deed.to)];
      if (!existsSync(path) || path === to) return [];
      mkdirSync(dirname(to), { recursive: true });
      renameSync(path, to);
      return [path, to];
    }
    case "removeFolder":
    case "moveFolderOut": {
      const folder = join(home, deed.folder);
      if (!existsSync(folder)) return [];
      const below = FOLDERS.filter((name) => name === deed.folder || name.startsWith(`${deed.folder}/`));
      const files = below
        .flatMap((name) => NAMES.map((file) => join(home, name, file)))
        .filter((path) => existsSync(path));
      if (deed.type === "removeFolder") rmSync(folder, { recursive: true });
      else renameSync(folder, join(home, `out-${statSync(folder).ino}-${files.length}`));
      return files;
    }
    case "ask":
      return [];
  }
}

function allFiles(home: string): ReadonlySet<string> {
  const paths = FOLDERS.flatMap((folder) => NAMES.map((name) => join(home, folder, name)));
  return new Set(paths.filter((path) => existsSync(path)));
}

describe.runIf(isLinux)("FolderWatch", () => {
  it("misses nothing of what was done before it is asked, folders that come, go and move included", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyDeed, { minLength: 1, maxLength: 25 }), fc.boolean(), async (deeds, isNew) => {
        run += 1;
        const home = join(base, `home-${run}`);
        mkdirSync(home);
        if (!isNew) mkdirSync(join(home, "sessions/2026/01/02"), { recursive: true });
        const watch = new FolderWatch(home);
        try {
          await watch.take();
          let done = new Set<string>();
          let before = allFiles(home);
          for (const deed of [...deeds, { type: "ask" } as const]) {
            for (const path of perform(home, deed)) done.add(path);
            if (deed.type !== "ask") continue;
            const changed = await watch.take();
            // A file that came and went in between was never there for who asks.
            const now = allFiles(home);
            const due = [...done].filter((path) => before.has(path) || now.has(path));
            if (changed !== null) expect(changed).toEqual(expect.arrayContaining(due));
            done = new Set();
            before = now;
          }
        } finally {
          watch.close();
          rmSync(home, { recursive: true, force: true });
        }
      }),
      { numRuns: 100 },
    );
  });

  it("names a file that is appended to, and nothing when nothing was done", async () => {
    const home = join(base, "plain");
    mkdirSync(join(home, "sessions/2026/01/02"), { recursive: true });
    const path = join(home, "sessions/2026/01/02/a.jsonl");
    writeFileSync(path, "{}\n");
    const watch = new FolderWatch(home);
    await watch.take();
    expect(await watch.take()).toEqual([]);
    appendFileSync(path, "{}\n");
    expect(await watch.take()).toEqual([path]);
    expect(await watch.take()).toEqual([]);
    watch.close();
  });

  it("says that anything may have changed after more notices than the kernel is sure to keep", async () => {
    const home = join(base, "burst");
    mkdirSync(join(home, "sessions"), { recursive: true });
    const watch = new FolderWatch(home);
    await watch.take();
    const paths = Array.from({ length: 20 }, (_, index) => join(home, `sessions/${index}.jsonl`));
    // Different files in turn: the kernel joins notices that are the same as the last one.
    for (let round = 0; round < 1_000; round += 1) for (const path of paths) appendFileSync(path, "x");
    expect(await watch.take()).toBeNull();
    watch.close();
  });
});

describe.runIf(isLinux)("the watcher's thread", () => {
  it("answers across the thread what was done before it was asked", async () => {
    const home = join(base, "threaded");
    mkdirSync(join(home, "sessions/2026/01/02"), { recursive: true });
    const watcher = await startHomeWatcher(home);
    if (watcher === undefined) throw new Error("the home can't be watched");
    await watcher.changes();
    for (let round = 0; round < 50; round += 1) {
      const path = join(home, `sessions/2026/01/02/${round}.jsonl`);
      writeFileSync(path, "{}\n");
      expect(await watcher.changes()).toContain(path);
    }
    await watcher.close();
    expect(await watcher.changes()).toBeNull();
  });
});
