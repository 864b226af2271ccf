/**
 * Requests about a thread that another node owns: they go there, and what that node tells comes back, in its order.
 * Who is not subscribed hears nothing, and nothing goes round between nodes.
 */
import { describe, expect, test } from "vitest";

import type { AgentQuestion } from "../../../src/actors/index.ts";
import { openNode } from "./relay-world.ts";
import { createLeasedStore } from "./leased-store.ts";

const APPROVAL: AgentQuestion = {
  kind: "commandApproval",
  itemId: "call_1",
  details: { command: "ls", cwd: "/srv/ws", reason: null },
};

describe("a thread that another node owns", () => {
  test("is resumed there, and its turns are told as if they ran here", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [
      await openNode(shared, { turns: [[{ say: "One." }], [{ say: "Two." }]] }),
      await openNode(shared),
    ];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");

    const { thread } = await atOther.call("thread/resume", { threadId });
    expect(thread.turns).toHaveLength(1);
    const from = atOther.messages.length;
    const turn = await atOther.runTurn(threadId, "second");

    expect(turn.status).toBe("completed");
    expect(owner.agent.requests).toHaveLength(2);
    expect(other.agent.requests).toHaveLength(0);
    await atOther.told("thread/status/changed", ({ status }) => status.type === "idle", from);
    expect(atOther.words(from).slice(0, 3)).toEqual(["RESP turn/start", "status active", "turn/started"]);
    expect(atOther.words(from).at(-1)).toBe("turn/completed completed");
    await atOwner.turnEnd(turn.id);
  });

  test("takes commands of a client that never resumed it here, once it is resumed", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");

    await atOther.call("thread/name/set", { threadId, name: "Named from afar" });
    expect(await atOwner.told("thread/name/updated")).toEqual({ threadId, threadName: "Named from afar" });
    const { thread } = await atOther.call("thread/read", { threadId });
    expect(thread.name).toBe("Named from afar");
    expect(
      await atOther.refusal("turn/start", { threadId, input: [{ type: "text", text: "x", text_elements: [] }] }),
    ).toEqual([-32600, `thread not found: ${threadId}`]);
  });

  test("asks the client, under ids that no other request to it has", async () => {
    const shared = createLeasedStore();
    const turns = [[{ ask: APPROVAL, answered: () => [{ say: "Thanks." }] }]];
    const [owner, other] = [await openNode(shared, { turns }), await openNode(shared, { turns })];
    const [atOwner, client] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.call("thread/name/set", { threadId, name: "Asks" });
    const own = await client.startThread();
    await client.call("thread/resume", { threadId });
    await atOwner.call("thread/unsubscribe", { threadId });

    await client.startTurn(own, "ask here");
    const asked = await client.asked("item/commandExecution/requestApproval");
    const from = client.messages.length;
    const turnId = await client.startTurn(threadId, "ask there");
    const askedThere = await client.asked("item/commandExecution/requestApproval", from);
    expect(askedThere.id).not.toBe(asked.id);
    expect((askedThere.params as { threadId: string }).threadId).toBe(threadId);

    client.answer(askedThere.id, { decision: "accept" });
    expect((await client.turnEnd(turnId)).status).toBe("completed");
    const resolved = await client.told("serverRequest/resolved", (told) => told.threadId === threadId);
    expect(resolved.requestId).toBe(askedThere.id);
    client.answer(asked.id, { decision: "accept" });
    await client.told("serverRequest/resolved", (told) => told.threadId === own);
  });

  test("is not told of to a client that is not subscribed to it", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const [followed, unknown] = [await atOwner.startThread(), await atOwner.startThread()];
    for (const id of [followed, unknown]) await atOwner.runTurn(id, "first");
    await atOther.call("thread/resume", { threadId: followed });

    await atOwner.runTurn(unknown, "second");
    await atOther.runTurn(followed, "third");
    const about = atOther.messages.flatMap(
      ({ params }) => (params as { threadId?: string } | undefined)?.threadId ?? [],
    );
    expect(new Set(about)).toEqual(new Set([followed]));
    expect(await atOther.call("thread/unsubscribe", { threadId: followed })).toEqual({ status: "unsubscribed" });
  });

  test("is refused as there, with the same words and values", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await atOther.call("thread/resume", { threadId });
    for (const [method, params] of [
      ["turn/interrupt", { threadId, turnId: "no-such-turn" }],
      ["thread/rollback", { threadId, numTurns: 0 }],
      ["turn/start", { threadId, input: [] }],
    ] as const) {
      expect(await atOther.refusal(method, params)).toEqual(await atOwner.refusal(method, params));
    }
  });

  test("is archived and deleted by a client elsewhere, which hears of it", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await atOther.call("thread/resume", { threadId });
    await atOther.call("thread/archive", { threadId });
    await atOther.told("thread/archived", (told) => told.threadId === threadId);
    await atOwner.told("thread/archived", (told) => told.threadId === threadId);
    // Nobody owns it now: it is deleted here.
    await atOther.call("thread/delete", { threadId });
    await atOther.told("thread/deleted", (told) => told.threadId === threadId);
  });

  test("is reviewed in a copy that the client follows too", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await atOther.call("thread/resume", { threadId });
    const { reviewThreadId, turn } = await atOther.call("review/start", {
      threadId,
      delivery: "detached",
      target: { type: "custom", instructions: "look" },
    });
    expect((await atOther.turnEnd(turn.id)).status).toBe("completed");
    await atOther.told("thread/started", (told) => told.thread.id === reviewThreadId);
    await atOther.runTurn(reviewThreadId, "and now");
    expect(other.agent.requests).toHaveLength(0);
  });
});

describe("what is handed on", () => {
  test("is never handed on again, also where two nodes send each other to the other", async () => {
    const shared = createLeasedStore();
    const limits = { takeoverMs: 100 };
    const [first, second] = [await openNode(shared, { limits }), await openNode(shared, { limits })];
    const third = await openNode(shared, { limits });
    const client = await first.connect();
    const owned = await third.connect();
    const threadId = await owned.startThread();
    await owned.runTurn(threadId, "mine");
    // The owner's row names a node that does not have the thread.
    third.store.url = second.url;
    const { error } = await client.request("thread/resume", { threadId });
    expect(error?.data).toMatchObject({ skeinCode: "thread_owned_elsewhere", retryable: true, threadId });
    expect(second.server.clientCount).toBe(1);
    expect(first.server.clientCount).toBe(1);
  });

  test("needs the token that the other node asks for, and says so", async () => {
    const shared = createLeasedStore();
    const owner = await openNode(shared, { token: "of-all-nodes" });
    const [known, stranger] = [await openNode(shared, { nodeToken: "of-all-nodes" }), await openNode(shared)];
    const atOwner = await owner.connect();
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    const { thread } = await (await known.connect()).call("thread/resume", { threadId });
    expect(thread.id).toBe(threadId);
    const { error } = await (await stranger.connect()).request("thread/resume", { threadId });
    expect(error?.data).toMatchObject({ skeinCode: "connection_failed", retryable: false, status: 401 });
    expect(error?.message).toContain("all nodes need the same SKEIN_TOKEN");
  });

  test("leaves no connection behind when its client is gone", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const threadId = await atOwner.startThread();
    await atOwner.runTurn(threadId, "first");
    await atOther.call("thread/resume", { threadId });
    expect(owner.server.clientCount).toBe(2);
    atOther.disconnect();
    while (owner.server.clientCount > 1) await new Promise((resolve) => setImmediate(resolve));
  });

  test("uses one connection to a node for all of a client's threads", async () => {
    const shared = createLeasedStore();
    const [owner, other] = [await openNode(shared), await openNode(shared)];
    const [atOwner, atOther] = [await owner.connect(), await other.connect()];
    const ids = [await atOwner.startThread(), await atOwner.startThread(), await atOwner.startThread()];
    for (const id of ids) await atOwner.runTurn(id, "first");
    await Promise.all(ids.map((threadId) => atOther.call("thread/resume", { threadId })));
    await Promise.all(ids.map((threadId) => atOther.runTurn(threadId, "second")));
    expect(owner.server.clientCount).toBe(2);
  });
});
