/**
 * Commands that change a thread, as real processes one after another on one home: each does what it
 * says, prints data alone on standard output, and leaves what the next one builds on.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type ListAnswer, makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

let place: SkeinWorkplace;
let threadId = "";
beforeAll(async () => {
  place = makeWorkplace();
  threadId = await place.startThread("one", "two", "three");
});
afterAll(() => place.remove());

const questions = ({ thread }: ThreadAnswer): readonly string[] =>
  thread.turns.map(({ items: [first] }) =>
    first?.type === "userMessage" && first.content[0]?.type === "text" ? first.content[0].text : "?",
  );

describe("fork", () => {
  it("prints the new thread's id, and the fork has the turns of its source", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["fork", threadId]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(stderr).toBe(`forked from ${threadId} with 3 turns; go on with: skein chat ${stdout}`);
    const fork = await place.json<ThreadAnswer>(["show", stdout.trim()]);
    expect(questions(fork)).toEqual(["one", "two", "three"]);
    expect(fork.thread.forkedFromId).toBe(threadId);
  });

  it("leaves out a turn and what follows, and neither thread hears of the other again", async () => {
    const source = await place.json<ThreadAnswer>(["show", threadId]);
    const fork = await place.json<ThreadAnswer>(["fork", threadId, "--before", String(source.thread.turns[1]?.id)]);
    expect(questions(fork)).toEqual(["one"]);
    await place.skein(["chat", fork.thread.id], { input: "only here" });
    expect(questions(await place.json(["show", fork.thread.id]))).toEqual(["one", "only here"]);
    expect(questions(await place.json(["show", threadId]))).toEqual(["one", "two", "three"]);
  });
});

describe("rollback and revert", () => {
  it("drop turns from the end while the file only grows", async () => {
    const { thread } = await place.json<ThreadAnswer>(["fork", threadId]);
    const written = readFileSync(String(thread.path));
    const people = await place.skein(["rollback", thread.id, "1"]);
    expect(people).toEqual({ exitCode: 0, stdout: "", stderr: `dropped 1 of 3 turns of ${thread.id}; 2 left\n` });
    expect((await place.json<ThreadAnswer>(["show", "--last"])).thread.id).toBe(thread.id);
    const [, second] = thread.turns;
    const reverted = await place.json<ThreadAnswer>(["revert", thread.id, String(second?.id)]);
    expect(questions(reverted)).toEqual(["one"]);
    expect(readFileSync(String(thread.path)).subarray(0, written.length).equals(written)).toBe(true);
  });

  it("take --before as another word for revert", async () => {
    const { thread } = await place.json<ThreadAnswer>(["fork", threadId]);
    const [first] = thread.turns;
    expect(questions(await place.json(["rollback", thread.id, "--before", String(first?.id)]))).toEqual([]);
  });
});

describe("name", () => {
  it("is shown, searched, kept apart from the first message, and taken away again", async () => {
    expect((await place.skein(["name", threadId, " my thread "])).stderr).toBe(`${threadId} is "my thread" now\n`);
    expect((await place.json<ThreadAnswer>(["show", threadId])).thread).toMatchObject({
      name: "my thread",
      preview: "one",
    });
    const found = await place.json<ListAnswer>(["list", "--search", "MY THREAD"]);
    expect(found.data.map(({ id }) => id)).toEqual([threadId]);
    const cleared = await place.json<ThreadAnswer>(["name", threadId, "--clear"]);
    expect(cleared.thread.name).toBeNull();
  });
});

describe("archive, unarchive and delete", () => {
  it("move the file away and back, and remove it for good", async () => {
    const { thread } = await place.json<ThreadAnswer>(["fork", threadId]);
    const isListed = async (...flags: string[]): Promise<boolean> =>
      (await place.json<ListAnswer>(["list", "--limit", "100", ...flags])).data.some(({ id }) => id === thread.id);
    const archived = await place.json<ThreadAnswer>(["archive", thread.id]);
    expect(archived.thread.path).toContain("archived_sessions");
    expect([await isListed(), await isListed("--archived")]).toEqual([false, true]);
    const back = await place.json<ThreadAnswer>(["unarchive", thread.id]);
    expect(back.thread.path).toBe(thread.path);
    expect(await isListed()).toBe(true);
    expect(await place.json(["delete", thread.id, "--yes"])).toEqual({});
    const files = readdirSync(place.home, { recursive: true, encoding: "utf8" });
    expect(files.filter((path) => path.includes(thread.id))).toEqual([]);
    expect((await place.skein(["show", thread.id])).exitCode).toBe(3);
  });
});

describe("the home", () => {
  it("holds nothing but sessions, the archive, the index and the state DB", () => {
    const stateDb = ["skein.sqlite", "skein.sqlite.lock"];
    const rollouts = ["archived_sessions", "session_index.jsonl", "sessions"];
    expect(readdirSync(place.home).toSorted()).toEqual([...rollouts, ...stateDb]);
    expect(readdirSync(join(place.home, "archived_sessions"))).toEqual([]);
  });
});
