/**
 * Threads as rows for people: id, when it changed last, and its name or first message. On a terminal
 * the row fits the line; on a pipe the columns are divided by tabs and nothing is cut.
 */
import type { StoredThread } from "../../store/index.ts";
import type { Output } from "../output.ts";
import { formatLocalMinute } from "./local-time.ts";
import { cutToWidth, toPlainLine } from "./plain-text.ts";

const GAP = "  ";

/** The rows, with a heading on a terminal only. */
export function threadTable(threads: readonly StoredThread[], out: Output): string {
  if (threads.length === 0) return "";
  const columns = out.columns;
  if (columns === undefined) {
    return threads.map((thread) => `${cellsOf(thread).join("\t")}\n`).join("");
  }
  const heading = ["ID".padEnd(36), "CHANGED".padEnd(16), "NAME OR FIRST MESSAGE"].join(GAP);
  const lines = [out.paint("bold", cutToWidth(heading, columns))];
  for (const thread of threads) {
    const [id = "", changed = "", title = ""] = cellsOf(thread);
    const room = columns - id.length - changed.length - 2 * GAP.length;
    const shown = thread.name === null ? out.paint("dim", cutToWidth(title, room)) : cutToWidth(title, room);
    lines.push([out.paint("cyan", id), changed, shown].join(GAP));
  }
  return `${lines.join("\n")}\n`;
}

function cellsOf(thread: StoredThread): readonly string[] {
  return [thread.id, formatLocalMinute(thread.updatedAtMs), titleOf(thread)];
}

/** The thread's name, else its first message, as one line. */
export function titleOf(thread: { readonly name: string | null; readonly preview: string }): string {
  const title = toPlainLine(thread.name ?? thread.preview);
  return title === "" ? "(nothing said yet)" : title;
}
