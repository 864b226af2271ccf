/**
 * The values around a thread's metadata: what a patch may say and the line it becomes, the first line of a
 * new thread, and how a stored thread is shown.
 */
import { describe, expect, it } from "vitest";

import { isSkeinError, LIMITS } from "../../src/base/index.ts";
import type { SessionMeta } from "../../src/events/index.ts";
import {
  applyGitPatch,
  newSessionMeta,
  sessionMetaForPatch,
  type StoredThread,
  toThread,
  toWireSource,
  validateMetadataPatch,
} from "../../src/store/index.ts";

const FIRST: SessionMeta = {
  id: "t",
  timestamp: "2026-05-05T10:00:00.000Z",
  cwd: "/w",
  originator: "o",
  cli_version: "1",
  git: { commit_hash: "c", branch: "b" },
  from_the_future: [1],
};

describe("a patch", () => {
  it("is trimmed, and keeps only what it says", () => {
    expect(validateMetadataPatch({ name: " n \n", git: { sha: " s ", branch: null } })).toEqual({
      name: "n",
      git: { sha: "s", branch: null },
    });
    expect(validateMetadataPatch({ name: null, memoryMode: "polluted" })).toEqual({
      name: null,
      memoryMode: "polluted",
    });
    expect(validateMetadataPatch({ name: `a\nb\u{0}${"x".repeat(LIMITS.nameCharsMax - 4)}` }).name).toHaveLength(
      LIMITS.nameCharsMax,
    );
  });

  it.each([
    [{}, "at least one field"],
    [{ name: " " }, "must not be empty"],
    [{ name: "x".repeat(LIMITS.nameCharsMax + 1) }, "characters at most"],
    [{ git: {} }, "at least one field"],
    [{ git: { branch: "  " } }, "git.branch must not be empty"],
    [{ memoryMode: "on" as never }, "memory mode"],
  ])("of %j is refused", (patch, why) => {
    expect(() => validateMetadataPatch(patch)).toThrow(why);
    try {
      validateMetadataPatch(patch);
    } catch (error) {
      expect(isSkeinError(error, "invalid_argument")).toBe(true);
    }
  });

  it("sets, keeps and clears git field by field", () => {
    const current = { sha: "c", branch: "b", originUrl: null };
    expect(applyGitPatch(current, { branch: null, originUrl: "u" })).toEqual({
      sha: "c",
      branch: null,
      originUrl: "u",
    });
    expect(applyGitPatch(null, { sha: "x" })).toEqual({ sha: "x", branch: null, originUrl: null });
  });
});

describe("the line of a patch", () => {
  const current = { git: { sha: "c", branch: "b", originUrl: null }, memoryMode: "enabled" as const };

  it("of git copies the first one whole, and leaves out the fields that are cleared", () => {
    expect(sessionMetaForPatch(FIRST, current, { git: { sha: null, branch: null } })?.payload).toEqual({
      ...FIRST,
      git: {},
      memory_mode: "enabled",
    });
  });

  it("of the memory mode alone says nothing about git", () => {
    const payload = sessionMetaForPatch(FIRST, current, { memoryMode: "disabled" })?.payload ?? FIRST;
    expect("git" in payload).toBe(false);
    expect(payload).toMatchObject({ memory_mode: "disabled", from_the_future: [1] });
  });

  it("of a name is none", () => {
    expect(sessionMetaForPatch(FIRST, current, { name: "n" })).toBe(null);
  });
});

describe("a new thread's first line", () => {
  const identity = { threadId: "01900000-0000-7000-8000-00000000000a", createdAtMs: 0, forkedFromId: null };

  it("has what Codex needs, and of the rest only what is said", () => {
    expect(Object.keys(newSessionMeta(identity, { cwd: "/w" }))).toEqual([
      "id",
      "timestamp",
      "cwd",
      "originator",
      "cli_version",
      "source",
    ]);
    expect(
      newSessionMeta(
        { ...identity, forkedFromId: "s" },
        {
          cwd: "/w",
          baseInstructions: "be kind",
          memoryMode: "disabled",
          git: { sha: "c", branch: null, originUrl: "u" },
        },
      ),
    ).toMatchObject({
      forked_from_id: "s",
      base_instructions: { text: "be kind" },
      memory_mode: "disabled",
      git: { commit_hash: "c", repository_url: "u" },
    });
  });

  it("needs a folder", () => {
    expect(() => newSessionMeta(identity, { cwd: "" })).toThrow("working folder");
  });
});

describe("a thread as it is shown", () => {
  const stored: StoredThread = {
    id: "t",
    path: "/p",
    archived: false,
    name: null,
    preview: "p",
    cwd: "/w",
    modelProvider: "m",
    model: null,
    cliVersion: "1",
    originator: "o",
    source: "mcp",
    threadSource: null,
    agentNickname: null,
    agentRole: null,
    memoryMode: "enabled",
    git: { sha: null, branch: null, originUrl: null },
    forkedFromId: null,
    parentThreadId: null,
    createdAtMs: 1_999,
    updatedAtMs: 2_000,
    recencyAtMs: 1_999,
  };

  it("has whole seconds, its own id as session, no git where all of it is null, no path when ephemeral", () => {
    expect(toThread(stored)).toMatchObject({
      sessionId: "t",
      createdAt: 1,
      updatedAt: 2,
      gitInfo: null,
      path: "/p",
      source: "appServer",
      status: { type: "notLoaded" },
      turns: [],
    });
    expect(toThread(stored, { ephemeral: true, status: { type: "idle" } })).toMatchObject({
      path: null,
      status: { type: "idle" },
    });
  });

  it.each([
    ["cli", "cli"],
    ["mcp", "appServer"],
    ["something new", "unknown"],
    [{ custom: "atlas" }, { custom: "atlas" }],
    [{ subagent: "review" }, { subAgent: "review" }],
    [{ internal: "x" }, "unknown"],
  ])("has the source %j in the protocol's words", (source, wire) => {
    expect(toWireSource(source)).toEqual(wire);
  });
});
