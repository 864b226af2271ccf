/**
 * The chat's screen: whatever deltas arrive, what stands on the screen at the end is the whole answer,
 * once, and the next thing begins on a new line.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Signal } from "../../src/actors/index.ts";
import { createChatScreen } from "../../src/cli/chat/chat-screen.ts";
import { toPlainText } from "../../src/cli/format/plain-text.ts";
import type { ThreadItem, Turn } from "../../src/events/index.ts";
import { scriptedOutput } from "../support/scripted-output.ts";

const turnId = "turn-1";
const message = (id: string, text: string): ThreadItem => ({
  type: "agentMessage",
  id,
  text,
  phase: null,
  memoryCitation: null,
});
const delta = (itemId: string, text: string): Signal => ({ type: "text_delta", turnId, itemId, delta: text });
const completed = (item: ThreadItem): Signal => ({ type: "item_completed", turnId, item });
const ended = (status: Turn["status"], error: Turn["error"] = null): Signal => ({
  type: "turn_completed",
  turn: {
    id: turnId,
    items: [],
    itemsView: "notLoaded",
    status,
    error,
    startedAt: null,
    completedAt: null,
    durationMs: null,
  },
});

function screenOf(signals: readonly Signal[]): string {
  const screen = createChatScreen(scriptedOutput(80).output);
  return signals.map((signal) => screen.show(signal)).join("");
}

describe("the chat's screen", () => {
  it("shows the whole answer exactly once, whichever first pieces of it were streamed", () => {
    const pieces = fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pieces, fc.nat(8), (all, streamed) => {
        const text = all.join("");
        const signals = all.slice(0, streamed).map((piece) => delta("m", piece));
        const shown = screenOf([...signals, completed(message("m", text)), ended("completed")]);
        expect(shown).toBe(toPlainText(text.endsWith("\n") ? text : `${text}\n`));
      }),
    );
  });

  it("shows the whole answer again when a piece in the middle was dropped", () => {
    expect(screenOf([delta("m", "one "), delta("m", "three"), completed(message("m", "one two three"))])).toBe(
      "one three\none two three\n",
    );
  });

  it("does not repeat the user's own words", () => {
    const user: ThreadItem = { type: "userMessage", id: "u", content: [{ type: "text", text: "hi" }] };
    expect(screenOf([completed(user)])).toBe("");
  });

  it("begins a tool's line on a new line", () => {
    const search: ThreadItem = { type: "webSearch", id: "w", query: "cats" };
    expect(screenOf([delta("m", "let me look"), completed(search)])).toBe("let me look\n  search  cats\n");
  });

  it("says how a turn ended that did not complete", () => {
    expect(screenOf([delta("m", "half"), ended("interrupted")])).toBe("half\n(interrupted)\n");
    const error = { message: "model gone", codexErrorInfo: null, additionalDetails: null };
    expect(screenOf([ended("failed", error)])).toBe("failed: model gone\n");
  });
});
