/**
 * One home and its state DB among real processes: many that open it at once, a filler that is killed or
 * stopped, owners of threads that die, and many that list, search, append and name all the time. Waits are
 * bounded; nothing is timed. `npm run state-db-stress` runs the busy ones longer.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type GeneratedHome, generateHome } from "../../bench/home-generator.ts";
import { type Ack, type ChildAnswer, type ListedThread, runBusy, StateDbChild, type Verified } from "./state-db-run.ts";

/** Long for a computer, short for a test: who is stopped must be waited out. */
const SHORT_TTL_MS = 400;
/** Longer than a test: what is taken before it is over was proven to be free. */
const LONG_TTL_MS = 60_000;
const KILLS = 8;

let home = "";
let children: StateDbChild[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "skein-state-db-processes-"));
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  children = [];
  rmSync(home, { recursive: true, force: true });
});

function start(ttlMs: number): StateDbChild {
  const child = new StateDbChild(home, ttlMs);
  children.push(child);
  return child;
}

async function startOpened(ttlMs: number): Promise<StateDbChild> {
  const child = start(ttlMs);
  await child.get({ do: "open" });
  return child;
}

/** A home of about 150 threads and 6 MB, or of so many and what they need. */
function fillHome(threads = 150): GeneratedHome {
  return generateHome(home, { threads, bytes: threads * 40_000, seed: 7 });
}

interface Opening {
  readonly filled: { readonly folded: number; readonly filesTotal: number } | null;
}

async function idsOf(child: StateDbChild): Promise<readonly string[]> {
  return (await child.get<readonly ListedThread[]>({ do: "list" })).map(({ id }) => id);
}

async function expectSame(child: StateDbChild, atLeast: number): Promise<void> {
  const { same, others } = await child.get<Verified>({ do: "verify" });
  expect(others).toEqual([]);
  expect(same).toBeGreaterThanOrEqual(atLeast);
}

/** Asks until the answer is another than that another process has the thread. */
async function resumeWhenFree(child: StateDbChild, threadId: string): Promise<ChildAnswer> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const answer = await child.ask({ do: "resume", threadId });
    if (answer.failed?.code !== "thread_owned_elsewhere") return answer;
    if (performance.now() > endMs) throw new Error("a thread was refused for 20 s");
  }
}

describe("opening", () => {
  test("of five processes that open a home at once one fills it, and all list the same complete set", async () => {
    const { threads } = fillHome();
    const openers = Array.from({ length: 5 }, () => start(LONG_TTL_MS));
    const openings = await Promise.all(openers.map((child) => child.get<Opening>({ do: "open" })));
    const filled = openings.map((opening) => opening.filled).filter((report) => report !== null);
    expect(filled).toMatchObject([{ folded: threads.length, filesTotal: threads.length }]);
    const lists = await Promise.all(openers.map(idsOf));
    const [first = []] = lists;
    expect(first.toSorted()).toEqual(threads.map(({ id }) => id).toSorted());
    for (const list of lists) expect(list).toEqual(first);
    for (const child of openers) {
      const threadId = await child.get<string>({ do: "create" });
      await child.get({ do: "append", threadId, text: "works" });
    }
    expect(await Promise.all(openers.map(idsOf))).toEqual(openers.map(() => expect.objectContaining({ length: 155 })));
  });

  test("what a filler that was killed had filled is kept, and the next goes on at once", async () => {
    const { threads } = fillHome();
    const victim = start(LONG_TTL_MS);
    victim.send({ do: "open", stopAfter: 40 });
    expect(await victim.next()).toMatchObject({ done: { filesTotal: threads.length } });
    await victim.kill();
    const heir = start(LONG_TTL_MS);
    // It waits less than the TTL: it gets through only because the filler is proven dead.
    const { filled } = await heir.get<Opening>({ do: "open" });
    expect(filled?.folded).toBeGreaterThan(0);
    expect(filled?.folded).toBeLessThan(threads.length);
    expect(await heir.get({ do: "compare" })).toEqual({ threads: threads.length, differing: [] });
    await expectSame(heir, threads.length);
  });

  test("a filler stopped past its TTL is taken over from, and its opening is refused when it wakes", async () => {
    const { threads } = fillHome();
    const sleeper = start(SHORT_TTL_MS);
    sleeper.send({ do: "open", stopAfter: 40 });
    expect(await sleeper.next()).toMatchObject({ done: { filesTotal: threads.length } });
    const taker = start(SHORT_TTL_MS);
    const { filled } = await taker.get<Opening>({ do: "open" });
    expect(filled?.folded).toBeLessThan(threads.length);
    sleeper.wake();
    expect(await sleeper.next()).toMatchObject({ failed: { code: "lease_lost" } });
    expect(await taker.get({ do: "compare" })).toEqual({ threads: threads.length, differing: [] });
    await expectSame(taker, threads.length);
  });
});

describe("a thread", () => {
  test("of another process is refused by its pid, can be followed and read, and taken when that one is dead", async () => {
    const [owner, other] = [await startOpened(LONG_TTL_MS), await startOpened(LONG_TTL_MS)];
    const threadId = await owner.get<string>({ do: "create" });
    await owner.get({ do: "append", threadId, text: "first" });
    expect(await other.ask({ do: "resume", threadId })).toMatchObject({
      failed: { code: "thread_owned_elsewhere", data: { pid: owner.pid } },
    });
    const following = other.get({ do: "follow", threadId, text: "second" });
    await owner.get({ do: "append", threadId, text: "second" });
    expect(await following).toBe("second");
    expect(await other.get({ do: "turns", threadId })).toHaveLength(2);
    await owner.kill();
    await other.get({ do: "resume", threadId });
    await other.get({ do: "append", threadId, text: "third" });
    expect(await other.get({ do: "turns", threadId })).toHaveLength(3);
    await expectSame(other, 1);
  });

  test("taken from an owner that was stopped past its TTL gets nothing of that owner's any more", async () => {
    const [sleeper, taker] = [await startOpened(SHORT_TTL_MS), await startOpened(SHORT_TTL_MS)];
    const threadId = await sleeper.get<string>({ do: "create" });
    await sleeper.get({ do: "append", threadId, text: "before" });
    await sleeper.get({ do: "stop" });
    sleeper.send({ do: "append", threadId, text: "too late" });
    expect(await resumeWhenFree(taker, threadId)).toEqual({ done: null });
    await taker.get({ do: "append", threadId, text: "taken" });
    sleeper.wake();
    expect(await sleeper.next()).toEqual({ done: "awake" });
    expect(await sleeper.next()).toMatchObject({
      failed: { code: "thread_owned_elsewhere", data: { pid: taker.pid } },
    });
    const history = await taker.get<string>({ do: "history", threadId });
    expect(history).toContain("taken");
    expect(history).not.toContain("too late");
    await taker.get({ do: "append", threadId, text: "after" });
    expect(await taker.get({ do: "turns", threadId })).toHaveLength(3);
    await expectSame(taker, 1);
  });
});

describe("many processes", () => {
  test("that list, search, append and name at once see no lock, and lose nothing", { timeout: 60_000 }, async () => {
    fillHome(30);
    const totals = await runBusy({ home, processes: 4, seconds: 4, ttlMs: LONG_TTL_MS });
    expect(totals.acks).toBeGreaterThan(20);
    expect(totals.lists).toBeGreaterThan(4);
  });

  test("miss no thread in a list while another rebuilds the rows", { timeout: 60_000 }, async () => {
    fillHome(60);
    let rebuilds = 0;
    const meanwhile = async (child: StateDbChild): Promise<void> => {
      for (; rebuilds < 3; rebuilds += 1) await child.get({ do: "rebuild" });
    };
    const totals = await runBusy({ home, processes: 2, seconds: 4, ttlMs: LONG_TTL_MS, meanwhile });
    expect(rebuilds).toBe(3);
    expect(totals.acks).toBeGreaterThan(10);
  });
});

describe("a process that appends", () => {
  test("and is killed eight times leaves rows that the next sweep makes right", { timeout: 60_000 }, async () => {
    fillHome(10);
    const acks: Ack[] = [];
    let child = await startOpened(LONG_TTL_MS);
    for (const lifetime of fc.sample(fc.integer({ min: 1, max: 60 }), KILLS)) {
      child.send({ do: "pour" });
      for (let n = 0; n < lifetime; n += 1) acks.push((await child.next())?.done as Ack);
      await child.kill();
      child = await startOpened(LONG_TTL_MS);
      await child.get({ do: "sweep" });
      await expectSame(child, 10);
      expect(await child.get({ do: "missing", acks })).toEqual([]);
    }
    expect(acks.length).toBeGreaterThanOrEqual(KILLS);
  });
});
