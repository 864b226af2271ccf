/**
 * One record as one line: for people its ordinal, its time, what it is and the gist of it; for
 * programs `{ordinal, timestamp, type, payload}`, which is the line of the file with its place.
 */
import {
  type EventMsg,
  type ResponseItem,
  type RolloutItem,
  type RolloutRecord,
  toTypedPayload,
} from "../../events/index.ts";
import { type Output, toJsonLine } from "../output.ts";
import { formatClockTime } from "./local-time.ts";
import { cutToWidth, toPlainLine } from "./plain-text.ts";

/** The record as a line of JSON, with its newline. */
export function recordJson(record: RolloutRecord): string {
  const { ordinal, timestamp, item } = record;
  return `${toJsonLine({ ordinal, timestamp, ...toTypedPayload(item) })}\n`;
}

/** The record as a line for people, with its newline; cut to the terminal's width. */
export function recordLine(record: RolloutRecord, out: Output): string {
  const [kind, gist] = describe(record.item);
  const head = `${String(record.ordinal).padStart(6)}  ${formatClockTime(record.timestamp)}  `;
  const body = `${toPlainLine(kind).padEnd(20)}  ${toPlainLine(gist)}`.trimEnd();
  if (out.columns === undefined) return `${head}${body}\n`;
  return `${out.paint("dim", head)}${cutToWidth(body, out.columns - head.length)}\n`;
}

function describe(item: RolloutItem): readonly [kind: string, gist: string] {
  switch (item.type) {
    case "session_meta":
      return [item.type, `${item.payload.id} in ${item.payload.cwd}`];
    case "turn_context":
      return [item.type, `${item.payload.model} in ${item.payload.cwd}`];
    case "response_item":
      return [item.type, responseGist(item.payload)];
    case "event_msg":
      return [item.payload.type, eventGist(item.payload)];
    case "compacted":
      return [item.type, item.payload.message];
    case "unknown":
      return [item.recordType, "(a type this version does not know)"];
    case "unreadable":
      return [item.type, item.reason];
  }
}

/** Members that say what an item is about, best first. */
const TELLING = ["message", "text", "last_agent_message", "name", "command", "query", "reason", "turn_id"] as const;

function eventGist(event: EventMsg): string {
  if (event.type === "token_count") return tokenGist(event["info"]);
  if (event.type === "thread_rolled_back") return `${String(event["num_turns"])} turns`;
  return tellingMember(event);
}

function responseGist(item: ResponseItem): string {
  if (item.type !== "message") return `${item.type} ${tellingMember(item)}`.trimEnd();
  const content = Array.isArray(item["content"]) ? (item["content"] as readonly unknown[]) : [];
  const texts = content.map((part) => tellingMember(Object(part) as Readonly<Record<string, unknown>>));
  return `${String(item["role"])}: ${texts.join(" ")}`;
}

function tokenGist(info: unknown): string {
  const total = (Object(info) as { total_token_usage?: { total_tokens?: unknown } }).total_token_usage?.total_tokens;
  return typeof total === "number" ? `${total} tokens in all` : "";
}

function tellingMember(value: Readonly<Record<string, unknown>>): string {
  for (const member of TELLING) {
    const found = value[member];
    if (typeof found === "string" && found !== "") return found;
  }
  return "";
}
