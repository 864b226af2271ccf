/**
 * Records and JSON on the wire: lossless, and in parts, so that no message is larger than PART_BYTES_MAX with what
 * stands around it, however long a line is. Whoever sends cuts, whoever reads joins; both one part at a time.
 *
 * A record travels as its rollout line. What such a line can't say (why it could not be read) has a field of its own,
 * and numbers that JSON.stringify would change (-0, and those too large for a number) are written as they were.
 */
import { create } from "@bufbuild/protobuf";

import { fault } from "../../base/index.ts";
import { decodeLine, type RolloutRecord } from "../../events/index.ts";
import {
  type JsonPart,
  JsonPartSchema,
  type Record as WireRecord,
  RecordSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";

/** Bytes of a line or of JSON in one part, and of all parts in one message. */
const PART_BYTES_MAX = 256 * 1024;
/** Parts in one message: enough that a message's own cost is nothing. */
export const PARTS_MAX = 500;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The parts of one record. */
export function toWireRecords(record: RolloutRecord): readonly WireRecord[] {
  const { item } = record;
  const ordinal = BigInt(record.ordinal);
  if (item.type === "unreadable") {
    return [create(RecordSchema, { ordinal, unreadable: ENCODER.encode(JSON.stringify(item.reason)) })];
  }
  return cut(ENCODER.encode(lineOf(record))).map((line, index, lines) =>
    create(RecordSchema, { ordinal, line, continued: index < lines.length - 1 }),
  );
}

/** The parts of one record after another, so that no more than a message of them is held twice. */
export function* wireRecords(records: Iterable<RolloutRecord>): Generator<WireRecord> {
  for (const record of records) yield* toWireRecords(record);
}

/** Joins records that come in parts. */
export interface RecordJoiner {
  /** The record that ends with this part; undefined: more is to come. */
  add(part: WireRecord): RolloutRecord | undefined;
}

/** Makes one for one stream. */
export function createRecordJoiner(): RecordJoiner {
  const lines = createByteJoiner();
  return {
    add({ ordinal, line, continued, unreadable }) {
      if (unreadable.length > 0) return unreadableRecord(Number(ordinal), DECODER.decode(unreadable));
      const bytes = lines.add(line, continued);
      return bytes === undefined ? undefined : decodeLine(DECODER.decode(bytes), Number(ordinal));
    },
  };
}

/** The parts of one value of JSON. */
export function toJsonParts(value: unknown): readonly JsonPart[] {
  return cut(ENCODER.encode(JSON.stringify(value))).map((json, index, parts) =>
    create(JsonPartSchema, { json, continued: index < parts.length - 1 }),
  );
}

/** Joins values of JSON that come in parts; gives the value in a list, or none yet. */
export function createJsonJoiner(): { add(part: JsonPart): readonly unknown[] } {
  const texts = createByteJoiner();
  return {
    add({ json, continued }) {
      const bytes = texts.add(json, continued);
      return bytes === undefined ? [] : [JSON.parse(DECODER.decode(bytes)) as unknown];
    },
  };
}

/** One value as the bytes of its JSON. */
export function toJsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(JSON.stringify(value));
}

/** The value of bytes of JSON. */
export function fromJsonBytes(bytes: Uint8Array): unknown {
  return JSON.parse(DECODER.decode(bytes));
}

/** Puts parts together to messages: as many as fit, `partsMax` at most. `sizeOf`: about how many bytes a part is. */
export function* inMessages<Part>(
  parts: Iterable<Part>,
  sizeOf: (part: Part) => number,
  partsMax: number = PARTS_MAX,
): Generator<Part[]> {
  let message: Part[] = [];
  let bytes = 0;
  for (const part of parts) {
    const size = sizeOf(part);
    if (message.length > 0 && (bytes + size > PART_BYTES_MAX || message.length >= partsMax)) {
      yield message;
      message = [];
      bytes = 0;
    }
    message.push(part);
    bytes += size;
  }
  if (message.length > 0) yield message;
}

/** About how many bytes a record's part is. */
export function wireRecordSize({ line, unreadable }: WireRecord): number {
  return line.length + unreadable.length + 16;
}

/** About how many bytes a part of JSON is. */
export function jsonPartSize({ json }: JsonPart): number {
  return json.length + 8;
}

function createByteJoiner(): { add(bytes: Uint8Array, continued: boolean): Uint8Array | undefined } {
  let held: Uint8Array[] = [];
  return {
    add(bytes, continued) {
      if (!continued && held.length === 0) return bytes;
      held.push(bytes);
      if (continued) return undefined;
      const whole = Buffer.concat(held);
      held = [];
      return whole;
    },
  };
}

function cut(bytes: Uint8Array<ArrayBuffer>): readonly Uint8Array<ArrayBuffer>[] {
  if (bytes.length <= PART_BYTES_MAX) return [bytes];
  const count = Math.ceil(bytes.length / PART_BYTES_MAX);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * PART_BYTES_MAX, (index + 1) * PART_BYTES_MAX),
  );
}

function unreadableRecord(ordinal: number, json: string): RolloutRecord {
  const reason: unknown = JSON.parse(json);
  if (typeof reason !== "string") throw fault("request_failed", "the server sent a record that is none");
  return { ordinal, timestamp: null, item: { type: "unreadable", reason } };
}

/** A record's line. A time that could not be read is written as an empty text, which can't be read either. */
function lineOf({ timestamp, item, marks }: RolloutRecord): string {
  if (item.type === "unreadable") return "";
  const line = {
    timestamp: timestamp ?? "",
    type: item.type === "unknown" ? item.recordType : item.type,
    payload: item.payload,
    ...(marks === undefined ? {} : { skein: marks }),
  };
  return hasOddNumber(item.payload) ? JSON.stringify(line, keepOddNumber) : JSON.stringify(line);
}

function isOdd(value: unknown): value is number {
  return typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value));
}

function hasOddNumber(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isOdd(value);
  if (Array.isArray(value)) return value.some(hasOddNumber);
  return Object.values(value).some(hasOddNumber);
}

/** What Node has and TypeScript's own declarations lack yet. */
interface RawJson {
  readonly rawJSON: (text: string) => unknown;
}

function keepOddNumber(_: string, value: unknown): unknown {
  if (!isOdd(value)) return value;
  // Node 22 and later have it; see RawJson.
  const { rawJSON } = JSON as unknown as RawJson;
  if (value === 0) return rawJSON("-0");
  return rawJSON(value > 0 ? "1e999" : "-1e999");
}
