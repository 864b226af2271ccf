/**
 * Turns that are dropped from a thread's end, and items that are added without a turn: what is told before the
 * answer, what the answer shows, and what is refused.
 */
import { scriptedAgent } from "../../../src/actors/index.ts";
import { afterEach, describe, expect, it } from "vitest";

import { closeServers, openServer, serve, type TestClient } from "../server-fixture.ts";

afterEach(closeServers);

const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000001";
const SAYS = [{ say: "Hello." }, { usage: { input_tokens: 100, output_tokens: 20 } }] as const;

async function withTurns(client: TestClient, count: number): Promise<readonly [string, readonly string[]]> {
  const threadId = await client.startThread();
  const turns: string[] = [];
  for (let turn = 0; turn < count; turn += 1) turns.push((await client.runTurn(threadId, `text ${turn}`)).id);
  return [threadId, turns];
}

describe("thread/rollback", () => {
  it("tells the usage that is left, then answers the turns that are left", async () => {
    const { connect } = await serve({ kind: "local", agent: [SAYS, SAYS, SAYS] });
    const client = await connect();
    const [threadId, turns] = await withTurns(client, 3);
    const from = client.messages.length;
    const { thread } = await client.call("thread/rollback", { threadId, numTurns: 2 });
    expect(thread.turns.map(({ id, items }) => [id, items.length])).toEqual([[turns[0], 2]]);
    expect(client.words(from)).toEqual(["thread/tokenUsage/updated", "RESP thread/rollback"]);
    const { tokenUsage, turnId } = await client.told("thread/tokenUsage/updated", () => true, from);
    expect(turns).not.toContain(turnId);
    expect(tokenUsage.total.totalTokens).toBe(360);
    expect(tokenUsage.last).toMatchObject({ inputTokens: 0, outputTokens: 0, totalTokens: expect.any(Number) });
    expect(tokenUsage.last.totalTokens).toBeGreaterThan(0);
    expect((await client.call("thread/rollback", { threadId, numTurns: 99 })).thread.turns).toEqual([]);
  });

  it("answers whole turns also of a thread that was loaded without them", async () => {
    const first = await openServer({ kind: "indexed", agent: [SAYS, SAYS] });
    const [threadId, turns] = await withTurns(await first.connect(), 2);
    await first.stop();
    const { connect } = await serve({ kind: "indexed", home: first.home });
    const client = await connect();
    await client.call("thread/resume", { threadId, excludeTurns: true });
    const { thread } = await client.call("thread/rollback", { threadId, numTurns: 1 });
    expect(thread.turns.map(({ id, items }) => [id, items.length])).toEqual([[turns[0], 2]]);
    await first.close();
  });

  it("is refused while a turn runs, and changes nothing then", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    await client.told("item/completed");
    const from = client.messages.length;
    expect(await client.refusal("thread/rollback", { threadId, numTurns: 1 })).toEqual([
      -32_600,
      "Cannot rollback while a turn is in progress.",
    ]);
    expect(await client.refusal("thread/revert", { threadId, beforeTurnId: turnId })).toEqual([
      -32_600,
      "Cannot revert while a turn is in progress.",
    ]);
    expect(client.words(from)).toEqual(["ERR thread/rollback", "ERR thread/revert"]);
  });

  it.each([
    [{ numTurns: 0 }, "numTurns must be >= 1"],
    [{ numTurns: -1 }, "Invalid request: invalid value: integer `-1`, expected u32"],
    [{ numTurns: 1 }, `thread not found: ${UNKNOWN}`],
  ])("refuses %j", async (params, words) => {
    const { connect } = await serve();
    const client = await connect();
    expect(await client.refusal("thread/rollback", { threadId: UNKNOWN, ...params })).toEqual([-32_600, words]);
  });

  it("is refused for an ephemeral thread", async () => {
    const { connect } = await serve();
    const client = await connect();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    expect(await client.refusal("thread/rollback", { threadId: thread.id, numTurns: 1 })).toEqual([
      -32_600,
      "thread rollback requires persisted thread history",
    ]);
  });
});

describe("thread/revert", () => {
  it("drops a turn and those behind it, and answers where to read what is left", async () => {
    const { connect } = await serve({ kind: "indexed", agent: [SAYS, SAYS, SAYS] });
    const client = await connect();
    const [threadId, turns] = await withTurns(client, 3);
    const from = client.messages.length;
    const answer = await client.call("thread/revert", { threadId, beforeTurnId: turns[1] });
    expect(answer.thread.turns).toEqual([]);
    expect(client.words(from)).toEqual(["RESP thread/revert", "thread/reverted"]);
    const page = await client.call("thread/turns/list", { threadId, cursor: answer.turnsBackwardsCursor });
    expect(page.data.map(({ id }) => id)).toEqual([turns[0]]);
    const last = { threadId, cursor: answer.itemsBackwardsCursor, sortDirection: "desc" };
    const items = await client.call("thread/items/list", last);
    expect(items.data.map(({ item }) => item.type)).toEqual(["agentMessage", "userMessage"]);
    expect(await client.refusal("thread/revert", { threadId, beforeTurnId: turns[2] })).toEqual([
      -32_600,
      `turn not found: ${turns[2]}`,
    ]);
  });

  it("of the first turn leaves nothing to read", async () => {
    const { connect } = await serve({ kind: "local", agent: [SAYS] });
    const client = await connect();
    const [threadId, turns] = await withTurns(client, 1);
    const answer = await client.call("thread/revert", { threadId, beforeTurnId: turns[0] });
    expect([answer.turnsBackwardsCursor, answer.itemsBackwardsCursor]).toEqual([null, null]);
  });
});

describe("thread/inject_items", () => {
  it("adds items that the next turn's model sees, and tells nothing", async () => {
    const agent = scriptedAgent({ turns: [] });
    const { connect } = await serve({ agent });
    const client = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    const text = (role: string, type: string, words: string): object => ({
      type: "message",
      role,
      content: [{ type, text: words }],
    });
    const items = [text("user", "input_text", "injected"), text("assistant", "output_text", "noted")];
    expect(await client.call("thread/inject_items", { threadId, items })).toEqual({});
    expect(client.words(from)).toEqual(["RESP thread/inject_items"]);
    await client.runTurn(threadId, "hi");
    expect(JSON.stringify(agent.requests[0]?.context)).toContain("injected");
  });

  it.each([
    [[], "items must not be empty"],
    [
      [42],
      "items[0] is not a valid response item: invalid type: integer `42`, expected internally tagged enum ResponseItem",
    ],
    [[{ type: "other" }, {}], "items[1] is not a valid response item: missing field `type`"],
    [
      [{ type: "other" }, { type: "message", content: [] }],
      "items[1] is not a valid response item: message: role is missing or not a string",
    ],
  ])("refuses %j", async (items, words) => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.refusal("thread/inject_items", { threadId, items })).toEqual([-32_600, words]);
    const unknown = await client.refusal("thread/inject_items", { threadId: UNKNOWN, items });
    expect(unknown).toEqual([-32_600, `thread not found: ${UNKNOWN}`]);
  });
});
