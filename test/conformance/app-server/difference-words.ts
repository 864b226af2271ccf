/**
 * What the lists of differences are written with: parts of messages by their paths, texts without the names of ids,
 * and the few questions that many of the lists ask.
 */
import type { MessageDifference } from "./transcript-comparison.ts";

/** The member at a dotted path; undefined when there is none. */
export function memberAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((found, name) => {
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>)[name] : undefined;
  }, value);
}

/** A text without the names of its ids; "" for what is no text. */
export function plain(value: unknown): string {
  return typeof value === "string" ? value.replaceAll(/<U\d+>/g, "<U>") : "";
}

/** Only the peer tells a message of this key. */
export function isMissing({ kind, key }: MessageDifference, expected: string): boolean {
  return kind === "missing" && key === expected;
}

/** The words of ours, where the whole answer is an error or its message differs. */
export function ourRefusal({ path, ours }: MessageDifference): string {
  if (path === "error.message") return plain(ours);
  return path === "error" ? plain(memberAt(ours, "message")) : "";
}

/** The last name of the path. */
export function memberName({ path }: MessageDifference): string {
  return path.split(".").at(-1) ?? "";
}
