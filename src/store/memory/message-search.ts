/**
 * Search without an index: reads every message of every thread. Good for tests and for as many threads as
 * fit in memory; the state DB has the index.
 */
import type { ThreadItem, Turn } from "../../events/index.ts";

/** What people and the model said, oldest first. */
export function messagesOf(turns: readonly Turn[]): readonly string[] {
  return turns.flatMap((turn) => turn.items.flatMap(textsOf));
}

function textsOf(item: ThreadItem): readonly string[] {
  if (item.type === "agentMessage") return typeof item.text === "string" ? [item.text] : [];
  if (item.type !== "userMessage" || !Array.isArray(item.content)) return [];
  return item.content.flatMap((part) => (part.type === "text" ? [part.text] : []));
}
