/**
 * Items of the Responses API that a client adds to a thread's history. They are kept as they are, also kinds that
 * nobody here knows; what could be no item at all is refused in the peer's words.
 */
import type { Json, ResponseItem } from "../events/index.ts";
import { invalidRequest } from "./rpc-error.ts";

/** The items, when each is an object with a type. */
export function checkedResponseItems(items: readonly Json[]): readonly ResponseItem[] {
  if (items.length === 0) throw invalidRequest("items must not be empty");
  return items.map((item, index) => {
    const complaint = complaintAbout(item);
    if (complaint === null) return item as ResponseItem;
    throw invalidRequest(`items[${index}] is not a valid response item: ${complaint}`);
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

/** A value as the peer names it. */
function nameOf(value: Json): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return `boolean \`${value}\``;
  if (typeof value === "string") return `string ${JSON.stringify(value)}`;
  if (typeof value === "number") return `${Number.isInteger(value) ? "integer" : "floating point"} \`${value}\``;
  return "sequence";
}
