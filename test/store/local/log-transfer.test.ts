/**
 * Threads that move between homes: record for record the same bytes, with their names and their archive, whatever
 * stands in the homes besides; and what a kill, a full disk or another thread in the way leaves behind. M1–M3 are
 * copy-threads.ts's.
 */
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  type CopiedThread,
  type CopyProgress,
  type CopyReport,
  copyThreads,
  type CopyThreadsOptions,
  type LogTransfer,
} from "../../../src/store/index.ts";
import {
  type FileSystem,
  nodeFileSystem,
  openLocalLogTransfer,
  openLocalThreadStore,
} from "../../../src/store/local/index.ts";
import { arbHome, writeHome } from "../../../src/testing/arbitraries/index.ts";
import { createSeededRandom, createSimulatedDisk } from "../../../src/testing/simulation/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID, snapshot } from "./hand-made-rollouts.ts";
import { createKillableFiles } from "./killable-files.ts";
import { CODEX_HOME, collect, copyCodexHome, makeHome, message, openStore, refusal, seed } from "./store-lab.ts";

type CopyMore = Omit<CopyThreadsOptions, "from" | "to">;

interface Copied extends CopyReport {
  readonly threads: readonly CopiedThread[];
}

/** Copies from one home to another; `isExport`: as an export does. */
async function copy(from: string, to: string, more: CopyMore & { readonly isExport?: boolean } = {}): Promise<Copied> {
  const { isExport = false, ...options } = more;
  const threads: CopiedThread[] = [];
  const report = await copyThreads({
    from: await openLocalLogTransfer({ home: from }),
    to: await openLocalLogTransfer({ home: to, isExport }),
    replaces: isExport,
    onThread: (thread) => void threads.push(thread),
    ...options,
  });
  return { ...report, threads };
}

/** Each thread's records as bytes, with its name and its archive, by id. */
async function contentOf(home: string, fileSystem: FileSystem = nodeFileSystem): Promise<Record<string, unknown>> {
  const transfer = await openLocalLogTransfer({ home, fileSystem });
  const content: Record<string, unknown> = {};
  for (const { threadId, name, archived } of await transfer.threads(null)) {
    const lines = Buffer.concat(await collect(transfer.readLog(threadId))).toString("latin1");
    content[threadId] = { lines, name: name ?? null, archived };
  }
  return content;
}

async function leftovers(home: string): Promise<readonly string[]> {
  return (await readdir(home, { recursive: true })).filter((path) => path.includes("tmp"));
}

function countCalls(files: FileSystem, counted: { calls: number }): FileSystem {
  return new Proxy(files, {
    get: (target, name, receiver) => {
      counted.calls += 1;
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

function outcomes({ counts }: CopyReport): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

describe("moving a whole home", { timeout: 90_000 }, () => {
  it("brings every thread of a drawn home over and back, byte for byte, whatever else stands in it", async () => {
    await fc.assert(
      fc.asyncProperty(arbHome(), async (drawn) => {
        const [home, folder, other] = [await makeHome(), await makeHome(), await makeHome()];
        await writeHome(drawn, home);
        const before = await snapshot(home);
        const out = await copy(home, folder, { isExport: true });
        const back = await copy(folder, other);
        const content = await contentOf(home);
        expect(out.counts.failed + out.counts.conflict + back.counts.failed + back.counts.conflict).toBe(0);
        expect(out.counts.copied).toBe(Object.keys(content).length);
        expect(await contentOf(folder)).toEqual(content);
        expect(await contentOf(other)).toEqual(content);
        for (const { id } of drawn.threads) expect(content).toHaveProperty(id);
        expect(await snapshot(home)).toEqual(before);
        expect(outcomes(await copy(home, other))).toEqual(
          Object.keys(content).length === 0 ? {} : { same: Object.keys(content).length },
        );
      }),
      { numRuns: 40 },
    );
  });

  it("takes a home that Codex wrote file for file, its names, its archive and its times", async () => {
    const home = await copyCodexHome();
    const folder = await makeHome();
    const { counts, lineCount, byteCount } = await copy(home, folder);
    const rollouts = Object.entries(await snapshot(CODEX_HOME)).filter(([path]) => path.includes("rollout-"));
    expect(counts).toMatchObject({ copied: 17, failed: 0, conflict: 0 });
    const bytes = (folders: readonly (readonly [string, string])[]): Record<string, string> =>
      Object.fromEntries(folders.map(([path, text]) => [path.slice(path.lastIndexOf("/") + 1), text]));
    const copied = Object.entries(await snapshot(folder)).filter(([path]) => path.includes("rollout-"));
    expect(Object.values(bytes(copied)).toSorted()).toEqual(Object.values(bytes(rollouts)).toSorted());
    const text = rollouts.map(([, one]) => one).join("");
    expect([byteCount, lineCount]).toEqual([text.length, text.split("\n").length - 1]);
    expect(await contentOf(folder)).toEqual(await contentOf(home));
    const [before, after] = [await openStore(home), await openStore(folder)];
    for (const archived of [false, true]) {
      const [one, other] = [
        await before.listThreads({ archived, limit: 100 }),
        await after.listThreads({ archived, limit: 100 }),
      ];
      expect(other.data.map((thread) => ({ ...thread, path: null }))).toEqual(
        one.data.map((thread) => ({ ...thread, path: null })),
      );
    }
    const [newest] = (await after.listThreads({ sortKey: "updated_at" })).data;
    expect((await stat(newest?.path ?? "")).mtimeMs).toBe(newest?.updatedAtMs);
  });

  it("tells how far it is: threads and bytes, of how many, up to all", async () => {
    const home = await copyCodexHome();
    const told: CopyProgress[] = [];
    const { byteCount } = await copy(home, await makeHome(), { onProgress: (progress) => void told.push(progress) });
    const whole = { threadsTotal: 17, bytesTotal: byteCount };
    expect(told[0]).toEqual({ threadsDone: 0, bytesDone: 0, ...whole });
    expect(told.at(-1)).toEqual({ threadsDone: 17, bytesDone: byteCount, ...whole });
    for (const [index, { threadsDone, bytesDone }] of told.entries()) {
      expect(threadsDone).toBeGreaterThanOrEqual(told[index - 1]?.threadsDone ?? 0);
      expect(bytesDone).toBeGreaterThanOrEqual(told[index - 1]?.bytesDone ?? 0);
    }
  });

  it("takes what a home's own store wrote to the same folders and names, to be gone on with there", async () => {
    const [home, other] = [await makeHome(), await makeHome()];
    const store = await openStore(home);
    const { id } = await seed(store, [message("one")]);
    await store.updateThreadMetadata({ threadId: id, patch: { name: "called so" } });
    await store.close();
    await copy(home, other);
    const rollouts = async (from: string): Promise<unknown> =>
      Object.entries(await snapshot(from)).filter(([path]) => path.startsWith("sessions/"));
    expect(await rollouts(other)).toEqual(await rollouts(home));
    const there = await openStore(other);
    expect(await there.readThread({ threadId: id })).toMatchObject({ name: "called so" });
    const { writer } = await there.resumeThread({ threadId: id });
    await there.appendItems({ writer, items: [message("two")] });
  });
});

describe("what of a file is moved", () => {
  it("leaves a torn line, an append that isn't whole, and blank lines behind, and ends the last record", async () => {
    const whole = metaLine() + messageLine("a");
    const open = messageLine("half an append").replace(/\}\n$/, ',"skein":{"more":1}}\n');
    for (const [text, moved] of [
      [`${whole}{"timestamp":"2026`, whole],
      [whole + open, whole],
      [whole.slice(0, -1), whole],
      [`\n${whole.replace("\n", "\n  \n\r\n")}\n\n`, whole],
    ] as const) {
      const { home, file } = await homeWith(text);
      const other = await makeHome();
      expect(outcomes(await copy(home, other))).toEqual({ copied: 1 });
      expect(await contentOf(other)).toMatchObject({ [ODD_ID]: { lines: moved } });
      expect(await readFile(file, "utf8")).toBe(text);
    }
  });

  it("keeps lines that no reader understands, and lines longer than a block", async () => {
    const text = `${metaLine()}{not json}\n${messageLine("x".repeat(900_000))}\u0000\u0001\n${messageLine("end")}`;
    const { home } = await homeWith(text);
    const other = await makeHome();
    expect(await copy(home, other)).toMatchObject({ lineCount: 5, byteCount: text.length });
    expect(await contentOf(other)).toMatchObject({ [ODD_ID]: { lines: text } });
  });

  it("takes the file that readers take where several hold one thread", async () => {
    const { home, file } = await homeWith(metaLine() + messageLine("taken"));
    await mkdir(join(home, "archived_sessions"));
    await writeFile(join(home, "archived_sessions", `rollout-2026-05-05T10-00-00-${ODD_ID}.jsonl`), metaLine());
    const other = await makeHome();
    expect(outcomes(await copy(home, other))).toEqual({ copied: 1 });
    expect(await contentOf(other)).toMatchObject({
      [ODD_ID]: { lines: await readFile(file, "latin1"), archived: false },
    });
  });

  it("takes only the threads that are named, or those in the archive, and says which ones are not there", async () => {
    const home = await copyCodexHome();
    const [few, archived] = [await makeHome(), await makeHome()];
    const [first, second] = Object.keys(await contentOf(home));
    const missing = "01900000-0000-7000-8000-0000000000ff";
    const { counts, threads } = await copy(home, few, { threadIds: [first ?? "", second ?? "", first ?? "", missing] });
    expect(counts).toMatchObject({ copied: 2, failed: 1 });
    expect(threads.find(({ outcome }) => outcome === "failed")).toMatchObject({
      threadId: missing,
      error: { code: "thread_not_found" },
    });
    expect(outcomes(await copy(home, archived, { archived: true }))).toEqual({ copied: 1 });
    expect(Object.values(await contentOf(archived))).toMatchObject([{ archived: true, name: "Archived one" }]);
  });
});

describe("a place where the thread is already (M1)", () => {
  const older = metaLine() + messageLine("a");
  const newer = older + messageLine("b");

  it("is left as it is by an import: same, ahead, or a conflict that is told with the thread", async () => {
    for (const [from, to, outcome] of [
      [newer, newer, "same"],
      [older, newer, "ahead"],
      [newer, older, "conflict"],
      [older + messageLine("c"), newer, "conflict"],
    ] as const) {
      const [{ home }, { home: other, file }] = [await homeWith(from), await homeWith(to)];
      const { threads } = await copy(home, other);
      expect(threads).toMatchObject([{ threadId: ODD_ID, outcome }]);
      expect(threads[0]?.error?.code ?? null).toBe(outcome === "conflict" ? "thread_exists" : null);
      expect(await readFile(file, "utf8")).toBe(to);
    }
  });

  it("is brought up to a thread that grew, was named, or was put away since by the next export, and by nothing else", async () => {
    const { home, file } = await homeWith(older);
    const folder = await makeHome();
    await copy(home, folder, { isExport: true });
    expect(outcomes(await copy(home, folder, { isExport: true }))).toEqual({ same: 1 });
    await appendFile(file, messageLine("b"));
    expect(outcomes(await copy(home, folder, { isExport: true }))).toEqual({ grown: 1 });
    const store = await openStore(home);
    await store.archiveThread(ODD_ID);
    expect(outcomes(await copy(home, folder, { isExport: true }))).toEqual({ renamed: 1 });
    await writeFile(join(home, "session_index.jsonl"), `{"id":"${ODD_ID}","thread_name":"so","updated_at":""}\n`);
    expect(outcomes(await copy(home, folder, { isExport: true }))).toEqual({ renamed: 1 });
    expect(await contentOf(folder)).toEqual({ [ODD_ID]: { lines: newer, name: "so", archived: true } });
    expect((await readdir(folder, { recursive: true })).filter((path) => path.endsWith("Z.jsonl"))).toEqual([]);
    await rm(join(home, "archived_sessions"), { recursive: true });
    const { home: third } = await homeWith(metaLine(ODD_ID, { cwd: "/elsewhere" }));
    expect(outcomes(await copy(third, folder, { isExport: true }))).toEqual({ conflict: 1 });
    expect(await contentOf(folder)).toEqual({ [ODD_ID]: { lines: newer, name: "so", archived: true } });
    expect((await readdir(folder, { recursive: true })).filter((path) => path.includes(ODD_ID))).toHaveLength(1);
  });

  it("refuses to replace threads in a home that others write to", async () => {
    const [{ home }, other] = [await homeWith(older), await makeHome()];
    expect((await refusal(copy(home, other, { replaces: true }))).code).toBe("unsupported");
  });
});

describe("what goes wrong on the way (M2, M3)", () => {
  it("tells a file that can't be read with its thread, and goes on with the others", async () => {
    const home = await copyCodexHome();
    const [first] = Object.keys(await contentOf(home));
    const other = await makeHome();
    const from = await openLocalLogTransfer({ home });
    const to = await openLocalLogTransfer({ home: other });
    await from.threads(null);
    const path = (await readdir(home, { recursive: true })).find((name) => name.endsWith(`${first}.jsonl`)) ?? "";
    await rename(join(home, path), join(home, "gone.jsonl"));
    const threads: CopiedThread[] = [];
    const ids = (await from.threads(null)).map(({ threadId }) => threadId);
    await copyThreads({ from, to, threadIds: [first ?? "", ...ids], onThread: (one) => void threads.push(one) });
    expect(threads.filter(({ outcome }) => outcome === "failed")).toMatchObject([{ threadId: first }]);
    expect(threads.filter(({ outcome }) => outcome === "copied")).toHaveLength(16);
  });

  it("stores nothing of lines that are another thread's, no thread's, or torn", async () => {
    const home = await makeHome();
    const to = await openLocalLogTransfer({ home });
    const other = "01900000-0000-7000-8000-000000000002";
    for (const text of ["", messageLine("no meta"), metaLine(other), metaLine() + '{"torn":', "\n\n"]) {
      const lines = (async function* (): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(Buffer.from(text));
      })();
      const incoming = { threadId: ODD_ID, archived: false, name: "x", lines };
      expect((await refusal(to.writeLog(incoming))).code).toBe("rollout_unreadable");
    }
    expect(await to.threads(null)).toEqual([]);
    expect(await snapshot(home)).toEqual({});
  });

  it("stores nothing of a thread that isn't what was written down of it", async () => {
    const [{ home }, other] = [await homeWith(metaLine() + messageLine("changed")), await makeHome()];
    const expected = () => ({ lineCount: 2, byteCount: 1, sha256: "0".repeat(64) });
    const { threads } = await copy(home, other, { expected });
    expect(threads).toMatchObject([
      { outcome: "failed", error: { code: "digest_mismatch", data: { actualLines: 2 } } },
    ]);
    expect(await snapshot(other)).toEqual({});
    await copy(home, other);
    expect((await copy(home, other, { expected })).threads).toMatchObject([{ outcome: "failed" }]);
  });

  it("ends at a full disk with nothing half-written, and the next copy goes on", async () => {
    const home = await copyCodexHome();
    const other = await makeHome();
    const disk = faultyDisk();
    disk.faults.bytesLeft = 100_000;
    const from = await openLocalLogTransfer({ home });
    const full = await openLocalLogTransfer({ home: other, fileSystem: disk });
    expect((await refusal(copyThreads({ from, to: full }))).code).toBe("disk_full");
    expect(await leftovers(other)).toEqual([]);
    const there = Object.keys(await contentOf(other)).length;
    expect(there).toBeLessThan(17);
    expect(outcomes(await copy(home, other))).toEqual({ copied: 17 - there, ...(there > 0 ? { same: there } : {}) });
    expect(await contentOf(other)).toEqual(await contentOf(home));
  });

  it("ends where its signal says so, with the signal's reason, and the next copy goes on", async () => {
    const home = await copyCodexHome();
    const other = await makeHome();
    const ended = new AbortController();
    const onProgress: CopyThreadsOptions["onProgress"] = ({ threadsDone }) => {
      if (threadsDone >= 5) ended.abort(new Error("enough"));
    };
    await expect(copy(home, other, { signal: ended.signal, onProgress })).rejects.toThrow("enough");
    expect(await leftovers(other)).toEqual([]);
    const { counts } = await copy(home, other);
    expect(counts.same).toBeGreaterThanOrEqual(5);
    expect(counts.same + counts.copied).toBe(17);
    expect(await contentOf(other)).toEqual(await contentOf(home));
  });

  it("has each thread whole or not at all after a kill at any step, and is gone on with", async () => {
    const home = await copyCodexHome();
    const content = await contentOf(home);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 400 }), async (steps) => {
        const other = await makeHome();
        const { files, kill } = createKillableFiles(nodeFileSystem, { isSlow: true });
        const from = await openLocalLogTransfer({ home });
        const to = await openLocalLogTransfer({ home: other, fileSystem: files });
        // A killed process answers nobody.
        void copyThreads({ from, to }).catch(() => undefined);
        for (let step = 0; step < steps; step += 1) await new Promise<void>((resolve) => setImmediate(resolve));
        await kill();
        const store = await openLocalThreadStore({ home: other });
        for (const { id } of (await store.listThreads({ limit: 100 })).data) expect(content).toHaveProperty(id);
        await store.close();
        for (const [id, one] of Object.entries(await contentOf(other))) expect(one).toEqual(content[id]);
        await copy(home, other);
        expect(await contentOf(other)).toEqual(content);
      }),
      { numRuns: 12 },
    );
  });

  /** Copies threads to a disk of its own, lets the power go after so many calls of it, and goes on afterwards. */
  async function cutThePower(
    copied: CopyMore & { readonly home: string; readonly seed: string; readonly steps: number },
  ): Promise<{
    readonly told: readonly string[];
    readonly there: Record<string, unknown>;
    readonly after: Record<string, unknown>;
  }> {
    const { home, seed: seedText, steps, ...more } = copied;
    const disk = createSimulatedDisk({ random: createSeededRandom(seedText), nowMs: () => 1_800_000_000_000 });
    disk.prepareFolder("/home/skein");
    const counted = { calls: 0 };
    const { files, kill } = createKillableFiles(countCalls(disk.direct(), counted), { isSlow: true });
    const from = await openLocalLogTransfer({ home });
    const to = await openLocalLogTransfer({ home: "/home/skein", fileSystem: files });
    const told: string[] = [];
    const onThread = ({ threadId }: CopiedThread): void => void told.push(threadId);
    const ended = copyThreads({ from, to, onThread, ...more }).catch(() => undefined);
    let isOver = false;
    void ended.then(() => (isOver = true));
    // A killed process answers nobody; one that is through answers before.
    while (!isOver && counted.calls < steps) await new Promise<void>((resolve) => setImmediate(resolve));
    await kill();
    disk.powerCut();
    const there = await contentOf("/home/skein", disk.direct());
    const again = await openLocalLogTransfer({ home: "/home/skein", fileSystem: disk.direct() });
    await copyThreads({ from, to: again, ...more });
    return { told, there, after: await contentOf("/home/skein", disk.direct()) };
  }

  it("has what was told as copied after the power is cut, with its name, and of the others nothing or all (M2)", async () => {
    const home = await copyCodexHome();
    const content = await contentOf(home);
    const named = ["01a20233-2f38-71b0-b18d-c572047b3d17", "01a20233-5561-73a0-92fd-b6c40ae66519"];
    const ends = { whole: 0, none: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...named),
        fc.integer({ min: 0, max: 120 }),
        fc.string(),
        async (id, steps, text) => {
          const { told, there, after } = await cutThePower({ home, seed: text, steps, threadIds: [id] });
          if (told.length > 0) expect(there).toHaveProperty(id);
          for (const one of Object.values(there)) expect(one).toEqual(content[id]);
          ends[Object.keys(there).length > 0 ? "whole" : "none"] += 1;
          expect(after).toEqual({ [id]: content[id] });
        },
      ),
      { numRuns: 60 },
    );
    expect([ends.whole > 0, ends.none > 0]).toEqual([true, true]);
  });

  it("has every thread after the power is cut behind the last one's answer", async () => {
    const home = await copyCodexHome();
    for (const seedText of ["a", "b", "c"]) {
      const { told, there } = await cutThePower({ home, seed: seedText, steps: 100_000 });
      expect(told).toHaveLength(17);
      expect(there).toEqual(await contentOf(home));
    }
  });

  it("tells a thread that isn't read back as it was sent as failed (M2)", async () => {
    const home = await copyCodexHome();
    const from = await openLocalLogTransfer({ home });
    const to = await openLocalLogTransfer({ home: await makeHome() });
    const forgetful: LogTransfer = {
      ...to,
      readLog: async function* (threadId) {
        const lines = Buffer.concat(await collect(to.readLog(threadId)));
        yield lines.subarray(0, lines.lastIndexOf("\n", -2) + 1);
      },
    };
    const threads: CopiedThread[] = [];
    await copyThreads({ from, to: forgetful, onThread: (one) => void threads.push(one) });
    expect(new Set(threads.map(({ outcome, error }) => `${outcome} ${error?.code}`))).toEqual(
      new Set(["failed digest_mismatch"]),
    );
  });

  it("removes what a killed process left aside, and leaves what another one is writing", async () => {
    const [home, other] = [await copyCodexHome(), await makeHome()];
    await mkdir(join(other, "sessions"));
    const { hostname } = await import("node:os");
    const machine = hostname().replaceAll(/[^A-Za-z0-9-]/g, "_");
    const dead = `${ODD_ID}.${machine}.4194999-0.fork-tmp`;
    const alive = `${ODD_ID}.${machine}.${process.ppid}-0.fork-tmp`;
    const elsewhere = `${ODD_ID}.another-machine.4194999-0.fork-tmp`;
    for (const name of [dead, alive, elsewhere]) await writeFile(join(other, "sessions", name), "{");
    await copy(home, other);
    expect((await leftovers(other)).toSorted()).toEqual([`sessions/${alive}`, `sessions/${elsewhere}`].toSorted());
  });
});
