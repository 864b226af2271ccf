/**
 * Finding a thread's file: by id wherever it stands, in odd folders and under odd names, moved behind the
 * store's back, and when several files hold one id.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID, writeInto } from "./hand-made-rollouts.ts";
import { idsOf, makeHome, message, openStore, refusal, seed, textsOf } from "./store-lab.ts";

const OTHER_ID = "01900000-0000-7000-8000-000000000002";
const NAME = `rollout-2026-05-05T10-00-00-${ODD_ID}.jsonl`;
const LOG = metaLine() + messageLine("found");

describe("a thread is found", () => {
  it.each([
    ["in its dated folder", `sessions/2026/05/05/${NAME}`],
    ["in a folder of unpadded numbers", `sessions/2026/5/6/${NAME}`],
    ["in an odd folder", `sessions/odd/${NAME}`],
    ["in sessions itself", `sessions/${NAME}`],
    ["in the archive", `archived_sessions/${NAME}`],
    ["nested in the archive", `archived_sessions/2026/05/${NAME}`],
    ["under a name of another form", `sessions/2026/05/05/copy of ${ODD_ID}.jsonl`],
    ["under an upper-case name", `sessions/2026/05/05/${NAME.toUpperCase().replace(".JSONL", ".jsonl")}`],
    ["under a name that says nothing", "sessions/2026/05/05/thread.jsonl"],
    ["under the name of another thread", `sessions/2026/05/05/rollout-2026-05-05T10-00-00-${OTHER_ID}.jsonl`],
  ])("%s", async (_where, path) => {
    const home = await makeHome();
    await writeInto(join(home, path), LOG);
    const store = await openStore(home);
    expect(await textsOf(store, ODD_ID)).toEqual(["found"]);
    expect(await idsOf(store)).toEqual([ODD_ID]);
    const { path: found, archived } = await store.readThread({ threadId: ODD_ID });
    expect([found, archived]).toEqual([join(home, path), path.startsWith("archived")]);
    expect((await refusal(store.readThread({ threadId: OTHER_ID }))).code).toBe("thread_not_found");
    const { writer } = await store.resumeThread({ threadId: ODD_ID });
    await store.appendItems({ writer, items: [message("on")] });
    expect(await textsOf(store, ODD_ID)).toEqual(["found", "on"]);
  });

  it("again when it was moved behind the store's back", async () => {
    const { home, file } = await homeWith(LOG);
    const store = await openStore(home);
    await store.readThread({ threadId: ODD_ID });
    const moved = join(home, "sessions/elsewhere", NAME);
    await mkdir(dirname(moved), { recursive: true });
    await rename(file, moved);
    expect((await store.readThread({ threadId: ODD_ID })).path).toBe(moved);
    await rm(moved);
    expect((await refusal(store.readThread({ threadId: ODD_ID }))).code).toBe("thread_not_found");
    expect((await refusal(store.resumeThread({ threadId: ODD_ID }))).code).toBe("thread_not_found");
  });

  it("without reading other folders when it stands in its own day's", async () => {
    const disk = faultyDisk();
    const home = await makeHome();
    const store = await openStore(home);
    const { id, file } = await seed(store);
    for (let day = 10; day < 28; day += 1) await mkdir(join(home, `sessions/2020/01/${day}`), { recursive: true });
    const fresh = await openStore(home, { fileSystem: disk });
    const before = disk.calls["readDirectory"] ?? 0;
    expect((await fresh.readThread({ threadId: id })).path).toBe(file);
    expect((disk.calls["readDirectory"] ?? 0) - before).toBe(3);
  });
});

describe("several files with one id", () => {
  const inFolder = `sessions/2026/05/05/${NAME}`;
  const longer = LOG + messageLine("longer");

  it.each([
    ["the live one before the archived one", { [inFolder]: LOG, [`archived_sessions/${NAME}`]: longer }, inFolder],
    [
      "the longer of two live ones",
      { [inFolder]: LOG, [`sessions/2026/05/06/${NAME}`]: longer },
      `sessions/2026/05/06/${NAME}`,
    ],
    [
      "the first by path of two alike",
      { [`sessions/b/${NAME}`]: LOG, [`sessions/a/${NAME}`]: LOG },
      `sessions/a/${NAME}`,
    ],
  ])("read, list and resume take %s", async (_which, files: Record<string, string>, taken) => {
    const home = await makeHome();
    for (const [path, log] of Object.entries(files)) await writeInto(join(home, path), log);
    const store = await openStore(home);
    const { data } = await store.listThreads();
    const read = await store.readThread({ threadId: ODD_ID });
    const resumed = await store.resumeThread({ threadId: ODD_ID });
    expect([data.map((thread) => thread.path), read.path, resumed.path]).toEqual([
      [join(home, taken)],
      join(home, taken),
      join(home, taken),
    ]);
    const cold = await openStore(home);
    expect((await cold.readThread({ threadId: ODD_ID })).path).toBe(join(home, taken));
  });

  it("are all removed when the thread is deleted", async () => {
    const home = await makeHome();
    for (const path of [inFolder, `archived_sessions/${NAME}`]) await writeInto(join(home, path), LOG);
    const store = await openStore(home);
    await store.deleteThread(ODD_ID);
    expect((await refusal(store.readThread({ threadId: ODD_ID }))).code).toBe("thread_not_found");
  });

  it("are not written over by archiving one of them", async () => {
    const home = await makeHome();
    for (const path of [inFolder, `archived_sessions/${NAME}`]) await writeInto(join(home, path), LOG);
    const store = await openStore(home);
    const error = await refusal(store.archiveThread(ODD_ID));
    expect([error.code, error.message.includes("in the way")]).toEqual(["io_error", true]);
    expect((await store.readThread({ threadId: ODD_ID })).archived).toBe(false);
  });
});

describe("reading by path", () => {
  it("takes paths of the home and absolute ones, and leaves the id to the file", async () => {
    const { home, file } = await homeWith(LOG);
    const store = await openStore(home);
    for (const rolloutPath of [file, file.slice(home.length + 1)]) {
      const thread = await store.readThreadByRolloutPath({ rolloutPath, includeHistory: true });
      expect([thread.id, thread.history?.length, thread.path]).toEqual([ODD_ID, 2, file]);
    }
  });

  it.each([
    ["nothing there", "sessions/nothing.jsonl", undefined, "no file"],
    ["a folder", "sessions", undefined, "not a file"],
    ["an empty file", "sessions/empty.jsonl", "", "empty"],
    ["only blank lines", "sessions/blank.jsonl", "\n \n\n", "session_meta"],
    ["no rollout", "sessions/odd.jsonl", "hello\nworld\n", "session_meta"],
    ["a byte order mark", "sessions/bom.jsonl", `\u{feff}${LOG}`, "session_meta"],
    ["a session_meta too late", "sessions/late.jsonl", messageLine("x").repeat(10) + LOG, "session_meta"],
    ["a session_meta that lacks its cwd", "sessions/lacks.jsonl", metaLine(ODD_ID, { cwd: undefined }), "session_meta"],
  ])("says what is wrong: %s", async (_what, rolloutPath, bytes, why) => {
    const { home } = await homeWith(LOG, OTHER_ID);
    if (bytes !== undefined) await writeInto(join(home, rolloutPath), bytes);
    const store = await openStore(home);
    const error = await refusal(store.readThreadByRolloutPath({ rolloutPath }));
    expect(error.code).toBe("rollout_unreadable");
    expect(error.message).toContain(why);
  });

  it("resumes exactly that file, and refuses one that holds another thread", async () => {
    const { home, file } = await homeWith(LOG);
    const copy = join(home, "sessions/copies", NAME);
    await writeInto(copy, LOG + messageLine("copied"));
    const store = await openStore(home);
    const resumed = await store.resumeThread({ threadId: ODD_ID, rolloutPath: `sessions/2026/05/05/${NAME}` });
    expect([resumed.path, resumed.nextOrdinal]).toEqual([file, 2]);
    const wrong = store.resumeThread({ threadId: OTHER_ID, rolloutPath: copy });
    expect((await refusal(wrong)).code).toBe("invalid_argument");
  });
});

it("a file that bears a thread's name and is no rollout is said to be unreadable, not missing", async () => {
  const { home } = await homeWith("garbage\n");
  const store = await openStore(home);
  const error = await refusal(store.readThread({ threadId: ODD_ID }));
  expect([error.code, String(error.data["path"]).startsWith(home)]).toEqual(["rollout_unreadable", true]);
});
