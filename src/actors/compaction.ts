/**
 * Compaction: the model context replaced by what the user said and a summary. Pure: which history the
 * summary leaves behind, and what is recorded. The log keeps everything; only what the model sees
 * shrinks, and a rollback across the compaction brings the older context back.
 */
import { LIMITS } from "../base/index.ts";
import type { AppendableItem, ResponseItem } from "../events/index.ts";
import { messageText } from "./agents/message-text.ts";
import { eventItem } from "./record-items.ts";

/** What a summary begins with in the model's history. */
export const SUMMARY_PREFIX =
  "The conversation before this point was replaced by the following summary, written by the model that led it. " +
  "Build on it; don't repeat what is already done.";

/** User messages that no user wrote: notes, environment, earlier summaries. Their text begins like this. */
const NOT_THE_USERS = [
  "<environment_context>",
  "<user_instructions>",
  "<turn_aborted>",
  "<user_action>",
  "<user_shell_command>",
  "<subagent_notification>",
  "<skill>",
  "# AGENTS.md instructions",
  "Another language model started to solve this problem",
  SUMMARY_PREFIX,
];

/** What a compaction is recorded as. */
export function compactionItems(
  context: readonly ResponseItem[],
  summary: string,
): readonly [AppendableItem, AppendableItem] {
  const message = `${SUMMARY_PREFIX}\n${summary}`;
  return [
    {
      type: "compacted",
      payload: { message, replacement_history: [...usersOwnMessages(context), userText(message)] },
    },
    eventItem({ type: "context_compacted" }),
  ];
}

/** The user's messages as single texts, oldest first; the newest that fit into LIMITS.compactedUserCharsMax. */
function usersOwnMessages(context: readonly ResponseItem[]): readonly ResponseItem[] {
  const kept: ResponseItem[] = [];
  let chars = 0;
  for (const item of context.toReversed()) {
    const text = item.type === "message" && item["role"] === "user" ? messageText(item) : "";
    if (text.trim() === "" || isNotTheUsers(text)) continue;
    const room = LIMITS.compactedUserCharsMax - chars;
    if (room <= 0) break;
    // The message at the edge keeps its end: that is where a question usually stands.
    kept.push(userText(text.length <= room ? text : text.slice(-room)));
    chars += text.length;
  }
  return kept.reverse();
}

function isNotTheUsers(text: string): boolean {
  const begin = text.trimStart();
  return NOT_THE_USERS.some((prefix) => begin.startsWith(prefix));
}

function userText(text: string): ResponseItem {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}
