/**
 * The line codec: one record, one line of JSON, `{timestamp, type, payload}` in this order, as Codex
 * writes it, then our `skein` member where there is something to say, and the checksum that a store puts behind
 * all (line-checksum.ts). Reading never throws: a line
 * that is no record becomes an `unreadable` item with its reason, so that it keeps its place.
 *
 * A line is a record for Codex only when it is a JSON object with a string `timestamp` and a payload
 * of its type's shape; the same rules hold here, checked by hand because replay runs through them.
 */
import { assert, rejection, type SkeinError } from "../base/index.ts";
import { shapeFault } from "./payload-shapes.ts";
import {
  APPENDABLE_TYPES,
  type AppendableItem,
  type RecordMarks,
  type RolloutItem,
  type RolloutRecord,
  type UnreadableItem,
} from "./rollout-item.ts";
import { isRfc3339 } from "./timestamp.ts";

/** A line in its order: what is in front of the payload, the payload, and the marks, all without the last brace. */
export interface LinePieces {
  readonly head: string;
  readonly payload: string;
  /** Empty where there is nothing to say. */
  readonly marks: string;
}

/**
 * The line of one item, with its newline. `timestamp` is RFC 3339 UTC with milliseconds. `invalid_argument` for
 * an `unknown` or `unreadable` item: its line's bytes are not in it, and another line would not read back as it.
 */
export function encodeLine(item: AppendableItem, timestamp: string, marks?: RecordMarks): string {
  const line = linePieces(item, timestamp, marks);
  return `${line.head}${line.payload}${line.marks}}\n`;
}

/** The same line in pieces: joined they are a text that must be copied before its bytes can be looked at. */
export function linePieces(item: AppendableItem, timestamp: string, marks?: RecordMarks): LinePieces {
  if (!APPENDABLE_TYPES.has(item.type)) throw notALine(item.type);
  const payload = JSON.stringify(item.payload);
  const head = `{"timestamp":${JSON.stringify(timestamp)},"type":"${item.type}","payload":`;
  return { head, payload, marks: encodeMarks(marks) };
}

function notALine(type: string): SkeinError {
  const message = `an item of the type ${JSON.stringify(type)} can't be written as a line: its own bytes are not kept`;
  return rejection("invalid_argument", message, { type });
}

function encodeMarks(marks: RecordMarks | undefined): string {
  const more = marks?.more ?? 0;
  const key = marks?.key;
  // Readers tell a batch by the end of its lines, which a key would hide; it stands on the last one.
  assert(more === 0 || key === undefined, "an idempotency key stands on the last line of its batch");
  if (more > 0) return `,"skein":{"more":${more}}`;
  if (key !== undefined) return `,"skein":{"key":${JSON.stringify(key)}}`;
  return "";
}

/** The record of one complete line (with or without its line ending). Never throws. */
export function decodeLine(text: string, ordinal: number): RolloutRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return unreadableRecord(ordinal, `not JSON: ${error instanceof Error ? error.message : "?"}`);
  }
  return decodeValue(value, ordinal);
}

/** BOM kept: Codex reads a line with one as broken, and so do we. */
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The record of one complete line as it stands in a file. Never throws: a line that is not UTF-8 is no record, to
 * whoever reads it; put right by a decoder that replaces letters, it would be one to some readers and none to others.
 */
export function decodeLineBytes(bytes: Uint8Array, ordinal: number): RolloutRecord {
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    return unreadableRecord(ordinal, "not valid UTF-8");
  }
  return decodeLine(text, ordinal);
}

/** A record that keeps the place of a line which is none. */
export function unreadableRecord(ordinal: number, reason: string): RolloutRecord {
  const item: UnreadableItem = { type: "unreadable", reason };
  return { ordinal, timestamp: null, item };
}

function decodeValue(value: unknown, ordinal: number): RolloutRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return unreadableRecord(ordinal, "not a JSON object");
  }
  const line = value as Readonly<Record<string, unknown>>;
  const { timestamp, type, payload } = line;
  if (typeof timestamp !== "string") return unreadableRecord(ordinal, "no timestamp");
  if (typeof type !== "string") return unreadableRecord(ordinal, "no type");
  const fault = shapeFault(type, payload);
  if (fault !== null) return unreadableRecord(ordinal, fault);
  const item = itemOf(type, payload);
  const at = isRfc3339(timestamp) ? timestamp : null;
  const marks = marksOf(line["skein"]);
  return marks === undefined ? { ordinal, timestamp: at, item } : { ordinal, timestamp: at, item, marks };
}

function itemOf(type: string, payload: unknown): RolloutItem {
  switch (type) {
    case "session_meta":
    case "turn_context":
    case "response_item":
    case "event_msg":
    case "compacted":
      // shapeFault has looked at what the type promises.
      return { type, payload } as RolloutItem;
    default:
      return { type: "unknown", recordType: type, payload };
  }
}

function marksOf(value: unknown): RecordMarks | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { more, key } = value as { more?: unknown; key?: unknown };
  const hasMore = typeof more === "number" && Number.isSafeInteger(more) && more > 0;
  const hasKey = typeof key === "string";
  if (!hasMore && !hasKey) return undefined;
  return { ...(hasMore ? { more } : {}), ...(hasKey ? { key } : {}) };
}

const BLANK = /^[\t-\r ]*$/;

/** Whether a line holds nothing but white space: it is no record and has no ordinal. */
export function isBlankLine(line: string | Uint8Array): boolean {
  // ASCII white space only: text and bytes must agree, or an ordinal would depend on the reader.
  if (typeof line === "string") return BLANK.test(line);
  for (const byte of line) {
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false;
  }
  return true;
}
