/**
 * thread/resume and thread/fork: cold and loaded, by id, path and history, and what is told around the answer, to
 * whom.
 */
import { afterEach, describe, expect, it } from "vitest";

import { echoAgent } from "../../../src/actors/index.ts";
import { closeServers, openServer, serve } from "../server-fixture.ts";

afterEach(closeServers);

const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000001";
const SAYS = [{ say: "Hello." }, { usage: { input_tokens: 100, output_tokens: 20 } }] as const;

describe("thread/resume", () => {
  it("of a stored thread tells its status, answers its turns, then tells its usage", async () => {
    const first = await openServer({ kind: "local", agent: [SAYS] });
    const before = await first.connect();
    const threadId = await before.startThread();
    const turn = await before.runTurn(threadId, "hi");
    await first.stop();
    const { connect } = await serve({ kind: "local", home: first.home });
    const client = await connect();
    const other = await connect();
    const { thread, cwd, model } = await client.call("thread/resume", { threadId, cwd: "/tmp" });
    expect(thread.turns.map(({ id, status, items }) => [id, status, items.length])).toEqual([
      [turn.id, "completed", 2],
    ]);
    expect(thread).toMatchObject({ status: { type: "idle" }, cwd: "/srv/ws", preview: "hi" });
    expect([cwd, model]).toEqual(["/tmp", "scripted-model"]);
    const usage = await client.told("thread/tokenUsage/updated");
    expect(usage).toMatchObject({ threadId, turnId: turn.id, tokenUsage: { total: { totalTokens: 120 } } });
    expect(client.words(1)).toEqual(["status idle", "RESP thread/resume", "thread/tokenUsage/updated"]);
    expect(other.words(1)).toEqual(["status idle"]);
    const from = client.messages.length;
    await client.call("thread/resume", { threadId });
    await client.call("thread/resume", { threadId, excludeTurns: true });
    expect(client.words(from)).toEqual(["RESP thread/resume", "thread/tokenUsage/updated", "RESP thread/resume"]);
    await first.close();
  });

  it("without turns leaves them out, and reads them when they are asked for later", async () => {
    const first = await openServer({ kind: "indexed", agent: [SAYS, [{ say: "Two." }]] });
    const before = await first.connect();
    const threadId = await before.startThread();
    await before.runTurn(threadId, "one");
    await before.runTurn(threadId, "two");
    await first.stop();
    const { connect } = await serve({ kind: "indexed", home: first.home });
    const client = await connect();
    const bare = await client.call("thread/resume", { threadId, excludeTurns: true });
    expect(bare.thread.turns).toEqual([]);
    const whole = await client.call("thread/resume", { threadId });
    expect(whole.thread.turns.map(({ items }) => items.length)).toEqual([2, 2]);
    await first.close();
  });

  it("of a running thread shows its turn as running, and the client hears the rest", async () => {
    const gate = Promise.withResolvers<undefined>();
    const { connect } = await serve({ agent: [[{ waitFor: gate.promise }, { say: "Late." }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    const other = await connect();
    const { thread } = await other.call("thread/resume", { threadId });
    expect(thread.status).toEqual({ type: "active", activeFlags: [] });
    expect(thread.turns.map(({ id, status }) => [id, status])).toEqual([[turnId, "inProgress"]]);
    gate.resolve(undefined);
    expect((await other.turnEnd(turnId)).status).toBe("completed");
  });

  it("by path takes exactly that file, whatever id is given", async () => {
    const { connect, home } = await serve({ kind: "local" });
    const client = await connect();
    const { thread } = await client.call("thread/start");
    await client.runTurn(thread.id, "hi");
    const byPath = await client.call("thread/resume", { threadId: "garbage", path: thread.path });
    expect(byPath.thread.id).toBe(thread.id);
    const relative = await client.call("thread/resume", { threadId: "", path: thread.path?.slice(home.length + 1) });
    expect(relative.thread.id).toBe(thread.id);
    expect(await client.refusal("thread/resume", { threadId: "", path: "/nope.jsonl" })).toEqual([
      -32_600,
      "failed to resolve rollout path `/nope.jsonl`: No such file or directory (os error 2)",
    ]);
  });

  it("of a loaded thread passes over what it can't change", async () => {
    const { connect } = await serve({ agent: { ...echoAgent(), provider: "mock" } });
    const client = await connect();
    const { thread } = await client.call("thread/start");
    await client.runTurn(thread.id, "hi");
    const resumed = await client.call("thread/resume", { threadId: thread.id, modelProvider: "nope", model: "zzz" });
    expect([resumed.modelProvider, resumed.model]).toEqual(["mock", "echo"]);
  });

  it("by path is refused by a store without files", async () => {
    const { connect } = await serve();
    const client = await connect();
    const [code, words] = await client.refusal("thread/resume", { threadId: "", path: "/nope.jsonl" });
    expect([code, words]).toEqual([-32_600, expect.stringContaining("without files")]);
  });

  it("by history makes a new thread, unless the id is loaded", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const content = [{ type: "input_text", text: "from elsewhere" }];
    const history = [{ type: "message", role: "user", content }];
    const { thread } = await client.call("thread/resume", { threadId: UNKNOWN, history });
    expect(thread.id).not.toBe(UNKNOWN);
    expect([thread.turns, thread.forkedFromId]).toEqual([[], null]);
    const another = await client.call("thread/resume", { threadId: "no id", history });
    expect(another.thread.id).not.toBe(thread.id);
    expect(await client.refusal("thread/resume", { threadId: thread.id, history: [] })).toEqual([
      -32_600,
      `cannot resume thread ${thread.id} with history while it is already running`,
    ]);
  });

  it.each([
    [[], "history must not be empty"],
    [[1], "Invalid request: invalid type: integer `1`, expected internally tagged enum ResponseItem"],
    [[{ type: "message", content: [] }], "Invalid request: message: role is missing or not a string"],
  ])("by the history %j is refused", async (history, words) => {
    const { connect } = await serve();
    const client = await connect();
    expect(await client.refusal("thread/resume", { threadId: UNKNOWN, history })).toEqual([-32_600, words]);
    expect((await client.call("thread/loaded/list")).data).toEqual([]);
  });

  it("refuses ids that are none, or nobody's", async () => {
    const { connect } = await serve();
    const client = await connect();
    expect(await client.refusal("thread/resume", { threadId: UNKNOWN })).toEqual([
      -32_600,
      `no rollout found for thread id ${UNKNOWN}`,
    ]);
    const [code, words] = await client.refusal("thread/resume", { threadId: "nope" });
    expect([code, words]).toEqual([-32_600, expect.stringMatching(/^invalid thread id: invalid character: expected/)]);
  });
});

describe("thread/fork", () => {
  it("answers the copy, then tells its usage to who asked and its start to everybody", async () => {
    const { connect } = await serve({ kind: "local", agent: [SAYS] });
    const client = await connect();
    const other = await connect();
    const threadId = await client.startThread();
    const turn = await client.runTurn(threadId, "hi");
    await client.call("thread/name/set", { threadId, name: "N" });
    const from = client.messages.length;
    const { thread } = await client.call("thread/fork", { threadId });
    expect(thread).toMatchObject({ forkedFromId: threadId, name: null, preview: "hi", status: { type: "idle" } });
    expect(thread.turns.map(({ id }) => id)).toEqual([turn.id]);
    const started = await other.told("thread/started", (told) => told.thread.id === thread.id);
    expect(started.thread.turns).toEqual([]);
    await client.told("thread/started", (told) => told.thread.id === thread.id);
    expect(client.words(from).filter((word) => word !== "thread/name/updated")).toEqual([
      "RESP thread/fork",
      "thread/tokenUsage/updated",
      "thread/started",
    ]);
    expect(other.words(1)).not.toContain("thread/tokenUsage/updated");
    const bare = await client.call("thread/fork", { threadId, excludeTurns: true });
    expect(bare.thread.turns).toEqual([]);
    expect((await client.runTurn(thread.id, "on")).status).toBe("completed");
  });

  it("of a running thread shows the turn as interrupted in the copy alone", async () => {
    const gate = Promise.withResolvers<undefined>();
    const { connect } = await serve({ agent: [[{ waitFor: gate.promise }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    const { thread } = await client.call("thread/fork", { threadId });
    expect(thread.turns.map(({ id, status }) => [id, status])).toEqual([[turnId, "interrupted"]]);
    gate.resolve(undefined);
    expect((await client.turnEnd(turnId)).status).toBe("completed");
  });

  it("can be ephemeral", async () => {
    const { connect } = await serve({ kind: "local", agent: [SAYS] });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const { thread } = await client.call("thread/fork", { threadId, ephemeral: true });
    expect(thread).toMatchObject({ ephemeral: true, path: null, forkedFromId: threadId });
    expect(thread.turns.length).toBe(1);
    expect((await client.runTurn(thread.id, "on")).status).toBe("completed");
    expect((await client.call("thread/list")).data.map(({ id }) => id)).toEqual([threadId]);
    const loaded = (await client.call("thread/loaded/list")).data;
    expect(loaded).toEqual([threadId, thread.id].toSorted());
  });

  it("can be ephemeral many times at once, and of a thread that runs", async () => {
    const { connect, server } = await serve({
      kind: "local",
      agent: [SAYS, [{ say: "So far." }, { untilAborted: true }]],
    });
    const client = await connect();
    const threadId = await client.startThread();
    const first = await client.runTurn(threadId, "one");
    const running = await client.startTurn(threadId, "two");
    await client.told("item/completed", ({ item, turnId }) => turnId === running && item.type === "agentMessage");
    const spellings = [threadId, threadId.toUpperCase(), `{${threadId}}`, threadId.replaceAll("-", "")];
    const forks = await Promise.all(
      spellings.map((spelled) => client.call("thread/fork", { threadId: spelled, ephemeral: true })),
    );
    for (const { thread } of forks) {
      expect(thread.forkedFromId).toBe(threadId);
      expect(thread.turns.map(({ id, status }) => [id, status])).toEqual([
        [first.id, "completed"],
        [running, "interrupted"],
      ]);
    }
    expect(new Set(forks.map(({ thread }) => thread.id)).size).toBe(4);
    const { store } = await server.context.threads.ephemeral();
    expect((await store.listThreads()).data.length).toBe(4);
  });

  it("of a thread without a record is refused", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    for (const threadId of [await client.startThread(), UNKNOWN]) {
      expect(await client.refusal("thread/fork", { threadId })).toEqual([
        -32_600,
        `no rollout found for thread id ${threadId}`,
      ]);
    }
  });
});
