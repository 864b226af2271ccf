/**
 * What a session keeps of the threads that its client asks for and gives up: ones that were asked for while another of
 * their id was let go, given up in their turn before they were begun or after.
 */
import { describe, expect, test } from "vitest";

import type { OpenedThread, ThreadWriter } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { SessionCreations } from "../../../src/store/remote/session-creations.ts";

const threadId = "01900000-0000-7000-8000-000000000001";

/** Makings of one thread in a real store, each of which is answered when it is released. */
function creationsOfOneThread() {
  const store = createMemoryThreadStore();
  const creations = new SessionCreations();
  const begun: string[] = [];
  const releases = new Map<string, () => void>();
  const make = async (key: string): Promise<OpenedThread> => {
    begun.push(key);
    const opened = await store.createThread({ threadId, metadata: { cwd: "/work" } });
    await new Promise<void>((resolve) => releases.set(key, resolve));
    return opened;
  };
  const once = (key: string): Promise<string> =>
    creations
      .once({ key, threadId }, () => make(key))
      .then(
        () => "made",
        (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "?"),
      );
  const giveUp = (...keys: string[]): void => {
    creations.abandon(keys, async (writer: ThreadWriter) => {
      await store.shutdownThread(writer);
      creations.forget(writer);
    });
  };
  const release = async (key: string): Promise<void> => {
    await expect.poll(() => releases.has(key)).toBe(true);
    releases.get(key)?.();
  };
  return { once, giveUp, release, begun };
}

describe("a thread of an id that is being let go", () => {
  test("is never begun when it is given up before that, and the next one of its id is", async () => {
    const { once, giveUp, release, begun } = creationsOfOneThread();
    const outcomes = [once("first")];
    giveUp("first");
    outcomes.push(once("second"));
    giveUp("second");
    outcomes.push(once("third"));
    await release("first");
    await release("third");
    expect(await Promise.all(outcomes)).toEqual(["made", "aborted", "made"]);
    expect(begun).toEqual(["first", "third"]);
  });

  test("is let go when it was begun before it is given up, and the next one of its id waits for that", async () => {
    const { once, giveUp, release, begun } = creationsOfOneThread();
    const outcomes = [once("first")];
    giveUp("first");
    outcomes.push(once("second"));
    await release("first");
    await expect.poll(() => begun).toEqual(["first", "second"]);
    giveUp("second");
    outcomes.push(once("third"));
    await release("second");
    await release("third");
    expect(await Promise.all(outcomes)).toEqual(["made", "made", "made"]);
  });

  test("waits for all that were given up with it, also where the newest of them failed", async () => {
    const { once, giveUp, release, begun } = creationsOfOneThread();
    const outcomes = [once("first"), once("refused")];
    giveUp("first", "refused");
    outcomes.push(once("third"));
    await release("first");
    await release("third");
    expect(await Promise.all(outcomes)).toEqual(["made", "thread_exists", "made"]);
    expect(begun).toEqual(["first", "refused", "third"]);
  });

  test("is made once for all that ask with its key, also while it waits", async () => {
    const { once, giveUp, release, begun } = creationsOfOneThread();
    const outcomes = [once("first")];
    giveUp("first");
    outcomes.push(once("second"), once("second"));
    await release("first");
    await release("second");
    expect(await Promise.all(outcomes)).toEqual(["made", "made", "made"]);
    expect(begun).toEqual(["first", "second"]);
  });
});

describe("a thread whose writer went", () => {
  test("is not made again with its key, as long as no thousand others went", async () => {
    const store = createMemoryThreadStore();
    const creations = new SessionCreations();
    const make = async (key: string): Promise<OpenedThread> =>
      creations.once({ key, threadId: undefined }, () => store.createThread({ metadata: { cwd: "/work" } }));
    const first = await make("first");
    creations.forget(first.writer);
    for (let count = 1; count < 1_000; count += 1) creations.forget((await make(`other ${count}`)).writer);
    expect(await make("first")).toBe(first);
    creations.forget((await make("one more")).writer);
    expect(await make("first")).not.toBe(first);
  });
});
