/**
 * Owners that are gone, asleep, or no longer the owner: who takes the thread up, what the clients are told, and that
 * nothing is done twice.
 */
import { describe, expect, test } from "vitest";

import { openNode, type TestNode } from "./relay-world.ts";
import { createLeasedStore, type LeasedStore } from "./leased-store.ts";
import type { TestClient } from "../server-fixture.ts";

interface Followed {
  readonly shared: LeasedStore;
  readonly owner: TestNode;
  readonly other: TestNode;
  readonly atOwner: TestClient;
  readonly atOther: TestClient;
  readonly threadId: string;
}

/** A thread with one turn at its owner, whose next turn does not end; a client of another node follows it. */
async function follow(): Promise<Followed> {
  const shared = createLeasedStore();
  const owner = await openNode(shared, { turns: [[{ say: "One." }], [{ say: "Half" }, { untilAborted: true }]] });
  const other = await openNode(shared);
  const [atOwner, atOther] = [await owner.connect(), await other.connect()];
  const threadId = await atOwner.startThread();
  await atOwner.runTurn(threadId, "first");
  await atOther.call("thread/resume", { threadId });
  return { shared, owner, other, atOwner, atOther, threadId };
}

async function loggedTurns({ other, threadId }: Followed): Promise<readonly (readonly [string, string])[]> {
  const { data } = await other.runtime.listTurns({ threadId, sortDirection: "asc", itemsView: "notLoaded" });
  return data.map(({ id, status }) => [id, status] as const);
}

describe("when the owner is gone", () => {
  test("its thread is taken up here, and the turn that was lost is told to have ended", async () => {
    const world = await follow();
    const { owner, other, atOther, threadId } = world;
    const lost = await atOther.startTurn(threadId, "second");
    await atOther.told("item/agentMessage/delta");

    owner.store.isAlive = false;
    await owner.kill();
    expect((await atOther.turnEnd(lost)).status).toBe("interrupted");
    const next = await atOther.runTurn(threadId, "third");
    expect(next.status).toBe("completed");
    expect(other.agent.requests).toHaveLength(1);
    expect((await loggedTurns(world)).map(([, status]) => status)).toEqual(["completed", "interrupted", "completed"]);
    expect(atOther.messages.filter(({ method }) => method === "thread/closed")).toEqual([]);
  });

  test("a request waits for its lease to run out, and is answered once", async () => {
    const world = await follow();
    const { owner, shared, atOther, threadId } = world;
    const refusedMoreThan = async (count: number): Promise<void> => {
      while (shared.refusals <= count) await new Promise((resolve) => setImmediate(resolve));
    };
    const before = shared.refusals;
    await owner.kill();
    await refusedMoreThan(before);
    const answer = atOther.runTurn(threadId, "second");
    await refusedMoreThan(shared.refusals + 2);
    owner.store.isAlive = false;
    expect((await answer).status).toBe("completed");
    expect(await loggedTurns(world)).toHaveLength(2);
  });

  test("what it may have done is not asked again, and is refused as what can be tried again", async () => {
    const { owner, atOther, threadId } = await follow();
    const release = holdAppends(owner);
    const input = [{ type: "text", text: "second", text_elements: [] }];
    const asked = atOther.request("turn/start", { threadId, input });
    await release.reached;
    owner.store.isAlive = false;
    await owner.kill();
    const { error } = await asked;
    expect(error?.data).toMatchObject({
      skeinCode: "connection_lost",
      retryable: true,
      threadId,
      method: "turn/start",
    });
    release.letGo();
  });

  test("and its lease goes on, the client is told that it could not be reached, in time", async () => {
    const shared = createLeasedStore();
    const owner = await openNode(shared);
    const other = await openNode(shared, { limits: { takeoverMs: 50 } });
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await owner.kill();
    const { error } = await atOther.request("thread/resume", { threadId });
    expect(error?.data).toMatchObject({ skeinCode: "thread_owned_elsewhere", retryable: true, threadId });
    expect(error?.message).toContain("could not be reached");
    // What needs no writer is answered all the same.
    expect((await atOther.call("thread/read", { threadId, includeTurns: true })).thread.turns).toHaveLength(1);
  });

  test("a follower that could not be subscribed again is told that the thread is closed", async () => {
    const shared = createLeasedStore();
    const owner = await openNode(shared);
    const other = await openNode(shared, { limits: { takeoverMs: 50 } });
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await atOther.call("thread/resume", { threadId });
    await owner.kill();
    expect(await atOther.told("thread/closed")).toEqual({ threadId });
  });
});

describe("an owner that slept past its lease", () => {
  test("fails its turn, and hands its own clients over to the new owner", async () => {
    const world = await follow();
    const { owner, other, atOwner, threadId } = world;
    const running = await atOwner.startTurn(threadId, "second");
    await atOwner.told("item/agentMessage/delta");

    owner.store.isAlive = false;
    const atOther = await other.connect();
    await atOther.call("thread/resume", { threadId });
    owner.store.isAlive = true;
    // Awake again, it tries to record something.
    const from = atOwner.messages.length;
    await atOwner.request("turn/interrupt", { threadId, turnId: running });
    expect((await atOwner.turnEnd(running)).status).toBe("failed");
    await atOwner.told("thread/status/changed", ({ status }) => status.type === "idle", from);
    expect(owner.runtime.thread(threadId)).toBeUndefined();

    const next = await atOwner.runTurn(threadId, "third");
    expect(next.status).toBe("completed");
    expect(other.agent.requests).toHaveLength(1);
    await atOther.turnEnd(next.id);
    expect(atOwner.messages.filter(({ method }) => method === "thread/closed")).toEqual([]);
  });

  test("hands on the command by which it finds that out, and records nothing", async () => {
    const world = await follow();
    const { owner, other, atOwner, threadId } = world;
    owner.store.isAlive = false;
    const atOther = await other.connect();
    await atOther.call("thread/resume", { threadId });
    owner.store.isAlive = true;

    const turn = await atOwner.runTurn(threadId, "second");
    expect(turn.status).toBe("completed");
    expect(owner.agent.requests).toHaveLength(1);
    expect(other.agent.requests).toHaveLength(1);
    expect(await loggedTurns(world)).toHaveLength(2);
    await atOther.turnEnd(turn.id);
  });
});

/** Makes the owner's appends wait. */
function holdAppends({ store }: TestNode): { readonly reached: Promise<void>; readonly letGo: () => void } {
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  store.beforeAppend = async () => {
    reached.resolve();
    await gate.promise;
  };
  return { reached: reached.promise, letGo: () => gate.resolve() };
}
