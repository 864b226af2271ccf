/**
 * Threads that start, and their turns: what is answered, what is told, in which order, and what is refused. The
 * order is the peer's, as measured.
 */
import { afterEach, describe, expect, it } from "vitest";

import { echoAgent } from "../../../src/actors/index.ts";
import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000001";

describe("thread/start", () => {
  it("answers the thread and what it runs with, then tells everybody", async () => {
    const { connect } = await serve();
    const client = await connect();
    const other = await connect();
    const { thread, ...settings } = await client.call("thread/start", { cwd: "sub", threadSource: "user" });
    expect(thread).toMatchObject({ status: { type: "idle" }, cwd: "/srv/ws/sub", turns: [], preview: "" });
    expect(settings).toMatchObject({ model: "scripted-model", approvalPolicy: "never", reasoningEffort: null });
    await other.told("thread/started");
    expect(client.words(1)).toEqual(["RESP thread/start", "thread/started"]);
    expect(other.words(1)).toEqual(["thread/started"]);
  });

  it("stores nothing before the first turn", async () => {
    const { connect, runtime } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    expect((await client.call("thread/list")).data).toEqual([]);
    expect((await client.call("thread/loaded/list")).data).toEqual([threadId]);
    await client.runTurn(threadId, "hi");
    const { data } = await client.call("thread/list");
    expect(data.map(({ id, preview, status }) => [id, preview, status.type])).toEqual([[threadId, "hi", "idle"]]);
    expect((await runtime.store.readThread({ threadId })).originator).toBe("test");
  });

  it("keeps an ephemeral thread out of the store, and says so", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    expect(thread).toMatchObject({ ephemeral: true, path: null });
    await client.runTurn(thread.id, "hi");
    expect((await client.call("thread/list")).data).toEqual([]);
    expect((await client.call("thread/loaded/list")).data).toEqual([thread.id]);
    expect((await client.call("thread/read", { threadId: thread.id })).thread.ephemeral).toBe(true);
  });

  it("refuses what can't be", async () => {
    const { connect } = await serve({ agent: { ...echoAgent(), provider: "mock" } });
    const client = await connect();
    const [code, words] = await client.refusal("thread/start", { modelProvider: "nope" });
    expect(code).toBe(-32_600);
    expect(words).toMatch(/^failed to load configuration: Model provider `nope` not found/);
    const [, inConfig] = await client.refusal("thread/start", { config: { model_provider: "nope" } });
    expect(inConfig).toBe(words);
    const both = { sandbox: "read-only", permissions: { type: "profile", id: "x" } };
    expect(await client.refusal("thread/start", both)).toEqual([
      -32_600,
      "`permissions` cannot be combined with `sandbox`",
    ]);
  });
});

describe("a turn", () => {
  it("is answered before anything of it is told, and told in the peer's order", async () => {
    const { connect } = await serve({
      agent: [[{ reason: "Hm." }, { say: "Hello." }, { usage: { input_tokens: 3 } }]],
    });
    const client = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    const turn = await client.runTurn(threadId, "hi");
    expect(client.words(from)).toEqual([
      "RESP turn/start",
      "status active",
      "turn/started",
      "item/started userMessage",
      "item/completed userMessage",
      "item/started reasoning",
      "item/reasoning/summaryPartAdded",
      "item/completed reasoning",
      "item/started agentMessage",
      "item/completed agentMessage",
      "thread/tokenUsage/updated",
      "status idle",
      "turn/completed completed",
    ]);
    expect(turn).toMatchObject({ items: [], itemsView: "notLoaded", error: null });
  });

  it("that fails is told as failed, with its error, and the thread's status says so", async () => {
    const { connect } = await serve({ agent: [[{ fail: new Error("the model is away") }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    const turn = await client.runTurn(threadId, "hi");
    expect(turn.error?.message).toContain("the model is away");
    expect(client.words(from).slice(5)).toEqual(["status systemError", "error", "turn/completed failed"]);
    expect(await client.told("error")).toMatchObject({ willRetry: false, threadId, turnId: turn.id });
    const { thread } = await client.call("thread/read", { threadId, includeTurns: true });
    expect(thread.turns.map(({ status }) => status)).toEqual(["failed"]);
    expect((await client.runTurn(threadId, "again")).status).toBe("completed");
  });

  it("that is interrupted ends behind the answer", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    await client.told("item/completed");
    const from = client.messages.length;
    await client.call("turn/interrupt", { threadId, turnId });
    await client.turnEnd(turnId);
    expect(client.words(from)).toEqual(["RESP turn/interrupt", "status idle", "turn/completed interrupted"]);
    const refusal = await client.refusal("turn/interrupt", { threadId, turnId });
    expect(refusal).toEqual([-32_600, "no active turn to interrupt"]);
    expect(await client.call("turn/interrupt", { threadId, turnId: "" })).toEqual({});
  });

  it("takes the input of a second turn/start, which answers the running turn's id", async () => {
    const gate = Promise.withResolvers<undefined>();
    const { connect } = await serve({ agent: [[{ waitFor: gate.promise }, { answerSteering: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "one");
    expect(await client.startTurn(threadId, "two")).toBe(turnId);
    const steer = { threadId, input: [{ type: "text", text: "three" }], expectedTurnId: turnId };
    expect(await client.call("turn/steer", steer)).toEqual({ turnId });
    gate.resolve(undefined);
    await client.turnEnd(turnId);
    const { data } = await client.call("thread/items/list", { threadId, turnId });
    expect(data.map(({ item }) => item.type)).toEqual([
      "userMessage",
      "userMessage",
      "userMessage",
      "agentMessage",
      "agentMessage",
    ]);
  });

  it("that isn't the one that runs is not steered", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const steer = { threadId, input: [{ type: "text", text: "x" }], expectedTurnId: "other" };
    expect(await client.refusal("turn/steer", steer)).toEqual([-32_600, "no active turn to steer"]);
    const turnId = await client.startTurn(threadId, "hi");
    expect(await client.refusal("turn/steer", steer)).toEqual([
      -32_600,
      `expected active turn id \`other\` but found \`${turnId}\``,
    ]);
    expect(await client.refusal("turn/interrupt", { threadId, turnId: "other" })).toEqual([
      -32_600,
      `expected active turn id other but found ${turnId}`,
    ]);
    const empty = { threadId, input: [], expectedTurnId: turnId };
    expect(await client.refusal("turn/steer", empty)).toEqual([-32_600, "input must not be empty"]);
  });

  it("is refused at once where it can't run", async () => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    expect(await client.refusal("turn/start", { threadId, input: [] })).toEqual([-32_600, "input must not be empty"]);
    const hi = [{ type: "text", text: "hi" }];
    expect(await client.refusal("turn/start", { threadId: UNKNOWN, input: hi })).toEqual([
      -32_600,
      `thread not found: ${UNKNOWN}`,
    ]);
    const long = [{ type: "text", text: "x".repeat(1_048_577) }];
    const { error } = await client.request("turn/start", { threadId, input: long });
    expect(error).toMatchObject({
      code: -32_602,
      message: "Input exceeds the maximum length of 1048576 characters.",
      data: { input_error_code: "input_too_large", max_chars: 1_048_576, actual_chars: 1_048_577 },
    });
    expect(client.words(from)).toEqual(["ERR turn/start", "ERR turn/start", "ERR turn/start"]);
  });

  it("runs with the overrides it names, and so do later ones", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one", { model: "other", cwd: "x", effort: "high", approvalPolicy: "on-request" });
    await client.runTurn(threadId, "two");
    const resumed = await client.call("thread/resume", { threadId, model: "ignored" });
    expect(resumed).toMatchObject({ model: "other", reasoningEffort: "high", approvalPolicy: "on-request" });
  });
});

describe("memories", () => {
  it("are triggered by the first turn of each root thread that is kept, and can't spoil an answer", async () => {
    const told: string[] = [];
    const memories = {
      rootTurnStarted: ({ threadId }: { readonly threadId: string }): void => {
        told.push(threadId);
        throw new Error("out of memories");
      },
    };
    const { connect, runtime } = await serve({ memories });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one");
    await client.runTurn(threadId, "two");
    const { thread } = await client.call("thread/start", { ephemeral: true });
    await client.runTurn(thread.id, "one");
    const spawned = await runtime.startThread({ source: { subagent: "review" } });
    await spawned.materialize();
    await client.call("thread/resume", { threadId: spawned.id });
    await client.runTurn(spawned.id, "one");
    expect(told).toEqual([threadId]);
    const answers = client.messages.filter(({ method }) => method === undefined).map(({ id }) => id);
    expect(new Set(answers).size).toBe(answers.length);
  });
});

describe("thread/compact/start", () => {
  it("answers at once and compacts in a turn of its own, which takes the place of one that runs", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }], [{ say: "Summary." }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    await client.told("item/completed");
    const from = client.messages.length;
    expect(await client.call("thread/compact/start", { threadId })).toEqual({});
    expect((await client.turnEnd(turnId)).status).toBe("interrupted");
    await client.told("turn/completed", ({ turn }) => turn.id !== turnId, from);
    expect(client.words(from)).toEqual([
      "RESP thread/compact/start",
      "status idle",
      "turn/completed interrupted",
      "status active",
      "turn/started",
      "item/started contextCompaction",
      "item/completed contextCompaction",
      "status idle",
      "turn/completed completed",
    ]);
  });
});

describe("many turns at once", () => {
  it("are each answered before they are told, and told in order", async () => {
    const { connect } = await serve();
    const client = await connect();
    const threads = await Promise.all(Array.from({ length: 20 }, () => client.startThread()));
    const turns = await Promise.all(threads.map((threadId) => client.startTurn(threadId, "hi")));
    await Promise.all(turns.map((turnId) => client.turnEnd(turnId)));
    for (const [index, threadId] of threads.entries()) {
      const turnId = turns[index];
      const mine = client.messages.flatMap(({ method, params, result }) => {
        const answered = (result as { readonly turn?: { readonly id: string } } | undefined)?.turn?.id;
        if (answered === turnId) return ["answer"];
        return (params as { readonly threadId?: string } | undefined)?.threadId === threadId ? [method] : [];
      });
      expect(mine[0]).toBe("answer");
      expect(mine.slice(1, 3)).toEqual(["thread/status/changed", "turn/started"]);
      expect(mine.at(-1)).toBe("turn/completed");
    }
  });
});
