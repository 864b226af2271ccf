/**
 * What is a line and what is none, as Codex 0.130 reads it: times, line ends, extra members, payloads of
 * the wrong shape.
 */
import { describe, expect, it } from "vitest";

import {
  type AppendableItem,
  decodeLine,
  encodeLine,
  epochMsOf,
  isBlankLine,
  type RolloutItem,
} from "../../src/events/index.ts";
import { event } from "./item-builders.ts";

const TIME = "2026-05-05T10:00:00.000Z";
const UUID = "01900000-0000-7000-8000-00000000000a";

function line(type: string, payload: unknown, more: object = {}): string {
  return JSON.stringify({ timestamp: TIME, type, payload, ...more });
}

function read(text: string): RolloutItem {
  return decodeLine(text, 0).item;
}

function reasonOf(text: string): string | null {
  const item = read(text);
  return item.type === "unreadable" ? item.reason : null;
}

describe("a line that is written", () => {
  it("has Codex's members in Codex's order, and ours behind them only when they say something", () => {
    const item = event("context_compacted");
    const head = `{"timestamp":"${TIME}","type":"event_msg","payload":{"type":"context_compacted"}`;
    expect(encodeLine(item, TIME)).toBe(`${head}}\n`);
    expect(encodeLine(item, TIME, { more: 0 })).toBe(`${head}}\n`);
    expect(encodeLine(item, TIME, { more: 2 })).toBe(`${head},"skein":{"more":2}}\n`);
    expect(encodeLine(item, TIME, { key: 'a"b' })).toBe(`${head},"skein":{"key":"a\\"b"}}\n`);
  });

  it("is none for what was read as unknown or unreadable: another line would stand in for it", () => {
    const future = line("future", { a: 1 });
    expect(encodeLine(event("context_compacted"), TIME)).not.toBe("");
    for (const item of [read(future), read("no record")]) {
      expect(() => encodeLine(item as AppendableItem, TIME)).toThrow(
        expect.objectContaining({ code: "invalid_argument" }),
      );
    }
  });

  it("has no key before its batch's last line: readers would not see the batch", () => {
    expect(() => encodeLine(event("context_compacted"), TIME, { more: 1, key: "k" })).toThrow("last line");
  });
});

describe("a line that is read", () => {
  it("may have Windows line ends, white space around it, and members nobody knows", () => {
    const text = line("event_msg", { type: "agent_message", message: "b" }, { zzz: 1 });
    expect(read(`${text}\r\n`)).toMatchObject({ type: "event_msg" });
    expect(read(`  ${text}  `)).toMatchObject({ type: "event_msg" });
  });

  it("must have a time that is text; one that is no time is none, and the line stays good", () => {
    const payload = { type: "agent_message", message: "b" };
    expect(reasonOf(JSON.stringify({ type: "event_msg", payload }))).toBe("no timestamp");
    expect(reasonOf(JSON.stringify({ timestamp: 17, type: "event_msg", payload }))).toBe("no timestamp");
    expect(decodeLine(JSON.stringify({ timestamp: "yesterday", type: "event_msg", payload }), 3)).toEqual({
      ordinal: 3,
      timestamp: null,
      item: { type: "event_msg", payload },
    });
  });

  it.each([
    ["", "not JSON"],
    ["\ufeff{}", "not JSON"],
    ['{"timestamp":"2026', "not JSON"],
    ["[1]", "not a JSON object"],
    ["17", "not a JSON object"],
    [JSON.stringify({ timestamp: TIME, payload: {} }), "no type"],
    [line("event_msg", null), "payload is not an object"],
    [line("event_msg", []), "payload is not an object"],
    [line("event_msg", { message: "x" }), "type is missing"],
    [line("event_msg", { type: "user_message" }), "message is missing or not a string"],
    [line("event_msg", { type: "thread_rolled_back", num_turns: -1 }), "num_turns is missing or not a whole number"],
    [line("event_msg", { type: "thread_rolled_back", num_turns: 1.5 }), "num_turns"],
    [line("event_msg", { type: "token_count", info: [] }), "info is missing or not whole"],
    [line("compacted", {}), "message is missing"],
    [line("session_meta", { id: UUID, timestamp: TIME }), "cwd is missing"],
    [line("session_meta", { id: UUID.replace("0", "p"), timestamp: TIME }), "id is missing or not a UUID"],
    [line("turn_context", { cwd: "/w" }), "model is missing"],
    [line("response_item", { type: "message", role: "user" }), "content is missing or not an array"],
  ])("is unreadable, with the reason: %j", (text, reason) => {
    expect(reasonOf(text)).toContain(reason);
  });

  it("keeps types and kinds it doesn't know as they are", () => {
    expect(read(line("world_state", [1]))).toEqual({ type: "unknown", recordType: "world_state", payload: [1] });
    expect(read(line("event_msg", { type: "to_come", x: 1 }))).toEqual({
      type: "event_msg",
      payload: { type: "to_come", x: 1 },
    });
    expect(read(line("response_item", { type: "to_come" }))).toMatchObject({ type: "response_item" });
  });

  it("has marks only where they say something that can be meant", () => {
    const payload = { type: "context_compacted" };
    const marksOf = (skein: unknown) => decodeLine(line("event_msg", payload, { skein }), 0).marks;
    expect(marksOf({ more: 2, other: 1 })).toEqual({ more: 2 });
    expect(marksOf({ key: "k" })).toEqual({ key: "k" });
    for (const odd of [{}, { more: 0 }, { more: -1 }, { more: "2" }, { more: 1.5 }, { key: 7 }, null, "x", [2]]) {
      expect(marksOf(odd)).toBeUndefined();
    }
  });
});

describe("a blank line", () => {
  it("is one of ASCII white space only, in text as in bytes", () => {
    for (const text of ["", " ", "\t \r", "\v\f", "\u00a0", "\u2028", "\ufeff", "\u0085", "x", "\u0000"]) {
      expect(isBlankLine(new TextEncoder().encode(text))).toBe(isBlankLine(text));
    }
    expect(isBlankLine(" \t\r")).toBe(true);
    expect(isBlankLine("\u00a0")).toBe(false);
  });
});

describe("a time", () => {
  it.each([
    "2026-11-22T07:32:59.526Z",
    "2026-02-28T00:00:00Z",
    "2024-02-29T23:59:59.999999999+01:00",
    "2026-11-30T07:32:59.526Z",
  ])("is %s", (text) => {
    expect(epochMsOf(text)).toBe(Date.parse(text));
  });

  it.each([
    "",
    "2026",
    "2026-11-22",
    "2026-13-01T00:00:00.000Z",
    "2026-11-22T24:61:00.000Z",
    "22.11.2026 07:32:59.526Z",
    "2026-11-22T07:32:59.526",
    "2026-1a-22T07:32:59.526Z",
  ])("is not %j", (text) => {
    expect(epochMsOf(text)).toBeNull();
  });
});
