/**
 * What a recording is told as: names for what a store answered, calls in flight, refusals, clocks, listeners,
 * series, and values that have no literal.
 */
import { AssertionError } from "node:assert";
import { describe, expect, it } from "vitest";

import { createCallRecorder } from "../../src/testing/call-recorder.ts";
import { toLiteral } from "../../src/testing/code-literal.ts";
import { createManualClock, createSettableClock, type StorePlace } from "../../src/testing/index.ts";
import { userMessage } from "../../src/testing/law-steps.ts";
import { printOnLine } from "../../src/testing/literal-printer.ts";
import { fixtureWithBug } from "./planted-bug.ts";

/** What a law of a few calls would be told as. */
async function scriptOf(calls: (place: StorePlace) => Promise<void>, error?: unknown): Promise<string> {
  const recorder = createCallRecorder();
  const place = await recorder.recording(fixtureWithBug())();
  await calls(place);
  return recorder.script(error).script;
}

const metadata = { cwd: "/work/place" };

describe("a script", () => {
  it("names what a store answered, and says short answers", async () => {
    const script = await scriptOf(async (place) => {
      const store = await place.open();
      const { writer } = await store.createThread({ metadata });
      await store.appendItems({ writer, items: [userMessage("hi")] });
      await store.readThread({ threadId: writer.threadId });
      await store.close();
    });
    expect(script.split("\n")).toEqual([
      "const place = await fixture();",
      "const store = await place.open();",
      'const thread1 = await store.createThread({ metadata: { cwd: "/work/place" } });',
      "await store.appendItems({",
      "  writer: thread1.writer,",
      '  items: [{ type: "event_msg", payload: { type: "user_message", message: "hi" } }],',
      '}); // { firstOrdinal: 1, nextOrdinal: 2, duplicate: false, durability: "memory" }',
      "await store.readThread({ threadId: thread1.writer.threadId });",
      "await store.close();",
    ]);
  });

  it("awaits calls in flight as they settled, and refusals by their code", async () => {
    const script = await scriptOf(async (place) => {
      const store = await place.open();
      const { writer } = await store.createThread({ metadata });
      await Promise.allSettled([
        store.persistThread(writer),
        store.appendItems({ writer, items: [userMessage("late")], expectedOrdinal: 7 }),
      ]);
      await store.deleteThread("no id").catch(() => {});
    });
    expect(script.split("\n").slice(3)).toEqual([
      "const call1 = store.persistThread(thread1.writer);",
      "const call2 = rejects(",
      "  store.appendItems({",
      "    writer: thread1.writer,",
      '    items: [{ type: "event_msg", payload: { type: "user_message", message: "late" } }],',
      "    expectedOrdinal: 7,",
      "  }),",
      '  { code: "ordinal_conflict" },',
      ");",
      "await call1;",
      "await call2;",
      'await rejects(store.deleteThread("no id" as never), { code: "invalid_thread_id" });',
    ]);
  });

  it("makes the clock, and moves it where the law moved it", async () => {
    const script = await scriptOf(async (place) => {
      const clock = createSettableClock(1_000);
      const store = await place.open({ clock });
      clock.advance(5);
      await store.close();
      const manual = createManualClock({ startMs: 2_000 });
      await place.open({ clock: manual });
      manual.advance(7);
      manual.jumpWall(-3);
      await place.open();
    });
    expect(script.split("\n").slice(1)).toEqual([
      "const clock = createSettableClock(1000);",
      "const store = await place.open({ clock });",
      "clock.advance(5);",
      "await store.close();",
      "const clock2 = createManualClock({ startMs: 2000 });",
      "const store2 = await place.open({ clock: clock2 });",
      "await clock2.run(7);",
      "clock2.jumpWall(-3);",
      "const store3 = await place.open();",
    ]);
  });

  it("lets listeners do what the law's did", async () => {
    const script = await scriptOf(async (place) => {
      const store = await place.open();
      const unsubscribe = store.subscribe((event) => {
        if (event.type === "created") void store.loadHistory({ threadId: event.threadId });
      });
      const { writer } = await store.createThread({ metadata });
      await store.persistThread(writer);
      unsubscribe();
    });
    expect(script.split("\n").slice(2)).toEqual([
      "const told1: StoreEvent[] = [];",
      "const called1: Promise<unknown>[] = [];",
      "const unsubscribe1 = store.subscribe((event) => {",
      "  const nth = told1.push(event);",
      "  if (nth === 1) called1.push(store.loadHistory({ threadId: event.threadId }));",
      "});",
      'const thread1 = await store.createThread({ metadata: { cwd: "/work/place" } });',
      "await store.persistThread(thread1.writer);",
      "unsubscribe1();",
      "await Promise.all(called1);",
    ]);
  });

  it("writes a series as one, and long texts by code", async () => {
    const script = await scriptOf(async (place) => {
      const store = await place.open();
      const { writer } = await store.createThread({ metadata });
      for (let n = 3; n < 60; n += 1) {
        await store.appendItems({
          writer,
          items: [userMessage(`${n} ${"ab".repeat(70)}`)],
          idempotencyKey: `key ${n}`,
        });
      }
    });
    expect(script.split("\n").slice(3)).toEqual([
      "for (let n = 0; n < 57; n += 1) {",
      "  await store.appendItems({",
      "    writer: thread1.writer,",
      '    items: [{ type: "event_msg", payload: { type: "user_message", message: `${n + 3} ${"ab".repeat(70)}` } }],',
      "    idempotencyKey: `key ${n + 3}`,",
      "  });",
      "}",
    ]);
  });

  it("ends at a bound, for a store that keeps its caller busy for ever", async () => {
    const script = await scriptOf(async (place) => {
      const store = await place.open();
      for (let n = 0; n < 6_000; n += 1) await store.listThreads({ limit: 5 });
    });
    expect(script.split("\n").slice(2)).toEqual([
      "for (let n = 0; n < 4999; n += 1) {",
      "  await store.listThreads({ limit: 5 });",
      "}",
      "// … and 1001 calls more, which are not written down.",
    ]);
  });

  it("ends with what the law said", async () => {
    const said = await scriptOf(
      async (place) => void (await place.open()),
      new AssertionError({ actual: [1], expected: [2], operator: "deepStrictEqual", message: "one is two\nor not" }),
    );
    expect(said.split("\n").slice(2)).toEqual([
      "// The law says: one is two",
      "//   actual:   [1]",
      "//   expected: [2]",
    ]);
  });

  it("holds what has no literal as what it was called", () => {
    const plain = { text: () => undefined, object: () => undefined };
    const odd = {
      hole: [1, undefined],
      big: 3n,
      zero: -0,
      bytes: Uint8Array.of(1, 2),
      date: new Date(5),
      error: new TypeError("no"),
      "a-b": null,
      get thrown(): never {
        throw new Error("asked");
      },
    };
    expect(printOnLine(toLiteral(odd, plain), { reference: () => "" })).toBe(
      '{ hole: [1, undefined], big: 3n, zero: -0, bytes: Uint8Array.of(1, 2), date: new Date(5), error: {} /* a TypeError */, "a-b": null, thrown: undefined /* a getter */ }',
    );
    const refusing = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error("no");
        },
      },
    );
    const itself: unknown[] = [];
    itself.push(itself, refusing);
    expect(printOnLine(toLiteral(itself, plain), { reference: () => "" })).toBe(
      "[{} /* itself again */, {} /* an object that can't be looked at */]",
    );
  });
});
