/**
 * Reading what an agent handles: what a user sent, what a message or a reasoning item says. Only text
 * parts count; images and mentions have none.
 */
import type { ResponseItem, UserInput } from "../../events/index.ts";

/** The text parts of an input, joined by line breaks. */
export function inputText(input: readonly UserInput[]): string {
  const texts: string[] = [];
  for (const part of input) if (part.type === "text") texts.push(part.text);
  return texts.join("\n");
}

/** All text of a message item, its parts joined as they are; "" for other items. */
export function messageText(item: ResponseItem): string {
  const { content } = item;
  if (item.type !== "message" || !Array.isArray(content)) return "";
  let text = "";
  for (const part of content as readonly unknown[]) {
    if (typeof part !== "object" || part === null) continue;
    const { text: partText } = part as { readonly text?: unknown };
    if (typeof partText === "string") text += partText;
  }
  return text;
}

/** An assistant message as the Responses API writes it. */
export function assistantMessage(text: string): ResponseItem {
  return { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
}

/** Whether the model said this. */
export function isAssistantMessage(item: ResponseItem): boolean {
  return item.type === "message" && item["role"] === "assistant";
}

/** `commentary`, `final_answer`, or null where a message has none. */
export function phaseOf(item: ResponseItem): string | null {
  return typeof item["phase"] === "string" ? item["phase"] : null;
}

/** The non-empty summary texts of a reasoning item. */
export function reasoningSummary(item: ResponseItem): readonly string[] {
  const { summary } = item;
  if (!Array.isArray(summary)) return [];
  const texts = (summary as readonly { readonly text?: unknown }[]).map((part) => part?.text);
  return texts.filter((text): text is string => typeof text === "string" && text !== "");
}
