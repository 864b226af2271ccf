/**
 * What a list shows of a thread: its own session_meta lines, git and memory mode as they change, preview,
 * model, name, times; and where a thread comes from.
 */
import { describe, expect, it } from "vitest";

import {
  type AppendableItem,
  foldRecords,
  gitOfMeta,
  lineageFold,
  previewOf,
  type SessionMeta,
  type ThreadMetadata,
  threadMetadataFold,
} from "../../../src/events/index.ts";
import { event, idOf, meta, turn } from "../item-builders.ts";
import { linesOf, foldBytes, recordsOf, timeAt } from "../log-reading.ts";

function fold(...items: readonly AppendableItem[]): ThreadMetadata {
  return foldRecords(threadMetadataFold, recordsOf(items));
}

describe("thread metadata", () => {
  it("comes from the first session_meta", () => {
    const source = { subagent: { thread_spawn: { parent_thread_id: "p", agent_nickname: "Halley" } } };
    expect(
      fold(meta("t", { source, thread_source: "subagent", model_provider: "mock", forked_from_id: "f" })),
    ).toMatchObject({
      hasSessionMeta: true,
      id: idOf("t"),
      forkedFromId: "f",
      parentThreadId: "p",
      agentNickname: "Halley",
      modelProvider: "mock",
      threadSource: "subagent",
      source,
      memoryMode: "enabled",
      git: null,
      createdAtMs: Date.UTC(2026, 4, 5, 10),
    });
  });

  it("is empty before one was seen, and takes the first even behind other records", () => {
    expect(fold(event("user_message", { message: "hi" }))).toMatchObject({
      hasSessionMeta: false,
      id: "",
      preview: "hi",
    });
    expect(fold(event("user_message", { message: "hi" }), meta("t"))).toMatchObject({
      hasSessionMeta: true,
      preview: "hi",
    });
  });

  it("has git replaced as a whole by a later own line, and kept by one that doesn't mention it", () => {
    const git = { commit_hash: "abc", branch: "main", repository_url: "u" };
    expect(fold(meta("t", { git })).git).toEqual({ sha: "abc", branch: "main", originUrl: "u" });
    expect(fold(meta("t", { git }), meta("t", { git: { branch: "next" } })).git).toEqual({
      sha: null,
      branch: "next",
      originUrl: null,
    });
    expect(fold(meta("t", { git }), meta("t", { git: {} })).git).toBeNull();
    expect(fold(meta("t", { git }), meta("t", { memory_mode: "disabled" }))).toMatchObject({
      git: { sha: "abc" },
      memoryMode: "disabled",
    });
    expect(fold(meta("t", { memory_mode: "disabled" }), meta("t", { git })).memoryMode).toBe("disabled");
  });

  it("says nothing, or nothing known, or the triple, of one line's git", () => {
    expect(gitOfMeta(meta("t").payload as SessionMeta)).toBeUndefined();
    expect(gitOfMeta(meta("t", { git: null }).payload as SessionMeta)).toBeUndefined();
    expect(gitOfMeta(meta("t", { git: {} }).payload as SessionMeta)).toBeNull();
  });

  it("is not changed by an ancestor's lines in a fork", () => {
    const ancestor = meta("p", { cwd: "/other", git: { branch: "x" }, memory_mode: "disabled" });
    expect(fold(meta("t"), ancestor)).toMatchObject({ id: idOf("t"), cwd: "/w", git: null, memoryMode: "enabled" });
  });

  it("names the thread by its own name events, which a fork's copies are not", () => {
    const named = event("thread_name_updated", { thread_id: idOf("t"), thread_name: " Plan " });
    expect(fold(meta("t"), named).name).toBe("Plan");
    expect(fold(meta("f"), meta("t"), named).name).toBeNull();
    expect(
      fold(meta("t"), named, event("thread_name_updated", { thread_id: idOf("t"), thread_name: "" })).name,
    ).toBeNull();
  });

  it("shows the newest model, and the time of the newest record that has one", () => {
    const context = (model: string): AppendableItem => ({ type: "turn_context", payload: { cwd: "/w", model } });
    const state = fold(meta("t"), context("a"), context("b"), ...turn("t1", "x"));
    expect(state.model).toBe("b");
    expect(state.updatedAtMs).toBe(Date.parse(timeAt(8)));
  });

  it("is as recent as its newest begun turn, whatever came behind and was rolled back", () => {
    expect(fold(meta("t"), event("agent_message", { message: "x" })).recencyAtMs).toBe(Date.parse(timeAt(0)));
    const begun = event("turn_started", { turn_id: "a" });
    const rolledBack = event("thread_rolled_back", { num_turns: 1 });
    const answered = [event("agent_message", { message: "x" }), rolledBack];
    for (const begin of [begun, event("task_started", { turn_id: "a" }), event("user_message", { message: "u" })]) {
      expect(fold(meta("t"), ...answered, begin, ...answered).recencyAtMs).toBe(Date.parse(timeAt(3)));
    }
    expect(fold(meta("t"), begun, event("user_message", { message: "u" })).recencyAtMs).toBe(Date.parse(timeAt(2)));
  });

  it("is as recent as it was made where its turns are a fork's older copies, or stand before its session_meta", () => {
    const made = Date.UTC(2027, 0, 1);
    const fork = meta("t", { timestamp: new Date(made).toISOString() });
    const spoken = event("user_message", { message: "u" });
    expect([fold(fork, spoken).recencyAtMs, fold(spoken, fork).recencyAtMs]).toEqual([made, made]);
  });

  it("takes the time of the newest skipped line only where that line can be read", () => {
    const line = (time: string, rest: string): string =>
      `{"timestamp":"${time}","type":"event_msg","payload":{"type":"token_count"${rest}`;
    const good = line("2026-05-05T10:00:07.000Z", ',"info":null}}');
    const broken = line("2026-05-05T10:00:09.000Z", ',"info":');
    const { state } = foldBytes(threadMetadataFold, [linesOf(good, broken, "")], false);
    expect(state.updatedAtMs).toBe(Date.UTC(2026, 4, 5, 10, 0, 7));
  });

  it("is created when the line was written where the session_meta's own time can't be read", () => {
    expect(fold(meta("t", { timestamp: "long ago" })).createdAtMs).toBe(Date.parse(timeAt(0)));
  });
});

describe("preview", () => {
  const preview = (members: Readonly<Record<string, unknown>>): string =>
    previewOf({ type: "user_message", ...members });

  it("is the first message, whole and trimmed, without what a client put before the request", () => {
    expect(preview({ message: "  hi\n" })).toBe("hi");
    expect(preview({ message: "ctx\n## My request for Codex:\nreal ask" })).toBe("real ask");
    expect(fold(meta("t"), ...turn("t1", "a"), ...turn("t2", "b")).preview).toBe("a");
  });

  it("is [Image] for a message of images only, and empty for an empty one", () => {
    expect(preview({ message: " ", images: ["http://i"] })).toBe("[Image]");
    expect(preview({ message: "", local_images: ["/l"] })).toBe("[Image]");
    expect(preview({ message: "" })).toBe("");
  });
});

describe("lineage", () => {
  it("is the own id, the source, and all ancestors nearest first", () => {
    const log = [
      meta("c", { forked_from_id: idOf("b") }),
      meta("b"),
      meta("b", { git: {} }),
      meta("a"),
      meta("c", { git: {} }),
    ];
    expect(foldRecords(lineageFold, recordsOf(log))).toEqual({
      id: idOf("c"),
      forkedFromId: idOf("b"),
      ancestorIds: [idOf("b"), idOf("a")],
      spawnParentId: null,
      isReview: false,
    });
  });

  it("knows reviews and spawned threads", () => {
    const spawn = { subagent: { thread_spawn: { parent_thread_id: "p" } } };
    expect(foldRecords(lineageFold, recordsOf([meta("t", { source: spawn })])).spawnParentId).toBe("p");
    expect(foldRecords(lineageFold, recordsOf([meta("t", { source: { subagent: "review" } })])).isReview).toBe(true);
  });
});
