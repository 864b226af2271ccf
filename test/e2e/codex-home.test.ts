/**
 * A copy of a home that Codex 0.130 wrote: it is listed, shown, verified and gone on with by the
 * command, and what Codex wrote stays as it was, byte for byte.
 */
import { readFileSync, renameSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type ListAnswer, makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

const PLAIN = "01a20233-2e58-7271-bc33-3f3cb8230a0d";
const NAMED = "01a20233-2f38-71b0-b18d-c572047b3d17";
const ARCHIVED = "01a20233-5561-73a0-92fd-b6c40ae66519";

let place: SkeinWorkplace;
beforeAll(() => {
  place = makeWorkplace("codex");
});
afterAll(() => place.remove());

describe("a Codex home", () => {
  it("is listed whole, newest first, one tab-divided row a thread", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["list"]);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((row) => row.split("\t"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(rows).toHaveLength(16);
    const ids = rows.map(([id]) => String(id));
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? 1 : -1)));
    expect(rows).toContainEqual([NAMED, "2026-11-22 07:40", "Named thread"]);
  });

  it("is listed as the protocol's page, and pages meet without gap or double", async () => {
    const whole = await place.json<ListAnswer>(["list"]);
    expect(whole.nextCursor).toBeNull();
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: ListAnswer = await place.json([
        "list",
        "--limit",
        "6",
        ...(cursor === null ? [] : ["--cursor", cursor]),
      ]);
      ids.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(ids).toEqual(whole.data.map(({ id }) => id));
  });

  it("is filtered by provider, source, folder and text", async () => {
    const idsOf = async (...filter: string[]): Promise<readonly string[]> =>
      (await place.json<ListAnswer>(["list", ...filter])).data.map(({ preview, name }) => name ?? preview);
    const [second, search, nowhere, exec, archived] = await Promise.all([
      idsOf("--provider", "mock2", "--provider", "other"),
      idsOf("--search", "NAMED thread"),
      idsOf("--cwd", "/no/such/folder"),
      idsOf("--source", "exec"),
      idsOf("--archived"),
    ]);
    expect(second.every((title) => title === "second provider")).toBe(true);
    expect(search.some((title) => title === "Named thread")).toBe(true);
    expect(nowhere).toEqual([]);
    expect(exec).toEqual(["from codex exec"]);
    expect(archived).toEqual(["Archived one"]);
  });

  it("shows a thread's turns to people and as the protocol's thread", async () => {
    const { stdout } = await place.skein(["show", PLAIN]);
    expect(stdout).toContain("turn  01a20233-2e6e-7a91-b928-bd6b581f63be  completed  2026-11-22 07:40:38  106 ms\n");
    expect(stdout).toContain("  user    second message\n  agent   Echo: second message\n");
    const { thread } = await place.json<ThreadAnswer>(["show", PLAIN]);
    expect(thread).toMatchObject({ id: PLAIN, modelProvider: "mock", cwd: "/srv/ws", status: { type: "notLoaded" } });
    expect(thread.turns.map(({ status, items }) => [status, items.length])).toEqual([
      ["completed", 2],
      ["completed", 2],
    ]);
    const newest = await place.json<ThreadAnswer>(["show", PLAIN, "--turns", "1"]);
    expect(newest.thread.turns).toEqual(thread.turns.slice(-1));
  });

  it("shows an archived thread, by the first characters of its id", async () => {
    const { exitCode, stdout } = await place.skein(["show", ARCHIVED.slice(0, 13).toUpperCase()]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("state   archived\n");
  });

  it("goes on with a thread: the old lines stay as they were, the new turn follows", async () => {
    const { thread: before } = await place.json<ThreadAnswer>(["show", PLAIN]);
    const written = readFileSync(String(before.path));
    const { exitCode, stdout, stderr } = await place.skein(["chat", PLAIN], { input: "go on here\n" });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: "Echo: go on here\n",
      stderr: `thread ${PLAIN}\n`,
    });
    const { thread: after } = await place.json<ThreadAnswer>(["show", PLAIN]);
    expect(after.turns.slice(0, 2)).toEqual(before.turns);
    expect(after.turns).toHaveLength(3);
    expect(after.turns[2]).toMatchObject({
      status: "completed",
      items: [{ type: "userMessage" }, { text: "Echo: go on here" }],
    });
    const grown = readFileSync(String(after.path));
    expect(grown.subarray(0, written.length).equals(written)).toBe(true);
  });

  it("finds a thread by the first characters of its id also when its file is called otherwise", async () => {
    const { thread } = await place.json<ThreadAnswer>(["show", NAMED]);
    renameSync(String(thread.path), String(thread.path).replace(/rollout-.*$/, "copied-by-hand.jsonl"));
    expect((await place.json<ThreadAnswer>(["show", NAMED.slice(0, 14)])).thread.id).toBe(NAMED);
  });
});
