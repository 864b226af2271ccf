/**
 * Short names for the items that tests of folds write over and over: events, messages, whole turns,
 * compactions and rollbacks.
 */
import type { AppendableItem, ResponseItem } from "../../src/events/index.ts";

/** An event of one kind. */
export function event(type: string, members: Readonly<Record<string, unknown>> = {}): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

/** A message of the model's history. */
export function message(role: string, text: string): AppendableItem {
  const type = role === "assistant" ? "output_text" : "input_text";
  return { type: "response_item", payload: { type: "message", role, content: [{ type, text }] } };
}

/** A turn: start, the user's words, an answer, end. */
export function turn(id: string, text: string): readonly AppendableItem[] {
  return [
    event("task_started", { turn_id: id }),
    message("user", text),
    event("user_message", { message: text }),
    event("agent_message", { message: `re ${text}` }),
    message("assistant", `re ${text}`),
    event("task_complete", { turn_id: id }),
  ];
}

/** A compaction that leaves a summary. */
export function compacted(summary: string): AppendableItem {
  const kept = message("user", summary).payload as ResponseItem;
  return { type: "compacted", payload: { message: summary, replacement_history: [kept] } };
}

/** A thread id by its last letter: Codex doesn't count a session_meta whose id is no UUID. */
export function idOf(letter: string): string {
  return `01900000-0000-7000-8000-0000000000${letter.charCodeAt(0).toString(16)}`;
}

/** The session_meta of a thread, named by a letter. */
export function meta(letter: string, members: Readonly<Record<string, unknown>> = {}): AppendableItem {
  return {
    type: "session_meta",
    payload: {
      id: idOf(letter),
      timestamp: "2026-05-05T10:00:00.000Z",
      cwd: "/w",
      originator: "test",
      cli_version: "0.130.0",
      ...members,
    },
  };
}

/** A rollback, naming its first turn if it is given. */
export function rollback(count: number, before?: string): AppendableItem {
  return event("thread_rolled_back", {
    num_turns: count,
    ...(before === undefined ? {} : { before_turn_id: before }),
  });
}

/** The texts of response items, in order. */
export function textsOf(items: readonly ResponseItem[]): readonly string[] {
  return items.map((item) => {
    const content = item["content"] as readonly { readonly text: string }[];
    return content.map(({ text }) => text).join("");
  });
}
