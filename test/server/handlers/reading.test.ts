/**
 * What is read of one thread: itself, its turns, its items, its summary; loaded or not, running or not. Reading
 * loads nothing.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { closeServers, openServer, serve, type ServerFixture } from "../server-fixture.ts";

afterEach(closeServers);

const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000001";

/** Three turns of a thread that nobody has loaded. */
async function storedThread(): Promise<{
  readonly fixture: ServerFixture;
  readonly threadId: string;
  readonly turns: readonly string[];
  readonly end: () => Promise<void>;
}> {
  const first = await openServer({ kind: "indexed" });
  const before = await first.connect();
  const threadId = await before.startThread();
  const turns: string[] = [];
  for (const text of ["one", "two", "three"]) turns.push((await before.runTurn(threadId, text)).id);
  await first.stop();
  return { fixture: await serve({ kind: "indexed", home: first.home }), threadId, turns, end: () => first.close() };
}

describe("thread/read", () => {
  it("reads a stored thread without loading it, with its turns where they are asked for", async () => {
    const { fixture, threadId, turns, end } = await storedThread();
    const client = await fixture.connect();
    const { thread } = await client.call("thread/read", { threadId });
    expect(thread).toMatchObject({ id: threadId, preview: "one", turns: [], status: { type: "notLoaded" } });
    const whole = await client.call("thread/read", { threadId, includeTurns: true });
    expect(whole.thread.turns.map(({ id }) => id)).toEqual(turns);
    expect((await client.call("thread/loaded/list")).data).toEqual([]);
    await end();
  });

  it("shows a running thread with its turn", async () => {
    const { connect } = await serve({ kind: "local", agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    const { thread } = await client.call("thread/read", { threadId, includeTurns: true });
    expect(thread.status).toEqual({ type: "active", activeFlags: [] });
    expect(thread.turns.map(({ id, status }) => [id, status])).toEqual([[turnId, "inProgress"]]);
  });

  it("refuses turns of a thread without a record, of an ephemeral one, and of none", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    const eph = (await client.call("thread/start", { ephemeral: true })).thread.id;
    const refusals: readonly (readonly [string, object, string])[] = [
      [
        "thread/read",
        { threadId },
        `thread ${threadId} is not materialized yet; includeTurns is unavailable before first user message`,
      ],
      [
        "thread/turns/list",
        { threadId },
        `thread ${threadId} is not materialized yet; thread/turns/list is unavailable before first user message`,
      ],
      ["thread/read", { threadId: eph }, "ephemeral threads do not support includeTurns"],
      ["thread/turns/list", { threadId: eph }, "ephemeral threads do not support thread/turns/list"],
      ["thread/items/list", { threadId: eph }, "ephemeral threads do not support thread/items/list"],
      ["thread/read", { threadId: UNKNOWN }, `thread not loaded: ${UNKNOWN}`],
      ["thread/turns/list", { threadId: UNKNOWN }, `thread not loaded: ${UNKNOWN}`],
    ];
    for (const [method, params, words] of refusals) {
      expect(await client.refusal(method, { ...params, includeTurns: true })).toEqual([-32_600, words]);
    }
    expect((await client.call("thread/read", { threadId })).thread.id).toBe(threadId);
  });
});

describe("thread/turns/list", () => {
  it("pages both ways, in summary, newest first", async () => {
    const { fixture, threadId, turns, end } = await storedThread();
    const client = await fixture.connect();
    const first = await client.call("thread/turns/list", { threadId, limit: 2 });
    expect(first.data.map(({ id, itemsView }) => [id, itemsView])).toEqual([
      [turns[2], "summary"],
      [turns[1], "summary"],
    ]);
    expect(first.nextCursor).toBe(JSON.stringify({ turnId: turns[1], includeAnchor: false }));
    const second = await client.call("thread/turns/list", { threadId, limit: 2, cursor: first.nextCursor });
    expect([second.data.map(({ id }) => id), second.nextCursor]).toEqual([[turns[0]], null]);
    const back = { threadId, cursor: second.backwardsCursor, sortDirection: "asc", itemsView: "notLoaded", limit: 0 };
    const third = await client.call("thread/turns/list", back);
    expect(third.data.map(({ id, items }) => [id, items])).toEqual([[turns[0], []]]);
    await end();
  });

  it("refuses cursors that are none, and those whose turn is gone", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    const { id } = await client.runTurn(threadId, "hi");
    const refused = async (cursor: string): Promise<unknown> =>
      await client.refusal("thread/turns/list", { threadId, cursor });
    expect(await refused("zzz")).toEqual([-32_600, "invalid cursor: zzz"]);
    expect(await refused("")).toEqual([-32_600, "invalid cursor: "]);
    await client.call("thread/rollback", { threadId, numTurns: 1 });
    expect(await refused(JSON.stringify({ turnId: id, includeAnchor: true }))).toEqual([
      -32_600,
      "invalid cursor: anchor turn is no longer present",
    ]);
  });

  it("shows the turn that runs as running, in every view", async () => {
    const { connect } = await serve({ kind: "indexed", agent: [[{ say: "Hm." }, { untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    await client.told("item/completed", ({ item }) => item.type === "agentMessage");
    for (const [itemsView, items] of [
      ["notLoaded", 0],
      ["summary", 2],
      ["full", 2],
    ] as const) {
      const { data } = await client.call("thread/turns/list", { threadId, itemsView });
      expect(data.map((turn) => [turn.id, turn.status, turn.itemsView, turn.items.length])).toEqual([
        [turnId, "inProgress", itemsView, items],
      ]);
    }
  });

  it("needs the experimental capability", async () => {
    const { connect } = await serve();
    const client = await connect({ experimental: false });
    const threadId = await client.startThread();
    expect(await client.refusal("thread/turns/list", { threadId })).toEqual([
      -32_600,
      "thread/turns/list requires experimentalApi capability",
    ]);
  });
});

describe("thread/items/list", () => {
  it("pages items over all turns or of one, and begins behind an item that is named", async () => {
    const { fixture, threadId, turns, end } = await storedThread();
    const client = await fixture.connect();
    const all = await client.call("thread/items/list", { threadId, limit: 100 });
    expect(all.data.map(({ turnId }) => turnId)).toEqual(turns.flatMap((id) => [id, id]));
    expect(all.data[0]).toMatchObject({ startedAtMs: null, completedAtMs: null, item: { type: "userMessage" } });
    const page = await client.call("thread/items/list", { threadId, limit: 4 });
    const rest = await client.call("thread/items/list", { threadId, cursor: page.nextCursor });
    expect([...page.data, ...rest.data]).toEqual(all.data);
    const [turnId = ""] = turns;
    const mine = await client.call("thread/turns/items/list", { threadId, turnId });
    expect(mine.data).toEqual(all.data.slice(0, 2));
    const behind = async (itemId: string, sortDirection: string): Promise<unknown> =>
      (await client.call("thread/items/list", { threadId, turnId, sortDirection, cursor: { type: "item", itemId } }))
        .data;
    const ids = mine.data.map(({ item }) => item.id);
    expect(await behind(ids[0] ?? "", "asc")).toEqual(mine.data.slice(1));
    expect(await behind(ids[1] ?? "", "desc")).toEqual(mine.data.slice(0, 1));
    expect(await behind(ids[1] ?? "", "asc")).toEqual([]);
    await end();
  });

  it("refuses an item, and a turn, that isn't there", async () => {
    const { fixture, threadId, turns, end } = await storedThread();
    const client = await fixture.connect();
    const cursor = { type: "item", itemId: "item-99" };
    expect(await client.refusal("thread/items/list", { threadId, turnId: turns[0], cursor })).toEqual([
      -32_600,
      `invalid cursor: item item-99 is not in turn ${turns[0]}`,
    ]);
    expect(await client.refusal("thread/items/list", { threadId, cursor })).toEqual([
      -32_600,
      "a cursor that names an item needs the `turnId` of its turn",
    ]);
    const turnId = "nope";
    expect(await client.refusal("thread/turns/items/list", { threadId, turnId })).toEqual([
      -32_600,
      "turn not found: nope",
    ]);
    await end();
  });
});

describe("getConversationSummary", () => {
  it("answers by id and by path, with the file's own words for the source", async () => {
    const { connect, runtime } = await serve({ kind: "local" });
    const client = await connect();
    const thread = await runtime.startThread({
      source: { subagent: "review" },
      cwd: "/w",
      git: { sha: "abc", branch: "b", originUrl: null },
    });
    await thread.run("hi");
    const byId = await client.call("getConversationSummary", { conversationId: thread.id });
    expect(byId.summary).toMatchObject({
      conversationId: thread.id,
      preview: "hi",
      cwd: "/w",
      source: { subagent: "review" },
      gitInfo: { sha: "abc", branch: "b", origin_url: null },
    });
    expect(byId.summary.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const byPath = await client.call("getConversationSummary", { rolloutPath: byId.summary.path });
    expect(byPath).toEqual(byId);
  });

  it("of what is no rollout says first what it couldn't do", async () => {
    const { connect, home } = await serve({ kind: "local" });
    const client = await connect();
    await mkdir(join(home, "sessions"), { recursive: true });
    const [code, words] = await client.refusal("getConversationSummary", { rolloutPath: "sessions" });
    const reason = `thread-store internal error: failed to read thread ${join(home, "sessions")}: Is a directory`;
    expect([code, words.replace(" (os error 21)", "")]).toEqual([
      -32_603,
      `failed to load conversation summary from sessions: ${reason}`,
    ]);
  });

  it("refuses what isn't there, and paths where there are no files", async () => {
    const { connect } = await serve();
    const client = await connect();
    expect(await client.refusal("getConversationSummary", { conversationId: UNKNOWN })).toEqual([
      -32_600,
      `no rollout found for conversation id ${UNKNOWN}`,
    ]);
    const [code, words] = await client.refusal("getConversationSummary", { rolloutPath: "/x.jsonl" });
    expect([code, words]).toEqual([-32_600, expect.stringContaining("without files")]);
    const nothing = "Invalid request: data did not match any variant of untagged enum GetConversationSummaryParams";
    expect(await client.refusal("getConversationSummary", {})).toEqual([-32_600, nothing]);
    expect(await client.refusal("getConversationSummary", { conversationId: "x" })).toEqual([-32_600, nothing]);
  });
});
