/**
 * Thread ids as clients spell them, and the words of the peer's parser for those that are none (recorded from
 * codex app-server 0.130.0).
 */
import { describe, expect, it } from "vitest";

import { requireWireThreadId, uuidComplaint } from "../../src/server/wire-thread-id.ts";

const ID = "0195a000-0000-7000-8000-00000000000a";

describe("thread ids on the wire", () => {
  it.each([ID, ID.toUpperCase(), `urn:uuid:${ID}`, `{${ID}}`, ID.replaceAll("-", "")])("takes %s", (spelling) => {
    expect(requireWireThreadId(spelling)).toBe(ID);
  });

  const prefix = "an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-]";
  it.each([
    ["not-a-uuid", `invalid character: expected ${prefix}, found \`n\` at 1`],
    [` ${ID}`, `invalid character: expected ${prefix}, found \` \` at 1`],
    ["", "invalid length: expected length 32 for simple format, found 0"],
    ["abc", "invalid length: expected length 32 for simple format, found 3"],
    [ID.slice(0, -1), "invalid group length in group 4: expected 12, found 11"],
    [ID.slice(1), "invalid group length in group 0: expected 8, found 7"],
    ["a-b", "invalid group count: expected 5, found 2"],
  ])("says of %j what the peer says", (text, complaint) => {
    expect(uuidComplaint(text)).toBe(complaint);
    expect(() => requireWireThreadId(text)).toThrow(`invalid thread id: ${complaint}`);
  });
});
