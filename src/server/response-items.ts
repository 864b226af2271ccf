/**
 * Items of the Responses API that a client adds to a thread's history. They are kept as they are, also kinds that
 * nobody here knows; what could be no item at all is refused in the peer's words.
 */
import { isSkeinError } from "../base/index.ts";
import { type Json, type ResponseItem, validateAppendable } from "../events/index.ts";
import { invalidRequest } from "./rpc-error.ts";

/** The items, when each is one that can be kept: before the first is. */
export function checkedResponseItems(items: readonly Json[]): readonly ResponseItem[] {
  if (items.length === 0) throw invalidRequest("items must not be empty");
  return items.map((item, index) => {
    const complaint = complaintAbout(item) ?? shapeComplaintAbout(item);
    if (complaint === null) return item as ResponseItem;
    throw invalidRequest(`items[${index}] is not a valid response item: ${complaint}`);
  });
}

/** Items that a thread is to begin with: checked as params, so that what is none is refused before anything else is. */
export function checkedHistory(items: readonly Json[]): readonly ResponseItem[] {
  return items.map((item) => {
    const complaint = complaintAbout(item) ?? shapeComplaintAbout(item);
    if (complaint === null) return item as ResponseItem;
    throw invalidRequest(`Invalid request: ${complaint}`);
  });
}

function complaintAbout(item: Json): string | null {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    return `invalid type: ${nameOf(item)}, expected internally tagged enum ResponseItem`;
  }
  const type = Object.getOwnPropertyDescriptor(item, "type")?.value as unknown;
  if (type === undefined) return "missing field `type`";
  return typeof type === "string" && type !== "" ? null : "`type` must be a word";
}

/** What the log would refuse: a known kind without the members it needs, or what nests too deep. */
function shapeComplaintAbout(item: Json): string | null {
  try {
    validateAppendable([{ type: "response_item", payload: item }]);
    return null;
  } catch (error) {
    if (!isSkeinError(error, "invalid_argument")) throw error;
    return error.message.replace(/^items\[0\]\.payload( is wrong: )?/, "").trim();
  }
}

/** A value as the peer names it. */
function nameOf(value: Json): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return `boolean \`${value}\``;
  if (typeof value === "string") return `string ${JSON.stringify(value)}`;
  if (typeof value === "number") return `${Number.isInteger(value) ? "integer" : "floating point"} \`${value}\``;
  return "sequence";
}
