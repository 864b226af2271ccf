/**
 * Where threads lie and what is known of them: archive with descendants, unarchive, delete, name, git, memory mode.
 * What everybody is told follows the answer.
 */
import { afterEach, describe, expect, it } from "vitest";

import { closeServers, serve, type ServerFixture } from "../server-fixture.ts";

afterEach(closeServers);

const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000001";

/** A stored thread that the parent spawned. */
async function spawn({ runtime }: ServerFixture, parentThreadId: string): Promise<string> {
  const spawned = {
    parent_thread_id: parentThreadId,
    depth: 1,
    agent_path: null,
    agent_nickname: null,
    agent_role: null,
  };
  const thread = await runtime.startThread({ source: { subagent: { thread_spawn: spawned } } });
  await thread.run("sub");
  return thread.id;
}

describe("thread/archive", () => {
  it("of a loaded thread tells that it is unloaded, answers, and tells everybody that it is put away", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const other = await connect();
    const from = client.messages.length;
    await client.call("thread/archive", { threadId });
    await other.told("thread/archived");
    expect(client.words(from)).toEqual(["status notLoaded", "RESP thread/archive", "thread/archived"]);
    expect(other.words(1)).toEqual(["status notLoaded", "thread/archived"]);
    expect((await client.call("thread/list")).data).toEqual([]);
    expect((await client.call("thread/list", { archived: true })).data.map(({ id }) => id)).toEqual([threadId]);
    expect(await client.refusal("thread/archive", { threadId })).toEqual([
      -32_600,
      `no rollout found for thread id ${threadId}`,
    ]);
  });

  it("interrupts a turn that runs", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    await client.startTurn(threadId, "hi");
    await client.told("item/completed");
    const from = client.messages.length;
    await client.call("thread/archive", { threadId });
    expect(client.words(from)).toEqual([
      "status idle",
      "turn/completed interrupted",
      "status notLoaded",
      "RESP thread/archive",
      "thread/archived",
    ]);
  });

  it("takes what the thread spawned along, the parent first", async () => {
    const fixture = await serve({ kind: "indexed" });
    const client = await fixture.connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const child = await spawn(fixture, threadId);
    const grandchild = await spawn(fixture, child);
    const stranger = await spawn(fixture, UNKNOWN);
    const from = client.messages.length;
    await client.call("thread/archive", { threadId });
    expect(client.words(from)).toEqual([
      "status notLoaded",
      "status notLoaded",
      "status notLoaded",
      "RESP thread/archive",
      "thread/archived",
      "thread/archived",
      "thread/archived",
    ]);
    const archived = client.messages.slice(from).filter(({ method }) => method === "thread/archived");
    expect(archived.map(({ params }) => params)).toEqual([threadId, child, grandchild].map((id) => ({ threadId: id })));
    expect((await client.call("thread/loaded/list")).data).toEqual([stranger]);
  });

  it("takes along what another process wrote meanwhile", async () => {
    const fixture = await serve({ kind: "indexed" });
    const client = await fixture.connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const elsewhere = await serve({ kind: "local", home: fixture.home });
    const child = await spawn(elsewhere, threadId);
    await elsewhere.stop();
    await client.call("thread/archive", { threadId });
    const archived = await client.call("thread/list", { archived: true, sourceKinds: ["vscode", "subAgent"] });
    expect(archived.data.map(({ id }) => id)).toEqual([child, threadId]);
  });

  it("of what has no record, or is ephemeral, is refused", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    for (const id of [threadId, thread.id, UNKNOWN]) {
      const refusal = await client.refusal("thread/archive", { threadId: id });
      expect(refusal).toEqual([-32_600, `no rollout found for thread id ${id}`]);
    }
  });
});

describe("thread/unarchive", () => {
  it("answers the thread, then tells everybody", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    expect(await client.refusal("thread/unarchive", { threadId })).toEqual([
      -32_600,
      `no archived rollout found for thread id ${threadId}`,
    ]);
    await client.call("thread/archive", { threadId });
    const from = client.messages.length;
    const { thread } = await client.call("thread/unarchive", { threadId });
    expect(thread).toMatchObject({
      id: threadId,
      status: { type: "notLoaded" },
      path: expect.stringContaining("/sessions/"),
    });
    expect(client.words(from)).toEqual(["RESP thread/unarchive", "thread/unarchived"]);
  });

  it("of a loaded thread lets it go on in the moved file", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one");
    await client.call("thread/archive", { threadId });
    await client.call("thread/resume", { threadId });
    const { thread } = await client.call("thread/unarchive", { threadId });
    expect(thread.status).toEqual({ type: "idle" });
    await client.runTurn(threadId, "two");
    const read = await client.call("thread/read", { threadId, includeTurns: true });
    expect([read.thread.path, read.thread.turns.length]).toEqual([thread.path, 2]);
  });
});

describe("thread/delete", () => {
  it("removes the thread for good, then tells everybody", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const from = client.messages.length;
    await client.call("thread/delete", { threadId });
    expect(client.words(from)).toEqual(["status notLoaded", "RESP thread/delete", "thread/deleted"]);
    expect(await client.refusal("thread/read", { threadId })).toEqual([-32_600, `thread not loaded: ${threadId}`]);
    expect(await client.refusal("thread/delete", { threadId })).toEqual([
      -32_600,
      `no rollout found for thread id ${threadId}`,
    ]);
  });
});

describe("thread/name/set", () => {
  it("trims the name, keeps it, and tells everybody behind the answer", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const other = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    await client.call("thread/name/set", { threadId, name: "  My thread " });
    expect(await other.told("thread/name/updated")).toEqual({ threadId, threadName: "My thread" });
    expect(client.words(from)).toEqual(["RESP thread/name/set", "thread/name/updated"]);
    expect((await client.call("thread/read", { threadId })).thread.name).toBe("My thread");
    expect((await client.call("thread/resume", { threadId })).thread.name).toBe("My thread");
  });

  it("refuses a blank name, and a thread that isn't there, is put away, or is ephemeral", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const blank = await client.refusal("thread/name/set", { threadId, name: "  " });
    expect(blank).toEqual([-32_600, "thread name must not be empty"]);
    await client.call("thread/archive", { threadId });
    const { thread } = await client.call("thread/start", { ephemeral: true });
    for (const id of [threadId, UNKNOWN, thread.id]) {
      const refusal = await client.refusal("thread/name/set", { threadId: id, name: "x" });
      expect(refusal).toEqual([-32_600, `thread not found: ${id}`]);
    }
  });
});

describe("thread/metadata/update", () => {
  it("sets, keeps and clears git fields, which stay cleared", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const gitOf = async (gitInfo: object): Promise<unknown> =>
      (await client.call("thread/metadata/update", { threadId, gitInfo })).thread.gitInfo;
    expect(await gitOf({ sha: " abc ", branch: "b" })).toEqual({ sha: "abc", branch: "b", originUrl: null });
    expect(await gitOf({ branch: null })).toEqual({ sha: "abc", branch: null, originUrl: null });
    expect((await client.call("thread/list")).data[0]?.gitInfo).toEqual({ sha: "abc", branch: null, originUrl: null });
    expect(await gitOf({ sha: null })).toBeNull();
  });

  it.each([
    [{}, "gitInfo must include at least one field"],
    [{ gitInfo: null }, "gitInfo must include at least one field"],
    [{ gitInfo: {} }, "gitInfo must include at least one field"],
    [{ gitInfo: { branch: " " } }, "gitInfo.branch must not be empty"],
  ])("refuses %j", async (params, words) => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.refusal("thread/metadata/update", { threadId, ...params })).toEqual([-32_600, words]);
  });

  it("and the memory mode are refused for ephemeral threads, and for those that aren't there", async () => {
    const { connect } = await serve();
    const client = await connect();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    const git = { gitInfo: { sha: "x" } };
    expect(await client.refusal("thread/metadata/update", { threadId: thread.id, ...git })).toEqual([
      -32_600,
      `ephemeral thread does not support metadata updates: ${thread.id}`,
    ]);
    expect(await client.refusal("thread/memoryMode/set", { threadId: thread.id, mode: "disabled" })).toEqual([
      -32_600,
      `ephemeral thread does not support memory mode updates: ${thread.id}`,
    ]);
    for (const [method, more] of [
      ["thread/metadata/update", git],
      ["thread/memoryMode/set", { mode: "disabled" }],
    ] as const) {
      const refusal = await client.refusal(method, { threadId: UNKNOWN, ...more });
      expect(refusal).toEqual([-32_600, `thread not found: ${UNKNOWN}`]);
    }
  });
});

describe("thread/memoryMode/set", () => {
  it("is kept with the thread", async () => {
    const { connect, runtime } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.call("thread/memoryMode/set", { threadId, mode: "disabled" })).toEqual({});
    expect((await runtime.store.readThread({ threadId })).memoryMode).toBe("disabled");
  });
});
