/**
 * Turns as people read them: a line for the turn, then each item under a label. Everything said in a
 * thread is shown as plain text, so that it can't steer the terminal.
 */
import type { OpenThreadItem, ThreadItem, Turn, UserInput } from "../../events/index.ts";
import type { StoredThread } from "../../store/index.ts";
import type { Output, Style } from "../output.ts";
import { formatDuration, formatLocalTime } from "./local-time.ts";
import { toPlainLine, toPlainText } from "./plain-text.ts";
import { titleOf } from "./thread-table.ts";

const LABEL_WIDTH = 8;

/** The head of a thread: what it is, where it came from, when. */
export function threadHead(thread: StoredThread, out: Output): string {
  const facts: (readonly [string, string])[] = [
    ["id", thread.id],
    ["made", formatLocalTime(thread.createdAtMs)],
    ["changed", formatLocalTime(thread.updatedAtMs)],
    ["folder", thread.cwd],
    ["model", modelOf(thread)],
  ];
  if (thread.forkedFromId !== null) facts.push(["forked", `from ${thread.forkedFromId}`]);
  if (thread.git?.branch !== null && thread.git?.branch !== undefined) facts.push(["branch", thread.git.branch]);
  if (thread.archived) facts.push(["state", "archived"]);
  if (thread.path !== null) facts.push(["file", thread.path]);
  const lines = facts.map(([label, value]) => `${out.paint("dim", label.padEnd(LABEL_WIDTH))}${toPlainLine(value)}`);
  return `${out.paint("bold", titleOf(thread))}\n${lines.join("\n")}\n`;
}

/** Provider and model, as far as the log names them. */
function modelOf({ modelProvider, model }: StoredThread): string {
  return [modelProvider === "unknown" ? "" : modelProvider, model ?? ""].join(" ").trim();
}

/** One turn with its items, ended by a newline. */
export function turnText(turn: Turn, out: Output): string {
  const lines = [turnHeading(turn, out)];
  for (const item of turn.items) lines.push(itemText(item, out));
  if (turn.error !== null) lines.push(labelled(["error", "red", turn.error.message], out));
  return `${lines.join("\n")}\n`;
}

/** One item: its label, then its text, further lines under the first. */
export function itemText(item: ThreadItem, out: Output): string {
  switch (item.type) {
    case "userMessage":
      return labelled(["user", "green", item.content.map(inputText).join("\n")], out);
    case "agentMessage":
      return labelled(["agent", "cyan", item.text], out);
    case "reasoning":
      return labelled(["thinks", "dim", [...item.summary, ...item.content].join("\n")], out);
    case "contextCompaction":
      return labelled(["context", "dim", "replaced by a summary"], out);
    case "enteredReviewMode":
      return labelled(["review", "yellow", `of ${item.review}`], out);
    case "exitedReviewMode":
      return labelled(["review", "yellow", item.review], out);
    case "plan":
    case "hookPrompt":
    case "commandExecution":
    case "fileChange":
    case "mcpToolCall":
    case "dynamicToolCall":
    case "webSearch":
    case "imageView":
    case "imageGeneration":
      return labelled(toolText(item), out);
  }
}

/** What a user sent, as text: pictures and mentions by their place. */
function inputText(input: UserInput): string {
  switch (input.type) {
    case "text":
      return input.text;
    case "image":
      return `[image ${input.url.slice(0, 80)}]`;
    case "localImage":
      return `[image ${input.path}]`;
    case "skill":
    case "mention":
      return `[${input.type} ${input.name}]`;
  }
}

function turnHeading(turn: Turn, out: Output): string {
  const parts = [out.paint("bold", "turn"), turn.id];
  const style: Style = turn.status === "completed" ? "green" : turn.status === "failed" ? "red" : "yellow";
  parts.push(out.paint(style, turn.status));
  if (turn.startedAt !== null) parts.push(formatLocalTime(turn.startedAt * 1_000));
  if (turn.durationMs !== null) parts.push(formatDuration(turn.durationMs));
  return parts.join("  ");
}

/** A label, what it is painted in, and the text beside it. */
type Labelled = readonly [label: string, style: Style, text: string];

function labelled([label, style, text]: Labelled, out: Output): string {
  const indent = " ".repeat(LABEL_WIDTH + 2);
  const lines = toPlainText(text.trimEnd()).split("\n");
  return `  ${out.paint(style, label.padEnd(LABEL_WIDTH))}${lines.join(`\n${indent}`)}`;
}

function toolText(item: OpenThreadItem): Labelled {
  switch (item.type) {
    case "plan":
      return ["plan", "dim", textOf(item["text"])];
    case "commandExecution":
      return ["command", "dim", [textOf(item["command"]), textOf(item["aggregatedOutput"])].join("\n").trimEnd()];
    case "fileChange":
      return ["files", "dim", changedPaths(item["changes"])];
    case "mcpToolCall":
      return ["tool", "dim", `${textOf(item["server"])}.${textOf(item["tool"])}  ${textOf(item["status"])}`];
    case "dynamicToolCall":
      return ["tool", "dim", `${textOf(item["tool"])}  ${textOf(item["status"])}`];
    case "webSearch":
      return ["search", "dim", textOf(item["query"])];
    case "imageView":
      return ["image", "dim", textOf(item["path"])];
    case "imageGeneration":
      return ["image", "dim", textOf(item["savedPath"] ?? item["revisedPrompt"] ?? item["status"])];
    case "hookPrompt":
      return ["hook", "dim", hookText(item["fragments"])];
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

function changedPaths(changes: unknown): string {
  if (!Array.isArray(changes)) return textOf(changes);
  return changes
    .map((change: unknown) => {
      const { path, kind } = Object(change) as { path?: unknown; kind?: { type?: unknown } };
      return `${textOf(kind?.type)} ${textOf(path)}`.trim();
    })
    .join("\n");
}

function hookText(fragments: unknown): string {
  if (!Array.isArray(fragments)) return textOf(fragments);
  return fragments.map((fragment: unknown) => textOf((Object(fragment) as { text?: unknown }).text)).join("\n");
}
