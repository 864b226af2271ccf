/**
 * Turns and threads as people read them: every kind of item has its words, failures are said, and the
 * table fits a terminal or divides by tabs on a pipe.
 */
import { describe, expect, it } from "vitest";

import { threadTable } from "../../src/cli/format/thread-table.ts";
import { itemText, threadHead, turnText } from "../../src/cli/format/turn-text.ts";
import type { ThreadItem, Turn } from "../../src/events/index.ts";
import type { StoredThread } from "../../src/store/index.ts";
import { scriptedOutput } from "../support/scripted-output.ts";

const turn: Turn = {
  id: "turn-1",
  items: [
    {
      type: "userMessage",
      id: "item-1",
      content: [
        { type: "text", text: "first\nsecond" },
        { type: "localImage", path: "/a.png" },
      ],
    },
    { type: "agentMessage", id: "item-2", text: "answer", phase: null, memoryCitation: null },
  ],
  itemsView: "full",
  status: "completed",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: 1_234,
};

const thread: StoredThread = {
  id: "01a20233-2e58-7271-bc33-3f3cb8230a0d",
  path: "/home/t.jsonl",
  archived: false,
  name: null,
  preview: "what is\na rollout?",
  cwd: "/work",
  modelProvider: "skein",
  model: "echo",
  cliVersion: "0.1.0",
  originator: "skein",
  source: "vscode",
  threadSource: null,
  agentNickname: null,
  agentRole: null,
  memoryMode: "enabled",
  git: { sha: null, branch: "main", originUrl: null },
  forkedFromId: "01a20233-2f38-71b0-b18d-c572047b3d17",
  parentThreadId: null,
  createdAtMs: new Date(2026, 10, 22, 7, 40, 38).getTime(),
  updatedAtMs: new Date(2026, 10, 22, 7, 41, 9).getTime(),
  recencyAtMs: new Date(2026, 10, 22, 7, 40, 38).getTime(),
};

describe("turnText", () => {
  it("puts each item under a label, further lines under the first", () => {
    const { output } = scriptedOutput();
    expect(turnText(turn, output)).toBe(
      "turn  turn-1  completed  1.2 s\n  user    first\n          second\n          [image /a.png]\n  agent   answer\n",
    );
  });

  it("says why a turn failed", () => {
    const failed: Turn = {
      ...turn,
      items: [],
      status: "failed",
      error: { message: "model gone", codexErrorInfo: null, additionalDetails: null },
    };
    expect(turnText(failed, scriptedOutput().output)).toContain("  error   model gone\n");
  });

  it("colours only on a terminal, and not with NO_COLOR", () => {
    expect(turnText(turn, scriptedOutput(80, {}).output)).toContain("\u001b[");
    expect(turnText(turn, scriptedOutput(80, { NO_COLOR: "1" }).output)).not.toContain("\u001b[");
    expect(turnText(turn, scriptedOutput().output)).not.toContain("\u001b[");
  });

  const items: readonly (readonly [ThreadItem, string])[] = [
    [{ type: "reasoning", id: "r", summary: ["why"], content: ["because"] }, "thinks  why\n          because"],
    [{ type: "contextCompaction", id: "c" }, "context replaced by a summary"],
    [{ type: "enteredReviewMode", id: "e", review: "current changes" }, "review  of current changes"],
    [{ type: "exitedReviewMode", id: "e", review: "fine" }, "review  fine"],
    [{ type: "plan", id: "p", text: "one" }, "plan    one"],
    [{ type: "webSearch", id: "w", query: "cats" }, "search  cats"],
    [{ type: "mcpToolCall", id: "m", server: "s", tool: "t", status: "failed" }, "tool    s.t  failed"],
    [{ type: "fileChange", id: "f", changes: [{ path: "a.ts", kind: { type: "add" }, diff: "" }] }, "files   add a.ts"],
    [{ type: "hookPrompt", id: "h", fragments: [{ text: "x", hookRunId: "1" }] }, "hook    x"],
    [{ type: "imageView", id: "i", path: "/p" }, "image   /p"],
  ];
  it.each(items)("has words for $type", (item, expected) => {
    expect(itemText(item, scriptedOutput().output)).toBe(`  ${expected}`);
  });

  it("takes no harm from members of the wrong shape", () => {
    const odd: ThreadItem = { type: "fileChange", id: "f", changes: [null, 3, { kind: 5 }] };
    expect(itemText(odd, scriptedOutput().output)).toContain("files");
  });
});

describe("threadHead", () => {
  it("says where the thread came from", () => {
    const head = threadHead(thread, scriptedOutput().output);
    expect(head).toContain("what is ⏎ a rollout?\n");
    expect(head).toContain("changed 2026-11-22 07:41:09\n");
    expect(head).toContain("forked  from 01a20233-2f38-71b0-b18d-c572047b3d17\n");
    expect(head).toContain("branch  main\n");
  });
});

describe("threadTable", () => {
  it("divides by tabs and cuts nothing on a pipe", () => {
    const table = threadTable([{ ...thread, name: "x".repeat(300) }], scriptedOutput().output);
    expect(table).toBe(`${thread.id}\t2026-11-22 07:41\t${"x".repeat(300)}\n`);
  });

  it("has a heading and fits the line on a terminal", () => {
    const lines = threadTable([thread], scriptedOutput(66).output).split("\n");
    expect(lines[0]).toMatch(/^ID +CHANGED +NAME/);
    expect(lines[1]).toBe(`${thread.id}  2026-11-22 07:41  what is ⏎…`);
  });

  it("prints nothing for no threads", () => {
    expect(threadTable([], scriptedOutput(80).output)).toBe("");
  });
});
