/**
 * A model context in a form that can be compared: what Skein would send for a thread, and what Codex
 * did send. Only what carries the conversation is kept; ids, statuses and annotations are the
 * sender's own, and what Codex says for itself (its instructions, the environment) is left out.
 */
import type { ComparedValues } from "./check-report.ts";
import { isClientContext, type RequestItem } from "./mock-responses-server.ts";

const KEPT = ["type", "role", "name", "arguments", "input", "call_id", "output", "action"] as const;

/** The items that carry the conversation, each cut to what it says. */
export function modelContextView(items: readonly object[]): object[] {
  return items.filter((item) => !isClientContext(item as RequestItem)).map((item) => itemView(item as RequestItem));
}

/**
 * Both contexts aligned at their ends: the newest as many as Codex has, and what Skein has before
 * them, which is nothing unless the older context was lost by Codex.
 */
export function alignedContexts(skein: readonly object[], codex: readonly object[]): ComparedValues {
  const olderCount = Math.max(0, skein.length - codex.length);
  return {
    skein: { older: skein.slice(0, olderCount), newest: skein.slice(olderCount) },
    codex: { older: [], newest: codex },
  };
}

function itemView(item: RequestItem): object {
  const view: Record<string, unknown> = {};
  for (const member of KEPT) if (item[member] !== undefined) view[member] = item[member];
  if (Array.isArray(item.content)) view["content"] = item.content.map(partView);
  if (Array.isArray(item["summary"])) view["summary"] = item["summary"];
  return view;
}

/** Codex writes `detail` to images and `annotations` to texts only where it sends them. */
function partView(part: { readonly type?: string; readonly text?: string; readonly image_url?: string }): object {
  const { type, text, image_url } = part;
  return { type, ...(text === undefined ? {} : { text }), ...(image_url === undefined ? {} : { image_url }) };
}
