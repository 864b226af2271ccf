/**
 * thread/list and thread/search: defaults, filters, pages, and what loaded threads are doing. The threads are made
 * past the server, so that each has just what a filter looks at.
 */
import { afterEach, describe, expect, it } from "vitest";

import { echoAgent, type StartThreadParams } from "../../../src/actors/index.ts";
import { closeServers, serve, type HomeKind, type ServerFixture, type TestClient } from "../server-fixture.ts";

afterEach(closeServers);

/** A thread with one turn, made past the server. */
async function stored({ runtime }: ServerFixture, text: string, params: StartThreadParams = {}): Promise<string> {
  const thread = await runtime.startThread(params);
  await thread.run(text);
  return thread.id;
}

async function idsOf(client: TestClient, params: object): Promise<readonly string[]> {
  return (await client.call("thread/list", params)).data.map(({ id }) => id);
}

async function serveWith(kind: HomeKind): Promise<{ fixture: ServerFixture; client: TestClient }> {
  const fixture = await serve({ kind, agent: { ...echoAgent(), provider: "mock" } });
  return { fixture, client: await fixture.connect() };
}

describe("thread/list", () => {
  it("lists the server's own provider and what people began, unless it is told otherwise", async () => {
    const { fixture, client } = await serveWith("local");
    const mine = await stored(fixture, "mine");
    const other = await stored(fixture, "other", { modelProvider: "else" });
    const exec = await stored(fixture, "exec", { source: "exec" });
    const atlas = await stored(fixture, "atlas", { source: { custom: "atlas" } });
    const custom = await stored(fixture, "custom", { source: { custom: "mine" } });
    const review = await stored(fixture, "review", { source: { subagent: "review" } });
    const strange = await stored(fixture, "strange", { source: { internal: "x" } });
    const oldest = { sortDirection: "asc" };
    expect(await idsOf(client, oldest)).toEqual([mine, atlas]);
    expect(await idsOf(client, { ...oldest, sourceKinds: [] })).toEqual([mine, atlas]);
    expect(await idsOf(client, { ...oldest, modelProviders: [] })).toEqual([mine, other, atlas]);
    expect(await idsOf(client, { ...oldest, modelProviders: ["else"] })).toEqual([other]);
    expect(await idsOf(client, { ...oldest, sourceKinds: ["exec", "vscode"] })).toEqual([mine, exec]);
    expect(await idsOf(client, { sourceKinds: ["subAgent"] })).toEqual([review]);
    expect(await idsOf(client, { sourceKinds: ["subAgentReview"] })).toEqual([review]);
    expect(await idsOf(client, { sourceKinds: ["subAgentCompact"] })).toEqual([]);
    expect(await idsOf(client, { sourceKinds: ["unknown"] })).toEqual([strange]);
    expect(await idsOf(client, { sourceKinds: ["appServer"] })).toEqual([]);
    expect(custom).not.toBe(atlas);
  });

  it("fills a page past what the filter leaves out, and loses nothing between pages", async () => {
    const { fixture, client } = await serveWith("memory");
    const wanted: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      wanted.push(await stored(fixture, `w${round}`));
      await stored(fixture, "x", { source: { custom: "other" } });
      await stored(fixture, "y", { source: { custom: "other" } });
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof client.call<"thread/list">>> = await client.call("thread/list", {
        limit: 2,
        cursor,
        sortDirection: "asc",
      });
      seen.push(...page.data.map(({ id }) => id));
      expect(page.data.length === 2 || page.nextCursor === null).toBe(true);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(wanted);
  });

  it("pages there and back", async () => {
    const { fixture, client } = await serveWith("local");
    const ids: string[] = [];
    for (const text of ["a", "b", "c"]) ids.push(await stored(fixture, text));
    const first = await client.call("thread/list", { limit: 2, sortKey: "updated_at" });
    expect(first.data.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    const second = await client.call("thread/list", { limit: 2, sortKey: "updated_at", cursor: first.nextCursor });
    expect([second.data.map(({ id }) => id), second.nextCursor]).toEqual([[ids[0]], null]);
    const back = { sortKey: "updated_at", sortDirection: "asc", cursor: second.backwardsCursor };
    expect((await client.call("thread/list", back)).data.map(({ id }) => id)).toEqual([ids[1], ids[2]]);
    expect((await client.call("thread/list", { limit: 0 })).data.length).toBe(1);
    for (const cursor of ["zzz", ""]) {
      expect(await client.refusal("thread/list", { cursor })).toEqual([-32_600, `invalid cursor: ${cursor}`]);
    }
  });

  it("filters by folder, as clients spell it", async () => {
    const { fixture, client } = await serveWith("local");
    const a = await stored(fixture, "a", { cwd: "/srv/ws/a" });
    const b = await stored(fixture, "b", { cwd: "/b" });
    expect(await idsOf(client, { cwd: "/srv/ws/a/" })).toEqual([a]);
    expect(await idsOf(client, { cwd: "a" })).toEqual([a]);
    expect(await idsOf(client, { cwd: ["/b", "a"], sortDirection: "asc" })).toEqual([a, b]);
    expect(await idsOf(client, { cwd: "/nope" })).toEqual([]);
    expect(await client.call("thread/list", { cwd: [] })).toEqual({
      data: [],
      nextCursor: null,
      backwardsCursor: null,
    });
  });

  it("looks for a part of the name or the first message", async () => {
    const { fixture, client } = await serveWith("local");
    const a = await stored(fixture, "searchable one");
    const b = await stored(fixture, "two");
    await client.call("thread/name/set", { threadId: b, name: "Named" });
    expect(await idsOf(client, { searchTerm: "searchable" })).toEqual([a]);
    expect(await idsOf(client, { searchTerm: "Name" })).toEqual([b]);
    expect(await idsOf(client, { searchTerm: "%" })).toEqual([]);
    expect((await idsOf(client, { searchTerm: "" })).length).toBe(2);
  });

  it("from the state DB alone is empty where there is none", async () => {
    const plain = await serveWith("local");
    await stored(plain.fixture, "a");
    expect(await plain.client.call("thread/list", { useStateDbOnly: true })).toEqual({
      data: [],
      nextCursor: null,
      backwardsCursor: null,
    });
    const indexed = await serveWith("indexed");
    const id = await stored(indexed.fixture, "a");
    expect(await idsOf(indexed.client, { useStateDbOnly: true })).toEqual([id]);
  });

  it("shows what loaded threads are doing", async () => {
    const fixture = await serve({ kind: "local", agent: [[], [{ untilAborted: true }], [{ fail: new Error("no") }]] });
    const client = await fixture.connect();
    const closed = await stored(fixture, "closed");
    await fixture.runtime.thread(closed)?.close();
    const running = await client.startThread();
    await client.startTurn(running, "hi");
    const failed = await client.startThread();
    await client.runTurn(failed, "hi");
    const { data } = await client.call("thread/list", { sortDirection: "asc" });
    expect(data.map(({ id, status }) => [id, status.type])).toEqual([
      [closed, "notLoaded"],
      [running, "active"],
      [failed, "systemError"],
    ]);
  });
});

describe("thread/search", () => {
  it("finds text in messages, with the place where", async () => {
    const { fixture, client } = await serveWith("indexed");
    await stored(fixture, "nothing to see");
    const id = await stored(fixture, "a needle in the hay");
    const page = await client.call("thread/search", { searchTerm: "NEEDLE" });
    expect(page.data.map(({ thread }) => [thread.id, thread.status.type])).toEqual([[id, "idle"]]);
    expect(page.data[0]?.snippet).toContain("needle");
    expect(page.nextCursor).toBeNull();
    await client.call("thread/archive", { threadId: id });
    expect((await client.call("thread/search", { searchTerm: "needle" })).data).toEqual([]);
    expect((await client.call("thread/search", { searchTerm: "needle", archived: true })).data.length).toBe(1);
  });

  it("says what it needs where there is no index, and what it can't do", async () => {
    const { client } = await serveWith("local");
    const [code, words] = await client.refusal("thread/search", { searchTerm: "x" });
    expect([code, words]).toEqual([-32_603, expect.stringContaining("state DB")]);
    const [, order] = await client.refusal("thread/search", { searchTerm: "x", sortKey: "created_at" });
    expect(order).toContain("thread/search answers what changed last first");
  });
});
