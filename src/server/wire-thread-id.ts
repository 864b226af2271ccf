/**
 * Thread ids as clients spell them. Every spelling of a UUID that the peer takes is taken, and what is none is
 * refused in its words, which are those of Rust's uuid parser (measured, codex app-server 0.130.0).
 */
import { canonicalThreadId } from "../base/index.ts";
import { invalidRequest } from "./rpc-error.ts";

/** The canonical id, or the peer's refusal. */
export function requireWireThreadId(text: string): string {
  const id = canonicalThreadId(text);
  if (id === undefined) throw invalidRequest(`invalid thread id: ${uuidComplaint(text)}`);
  return id;
}

const GROUP_LENGTHS = [8, 4, 4, 4, 12] as const;

/** What Rust's uuid parser says about a text that is no UUID. */
export function uuidComplaint(text: string): string {
  const bare = text.toLowerCase().startsWith("urn:uuid:") ? text.slice(9) : text.replace(/^\{(.*)\}$/s, "$1");
  const offset = text.indexOf(bare);
  const odd = /[^0-9a-fA-F-]/u.exec(bare);
  if (odd !== null) {
    const [found] = odd;
    const place = offset + odd.index + 1;
    const expected = "an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-]";
    return `invalid character: expected ${expected}, found \`${found}\` at ${place}`;
  }
  const groups = bare.split("-");
  if (groups.length === 1) return `invalid length: expected length 32 for simple format, found ${bare.length}`;
  if (groups.length !== GROUP_LENGTHS.length) {
    return `invalid group count: expected 5, found ${groups.length}`;
  }
  const wrong = GROUP_LENGTHS.findIndex((length, place) => groups[place]?.length !== length);
  const found = groups[wrong]?.length ?? 0;
  return `invalid group length in group ${wrong}: expected ${GROUP_LENGTHS[wrong] ?? 0}, found ${found}`;
}
