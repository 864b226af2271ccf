/**
 * A node's rows over a scripted source: what is in them after the feed's end, how a reader is served before it, and
 * what becomes of threads that are archived, named, deleted or forked.
 */
import { expect, it } from "vitest";

import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { metaItem, turnItems } from "./reaching-logs.ts";
import { firstLines, idOf, linesOf, listedIds, openRows, saidTurn, threadIn } from "./log-rows-world.ts";
import { ScriptedLogSource } from "./scripted-log-source.ts";

const [FIRST, SECOND, THIRD] = [idOf(1), idOf(2), idOf(3)];

it("lists, finds and pages what the logs say after a refresh", async () => {
  const source = new ScriptedLogSource();
  source.append(FIRST, firstLines(FIRST, "the first numbat"));
  source.append(SECOND, firstLines(SECOND, "another"));
  const rows = await openRows(source);

  expect(await rows.refresh({ isDbOnly: false })).toMatchObject({ isComplete: true });
  expect(await listedIds(rows)).toEqual([SECOND, FIRST]);
  const found = await rows.search({ query: "numbat" });
  expect(found.data.map(({ thread }) => [thread.id, thread.path])).toEqual([[FIRST, null]]);
  const read = await rows.read(await threadIn(source, FIRST));
  expect(read?.turns.all().map(({ turn }) => turn.id)).toEqual(["turn-1"]);
  expect(read?.thread.preview).toBe("the first numbat");
  expect(rows.lag().isCaughtUp).toBe(true);
});

it("brings a thread up when it is read, before the feed is there", async () => {
  const source = new ScriptedLogSource();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock: createManualClock() });
  expect((await rows.read(await threadIn(source, FIRST)))?.nextOrdinal).toBe(source.logs()[0]?.lines.length);

  const next = source.append(FIRST, linesOf(saidTurn("turn-2", "again"), 10));
  const read = await rows.read(await threadIn(source, FIRST));
  expect(read?.nextOrdinal).toBe(next);
  expect(read?.turns.all().map(({ turn }) => turn.id)).toEqual(["turn-1", "turn-2"]);
  expect(source.pages).toBe(0);
});

it("has the lines of a fork that the feed never tells", async () => {
  const source = new ScriptedLogSource();
  const end = source.append(FIRST, firstLines(FIRST));
  const meta = linesOf([metaItem(SECOND, { forked_from_id: FIRST })])[0];
  if (meta !== undefined) source.fork(SECOND, meta, { threadId: FIRST, end });
  const rows = await openRows(source);
  await rows.refresh({ isDbOnly: false });
  const thread = (await rows.list({}, null)).rows.find(({ id }) => id === SECOND);
  expect(thread).toMatchObject({ preview: "hello numbat", forkedFromId: FIRST });
  source.append(SECOND, linesOf(saidTurn("turn-2", "in the fork"), 20));
  await rows.refresh({ isDbOnly: false });
  expect((await rows.search({ query: "in the fork" })).data.map((found) => found.thread.id)).toEqual([SECOND]);
});

it("follows archiving, naming and deleting", async () => {
  const source = new ScriptedLogSource();
  for (const id of [FIRST, SECOND, THIRD]) source.append(id, firstLines(id, `words of ${id}`));
  const rows = await openRows(source);
  await rows.refresh({ isDbOnly: false });
  source.change(FIRST, { archived: true });
  source.change(SECOND, { name: "The Name" });
  source.delete(THIRD);

  expect(await listedIds(rows)).toEqual([SECOND]);
  expect(await listedIds(rows, true)).toEqual([FIRST]);
  expect((await rows.list({ searchTerm: "the name" }, null)).rows.map(({ name }) => name)).toEqual(["The Name"]);
  expect((await rows.search({ query: THIRD })).data).toEqual([]);
  source.change(FIRST, { archived: false });
  source.change(SECOND, { name: undefined });
  expect(await listedIds(rows)).toEqual([SECOND, FIRST]);
  expect((await rows.list({}, null)).rows.map(({ name }) => name)).toEqual([null, null]);
});

it("sees what is held back from the feed when it is asked to, and says so when it is not", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock });
  await rows.refresh({ isDbOnly: false });
  const { asOfMs } = rows.lag();
  source.heldFrom = 2;
  clock.advance(1_000);
  source.append(SECOND, firstLines(SECOND));
  source.wake();
  await clock.run(1_000);
  expect(await rows.refresh({ isDbOnly: true })).toMatchObject({ asOfMs });
  expect(rows.lag().behindMs).toBeGreaterThanOrEqual(2_000);

  const { asOfMs: askedMs } = await rows.refresh({ isDbOnly: false });
  expect(askedMs).toBe(clock.nowMs());
  expect((await rows.list({}, null)).rows.map(({ id }) => id)).toEqual([SECOND, FIRST]);
});

it("follows by itself when it is woken, and is idle when it is not", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock });
  await clock.run(1);
  expect(rows.lag().isCaughtUp).toBe(true);
  const { pages } = source;
  await clock.run(60_000);
  expect(source.pages).toBe(pages);
  source.append(SECOND, firstLines(SECOND));
  for (let wake = 0; wake < 10; wake += 1) source.wake();
  await clock.run(300);
  expect((await rows.list({}, null)).rows.map(({ id }) => id)).toEqual([SECOND, FIRST]);
  expect(source.pages).toBe(pages + 1);
});

it("leaves lines that were written while a page was read to the next one", async () => {
  const source = new ScriptedLogSource();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source);
  await rows.refresh({ isDbOnly: false });
  source.append(FIRST, linesOf(saidTurn("turn-2", "in the page"), 10));
  const { changes } = source;
  source.changes = async (cursor) => {
    const page = await changes.call(source, cursor);
    source.changes = changes;
    source.append(FIRST, linesOf(saidTurn("turn-3", "behind the page"), 20));
    return { ...page, threads: [await threadIn(source, FIRST)] };
  };
  await rows.refresh({ isDbOnly: false });
  await rows.refresh({ isDbOnly: false });
  expect((await rows.search({ query: "behind the page" })).data.map(({ thread }) => thread.id)).toEqual([FIRST]);
  expect(source.linesRead).toBe(0);
});

it("goes on after a source that failed, and the lag shows how long it did", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock });
  await clock.run(1);
  source.append(SECOND, firstLines(SECOND));
  source.failures = 3;
  source.wake();
  await clock.run(300);
  expect(rows.lag().isCaughtUp).toBe(false);
  await expect(rows.refresh({ isDbOnly: false })).rejects.toMatchObject({ code: "connection_lost", retryable: true });
  await clock.run(2_000);
  expect(rows.lag()).toMatchObject({ isCaughtUp: true });
  expect((await rows.list({}, null)).rows.map(({ id }) => id)).toEqual([SECOND, FIRST]);
});

it.each([
  { everyMs: 1_000, takesMs: 0 },
  { everyMs: 5, takesMs: 0 },
  { everyMs: 5, takesMs: 1_000 },
])(
  "looks after growing delays at a source that fails within $takesMs ms, though it is woken each $everyMs ms",
  async ({ everyMs, takesMs }) => {
    const source = new ScriptedLogSource();
    const clock = createManualClock();
    source.append(FIRST, firstLines(FIRST));
    const delays = delaysBetweenLooks(source, { clock, takesMs });
    const rows = await openRows(source, { clock });
    const waiting = errorOf(rows.whenApplied({ threadId: FIRST, nextOrdinal: 99, waitMaxMs: 60_000 }));
    source.failures = Number.POSITIVE_INFINITY;
    for (let ms = 0; ms < 21_000; ms += everyMs) {
      source.wake();
      await clock.run(everyMs);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400]);
    await rows.close();
    expect(await waiting).toMatchObject({ code: "runtime_closed" });
  },
);

it("is at the feed's end soon after a source that failed for long has answered who asked", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock });
  await clock.run(1);
  source.failures = Number.POSITIVE_INFINITY;
  source.wake();
  await clock.run(10_000);
  source.failures = 0;
  const { changes } = source;
  source.changes = async (cursor) => {
    const page = await changes.call(source, cursor);
    source.changes = changes;
    source.append(SECOND, firstLines(SECOND));
    source.wake();
    return page;
  };
  await rows.refresh({ isDbOnly: false });
  await clock.run(300);
  expect((await rows.list({}, null)).rows.map(({ id }) => id)).toEqual([SECOND, FIRST]);
});

it("waits for a record that is not written yet, and says what it has when the time is over", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  const end = source.append(FIRST, firstLines(FIRST));
  const rows = await openRows(source, { clock });
  await rows.whenApplied({ threadId: FIRST, nextOrdinal: end });

  const waiting = rows.whenApplied({ threadId: FIRST, nextOrdinal: end + 1 });
  await clock.run(10);
  source.append(FIRST, linesOf(turnItems("turn-2"), 10));
  source.wake();
  await clock.run(100);
  await waiting;

  const late = errorOf(rows.whenApplied({ threadId: FIRST, nextOrdinal: 1_000, waitMaxMs: 500 }));
  await clock.run(500);
  expect(await late).toMatchObject({
    code: "timed_out",
    data: { threadId: FIRST, nextOrdinal: 1_000, actualNextOrdinal: source.logs()[0]?.lines.length, waitedMs: 500 },
  });
  await expect(rows.whenApplied({ threadId: THIRD, nextOrdinal: 1 })).rejects.toMatchObject({
    code: "thread_not_found",
  });
  expect(clock.pendingTimers()).toBe(0);
});

it("ends who waits when the thread is deleted or the rows are closed", async () => {
  const source = new ScriptedLogSource();
  const clock = createManualClock();
  source.append(FIRST, firstLines(FIRST));
  source.append(SECOND, firstLines(SECOND));
  const rows = await openRows(source, { clock });
  const gone = errorOf(rows.whenApplied({ threadId: FIRST, nextOrdinal: 99 }));
  const closed = errorOf(rows.whenApplied({ threadId: SECOND, nextOrdinal: 99 }));
  await clock.run(10);
  source.delete(FIRST);
  source.wake();
  await clock.run(100);
  expect(await gone).toMatchObject({ code: "thread_not_found" });
  await rows.close();
  expect(await closed).toMatchObject({ code: "runtime_closed" });
  await expect(rows.refresh({ isDbOnly: true })).rejects.toMatchObject({ code: "runtime_closed" });
});

it("tells who looks or reads while it is closed that it was", async () => {
  const source = new ScriptedLogSource();
  source.append(FIRST, firstLines(FIRST));
  source.append(SECOND, firstLines(SECOND));
  source.pageSize = () => 1;
  const rows = await openRows(source);
  const thread = await threadIn(source, FIRST);
  const calls = [
    errorOf(rows.refresh({ isDbOnly: false })),
    errorOf(rows.refresh({ isDbOnly: false })),
    errorOf(rows.read(thread)),
  ];
  await rows.close();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "runtime_closed" });
  await rows.close();
});

/** The times between the end of a look at the feed and the next one's begin, as they come. */
function delaysBetweenLooks(
  source: ScriptedLogSource,
  { clock, takesMs }: { readonly clock: ManualClock; readonly takesMs: number },
): readonly number[] {
  const delays: number[] = [];
  const { changes } = source;
  let endedMs: number | null = null;
  source.changes = async (cursor) => {
    if (endedMs !== null) delays.push(clock.monotonicMs() - endedMs);
    if (takesMs > 0) await new Promise<void>((resolve) => void clock.setTimer(takesMs, resolve));
    endedMs = clock.monotonicMs();
    return changes.call(source, cursor);
  };
  return delays;
}

/** What the work fails with; undefined when it does not. */
async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
