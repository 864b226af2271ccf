/**
 * Hook prompts: a user message to the model whose every part is `<hook_prompt hook_run_id="…">text</hook_prompt>`.
 * It is an item of its turn, where other messages to the model are not shown.
 */
import type { ResponseItem } from "../rollout-item.ts";
import { isBlankText, trimWhite } from "../white-space.ts";

export interface HookPromptFragment {
  readonly text: string;
  readonly hookRunId: string;
}

/** The tag with its attributes, the text up to the next tag, and the end tag somewhere behind it. */
const FRAGMENT = /^<hook_prompt((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*>([^<]+)<(?:.|\n)*?\/hook_prompt\s*>/;
const RUN_ID = /\shook_run_id\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/;

/** The fragments of a hook prompt, or null when the item is none. */
export function hookPromptOf(item: ResponseItem): readonly HookPromptFragment[] | null {
  if (item.type !== "message" || item["role"] !== "user") return null;
  const content: unknown = item["content"];
  if (!Array.isArray(content) || content.length === 0) return null;
  const fragments: HookPromptFragment[] = [];
  for (const part of content as readonly unknown[]) {
    const fragment = fragmentOf(part);
    if (fragment === null) return null;
    fragments.push(fragment);
  }
  return fragments;
}

/** Whether a text of a message is a hook prompt. */
export function isHookPromptText(text: string): boolean {
  return parseFragment(text) !== null;
}

function fragmentOf(part: unknown): HookPromptFragment | null {
  if (typeof part !== "object" || part === null) return null;
  const { type, text } = part as { type?: unknown; text?: unknown };
  return type === "input_text" && typeof text === "string" ? parseFragment(text) : null;
}

function parseFragment(text: string): HookPromptFragment | null {
  const match = FRAGMENT.exec(trimWhite(text));
  const runId = RUN_ID.exec(match?.[1] ?? "");
  if (match === null || runId === null) return null;
  const hookRunId = unescapeXml(runId[1] ?? runId[2] ?? "");
  return isBlankText(hookRunId) ? null : { text: unescapeXml(match[2] ?? ""), hookRunId };
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return ENTITIES[name] ?? whole;
    const isHex = name[1] === "x" || name[1] === "X";
    const point = Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10);
    return point <= 0x10_ffff ? String.fromCodePoint(point) : whole;
  });
}
