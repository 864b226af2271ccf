/**
 * What a running turn looks like on a terminal: signals in, text to write out. Deltas appear as they
 * come; when an item is complete, whatever of it no delta brought is written too, so that a delta that
 * was dropped under load is never missing from the screen.
 */
import type { Signal } from "../../actors/index.ts";
import type { ThreadItem, Turn } from "../../events/index.ts";
import { toPlainText } from "../format/plain-text.ts";
import { itemText } from "../format/turn-text.ts";
import type { Output, Style } from "../output.ts";

/** Makes text of signals, one after another. */
export interface ChatScreen {
  /** The text to write for this signal; "" for none. */
  show(signal: Signal): string;
}

/** A screen for one conversation. It remembers only the items of the turn that runs. */
export function createChatScreen(out: Output): ChatScreen {
  const streamed = new Map<string, string>();
  let isInLine = false;

  const write = (text: string, style?: Style): string => {
    if (text === "") return "";
    isInLine = !text.endsWith("\n");
    const plain = toPlainText(text);
    return style === undefined ? plain : out.paint(style, plain);
  };
  const endLine = (): string => (isInLine ? write("\n") : "");
  const stream = (itemId: string, delta: string, style?: Style): string => {
    streamed.set(itemId, (streamed.get(itemId) ?? "") + delta);
    return write(delta, style);
  };
  const complete = (item: ThreadItem): string => {
    const text = streamedTextOf(item);
    if (text === undefined) {
      if (item.type === "userMessage") return "";
      const lines = itemText(item, out);
      return `${endLine()}${lines}\n`;
    }
    const style: Style | undefined = item.type === "reasoning" ? "dim" : undefined;
    const shown = streamed.get(item.id) ?? "";
    streamed.delete(item.id);
    if (text.startsWith(shown)) return write(text.slice(shown.length), style) + endLine();
    return item.type === "reasoning" ? endLine() : endLine() + write(text, style) + endLine();
  };

  return {
    show: (signal): string => {
      switch (signal.type) {
        case "text_delta":
          return stream(signal.itemId, signal.delta);
        case "reasoning_delta":
          return stream(signal.itemId, signal.delta, "dim");
        case "item_completed":
          return complete(signal.item);
        case "turn_completed":
          streamed.clear();
          return endLine() + turnEnd(signal.turn, out);
        case "turn_started":
        case "item_started":
        case "status_changed":
        case "usage_updated":
        case "question_asked":
        case "question_settled":
          return "";
      }
    },
  };
}

/** What deltas bring of an item; undefined for items that are shown whole. */
function streamedTextOf(item: ThreadItem): string | undefined {
  if (item.type === "agentMessage") return item.text;
  return item.type === "reasoning" ? [...item.summary, ...item.content].join("\n") : undefined;
}

function turnEnd(turn: Turn, out: Output): string {
  if (turn.status === "interrupted") return `${out.paint("yellow", "(interrupted)")}\n`;
  if (turn.status !== "failed") return "";
  return `${out.paint("red", `failed: ${toPlainText(turn.error?.message ?? "no reason given")}`)}\n`;
}
