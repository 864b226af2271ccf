/**
 * What stands on the disk: where, under which name, with which rights, since when, and what does not. And
 * what an append costs in writes and syncs.
 */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it, onTestFinished, vi } from "vitest";

import { SKEIN_VERSION } from "../../../src/base/index.ts";
import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { snapshot } from "./hand-made-rollouts.ts";
import { idsOf, makeHome, message, openStore, refusal, seed } from "./store-lab.ts";

const NAME = /^sessions\/(\d{4})\/(\d{2})\/(\d{2})\/rollout-\1-\2-\3T\d{2}-\d{2}-\d{2}-[0-9a-f-]{36}\.jsonl$/;

describe("a new thread", () => {
  it("is nowhere on the disk until something is appended, though its path is known", async () => {
    const home = join(await makeHome(), "not", "there", "yet");
    const store = await openStore(home);
    expect(await idsOf(store)).toEqual([]);
    const { writer, path } = await store.createThread({ metadata: { cwd: "/w" } });
    await store.flushThread(writer);
    await expect(stat(home)).rejects.toThrow("ENOENT");
    await store.appendItems({ writer, items: [message("now")] });
    expect(Object.keys(await snapshot(home))).toEqual([path?.slice(home.length + 1)]);
  });

  it("has its local time in folder and name, UTC inside, and what Codex needs in its first line", async () => {
    const home = await makeHome();
    const clock = createManualClock({ startMs: Date.UTC(2025, 11, 31, 20, 2, 3, 4) });
    vi.stubEnv("TZ", "Asia/Tokyo");
    onTestFinished(() => void vi.unstubAllEnvs());
    const store = await openStore(home, { clock });
    const { id, file } = await seed(store);
    expect(file.slice(home.length + 1)).toMatch(NAME);
    expect(file.slice(home.length + 1)).toBe(`sessions/2026/01/01/rollout-2026-01-01T05-02-03-${id}.jsonl`);
    const [first] = (await readFile(file, "utf8")).split("\n");
    expect(JSON.parse(first ?? "")).toEqual({
      timestamp: "2025-12-31T20:02:03.004Z",
      type: "session_meta",
      payload: {
        id,
        timestamp: "2025-12-31T20:02:03.004Z",
        cwd: "/work",
        originator: "skein",
        cli_version: SKEIN_VERSION,
        source: "vscode",
        model_provider: "openai",
      },
      crc: expect.stringMatching(/^[\da-f]{8}$/),
    });
  });

  it("is a file that everybody may read and write whom the umask lets", async () => {
    const umask = process.umask();
    const store = await openStore(await makeHome());
    const { file } = await seed(store);
    expect((await stat(file)).mode & 0o777).toBe(0o666 & ~umask);
  });

  it("is synced with its folders before it is acknowledged, and once: later appends sync only the file", async () => {
    const disk = faultyDisk();
    const store = await openStore(join(await makeHome(), "home"), { fileSystem: disk });
    const { writer } = await seed(store);
    // home, sessions, year, month and day were made, and the file: six names.
    expect([disk.calls["syncDirectory"], disk.calls["syncData"]]).toEqual([6, 1]);
    await store.appendItems({ writer, items: [message("again")] });
    expect([disk.calls["syncDirectory"], disk.calls["syncData"]]).toEqual([6, 2]);
    expect(disk.calls["open"]).toBe(2 /* config.toml, which isn't there, and the rollout */);
  });

  it("is synced by a flush where appends are not", async () => {
    const disk = faultyDisk();
    const store = await openStore(join(await makeHome(), "home"), { fileSystem: disk, durability: "os" });
    const { writer } = await seed(store);
    expect([disk.calls["syncDirectory"], disk.calls["syncData"]]).toEqual([undefined, undefined]);
    await store.flushThread(writer);
    expect([disk.calls["syncDirectory"], disk.calls["syncData"]]).toEqual([6, 1]);
  });
});

describe("appends that arrive together", () => {
  it("share one write and one sync", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { writer } = await seed(store);
    const before = { ...disk.calls };
    await Promise.all(Array.from({ length: 64 }, (_, n) => store.appendItems({ writer, items: [message(`${n}`)] })));
    expect((disk.calls["write"] ?? 0) - (before["write"] ?? 0)).toBe(1);
    expect((disk.calls["syncData"] ?? 0) - (before["syncData"] ?? 0)).toBe(1);
  });

  it("of callers that were just answered share the next one, all of them", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { writer } = await seed(store);
    const before = disk.calls["syncData"] ?? 0;
    const caller = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await store.appendItems({ writer, items: [message("x")] });
    };
    await Promise.all(Array.from({ length: 32 }, caller));
    expect((disk.calls["syncData"] ?? 0) - before).toBe(10);
  });

  it("one after another, without syncs, leave the event loop its turns", async () => {
    const store = await openStore(await makeHome(), { durability: "os" });
    const { writer } = await seed(store);
    let hadTurn = false;
    setImmediate(() => (hadTurn = true));
    let appends = 0;
    while (!hadTurn && appends < 1_000) {
      await store.appendItems({ writer, items: [message("x")] });
      appends += 1;
    }
    expect(appends).toBeLessThan(20);
  });

  it("are refused, retryably, when more waits than the queue holds", async () => {
    const store = await openStore(await makeHome());
    const { writer } = await seed(store);
    const large = message("x".repeat(40 * 1024 * 1024));
    const first = store.appendItems({ writer, items: [large] });
    const error = await refusal(store.appendItems({ writer, items: [large] }));
    expect([error.code, error.retryable]).toEqual(["mailbox_full", true]);
    await first;
    await store.appendItems({ writer, items: [large] });
  });
});

describe("a home that can't be used", () => {
  it("is refused at once when it would have to be made below a file", async () => {
    const file = join(await makeHome(), "file");
    await writeFile(file, "");
    const error = await refusal(openLocalThreadStore({ home: join(file, "below", "it") }));
    expect(error.code).toBe("home_unusable");
  });

  it("is refused at once when it is a file", async () => {
    const home = join(await makeHome(), "file");
    await writeFile(home, "");
    const error = await refusal(openLocalThreadStore({ home }));
    expect(error.code).toBe("home_unusable");
    expect(error.message).toContain("--home");
  });

  it.skipIf(process.getuid?.() === 0)("says who is in the way when it may not be written", async () => {
    const home = await makeHome();
    await chmod(home, 0o555);
    const store = await openStore(home);
    expect((await refusal(seed(store))).code).toBe("permission_denied");
    await chmod(home, 0o755);
  });

  it("refuses a thread when something is in the way of its folder, and leaves nothing behind", async () => {
    const home = await makeHome();
    await writeFile(join(home, "sessions"), "in the way");
    const store = await openStore(home);
    expect((await refusal(seed(store))).code).toBe("io_error");
    expect(await readdir(home)).toEqual(["sessions"]);
  });

  it("lists nothing, without an error, when it holds nothing", async () => {
    const home = await makeHome();
    await mkdir(join(home, "sessions/2026/01/01"), { recursive: true });
    const store = await openStore(home);
    const empty = { data: [], nextCursor: null, backwardsCursor: null, isComplete: true };
    expect(await store.listThreads()).toMatchObject(empty);
  });
});

it("search says what it needs", async () => {
  const store = await openStore(await makeHome());
  const error = await refusal(store.searchThreads({ query: "x" }));
  expect(error.code).toBe("state_db_required");
  expect(error.message).toContain("search term");
});
