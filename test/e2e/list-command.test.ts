/**
 * `skein list` where threads spawned others: by recency, by parent and by ancestor, and what it says when a
 * file can't be read.
 */
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type ListAnswer, makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

let place: SkeinWorkplace;
beforeAll(async () => {
  place = makeWorkplace();
  await mkdir(join(place.home, "sessions"), { recursive: true });
  // Begun in this order: root, grandchild, child. The root's answer came last.
  await writeThread("a", null, "10:00:01", "10:00:09");
  await writeThread("c", "b", "10:00:02", "10:00:03");
  await writeThread("b", "a", "10:00:05", "10:00:06");
});
afterAll(() => place.remove());

const idOf = (letter: string): string => `01900000-0000-7000-8000-00000000000${letter}`;
const fileOf = (letter: string): string =>
  join(place.home, "sessions", `rollout-2026-05-05T10-00-00-${idOf(letter)}.jsonl`);

async function writeThread(letter: string, parent: string | null, begun: string, answered: string): Promise<void> {
  const at = (time: string): string => `2026-05-05T${time}.000Z`;
  const source = parent === null ? "cli" : { subagent: { thread_spawn: { parent_thread_id: idOf(parent), depth: 1 } } };
  const meta = { id: idOf(letter), timestamp: at("10:00:00"), cwd: "/w", originator: "x", cli_version: "0", source };
  const lines = [
    { timestamp: at("10:00:00"), type: "session_meta", payload: meta },
    { timestamp: at(begun), type: "event_msg", payload: { type: "user_message", message: letter } },
    { timestamp: at(answered), type: "event_msg", payload: { type: "agent_message", message: "answer" } },
  ];
  await writeFile(fileOf(letter), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

async function listed(...args: readonly string[]): Promise<string> {
  const { data } = await place.json<ListAnswer>(["list", ...args]);
  return data.map(({ preview }) => preview).join("");
}

describe("skein list", () => {
  it("sorts by the newest turn's beginning, where --sort updated goes by the newest record", async () => {
    expect([await listed("--sort", "recency"), await listed("--sort", "updated")]).toEqual(["bca", "abc"]);
  });

  it("shows what a thread spawned, and by --ancestor what that spawned too", async () => {
    expect([await listed("--parent", idOf("a")), await listed("--ancestor", idOf("a"))]).toEqual(["b", "cb"]);
    expect(await listed("--ancestor", idOf("a"), "--parent", idOf("b").toUpperCase())).toBe("c");
  });

  it("takes the first characters of a parent's id, and refuses what fits more than one thread", async () => {
    const { exitCode, stderr } = await place.skein(["list", "--parent", "0190"]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("may be 3")]);
  });

  it.skipIf(process.getuid?.() === 0)("says that threads may be missing where a file can't be read", async () => {
    await chmod(fileOf("c"), 0);
    const answer = await place.json<ListAnswer & { isComplete: boolean; asOfMs: number }>(["list"]);
    expect([answer.data.length, answer.isComplete, answer.asOfMs > 0]).toEqual([2, false, true]);
    expect((await place.skein(["list"])).stderr).toContain("threads may be missing");
    await rm(fileOf("c"));
    expect((await place.skein(["list"])).stderr).toBe("");
  });
});
