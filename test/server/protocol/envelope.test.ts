/**
 * Envelopes: what a message is taken for, what is dropped in silence (as codex app-server 0.130.0 does, transcript
 * handshake), and the exact text of what is sent.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  encodeError,
  encodeNotification,
  encodeResult,
  encodeServerRequest,
  parseEnvelope,
} from "../../../src/server/protocol/index.ts";

describe("a message", () => {
  test.each([
    "{not json",
    "",
    "   ",
    "[]",
    '[{"method":"thread/list","id":900,"params":{}}]',
    "42",
    '"x"',
    "null",
    "{}",
    '{"id":901}',
    '{"id":901,"error":{"code":"x"}}',
    '{"id":902,"error":null}',
    '{"id":910,"method":42,"params":{}}',
    '{"id":null,"method":"thread/loaded/list","params":{}}',
    '{"id":1.5,"method":"thread/loaded/list","params":{}}',
    '{"id":true,"method":"thread/loaded/list","params":{}}',
    '{"id":{},"method":"thread/loaded/list","params":{}}',
    '{"id":1e300,"method":"thread/loaded/list","params":{}}',
    '{"id":9223372036854775808,"method":"thread/loaded/list","params":{}}',
    '{"id":9007199254740993,"result":{}}',
  ])("%s is dropped in silence", (text) => {
    expect(parseEnvelope(text)).toBeNull();
  });

  test.each([
    ['{"method":"thread/list","id":1,"params":{}}', { kind: "request", id: 1, method: "thread/list", params: {} }],
    [
      '  {"jsonrpc":"1.0","id":"a","method":"m","zzz":1}\r',
      { kind: "request", id: "a", method: "m", params: undefined },
    ],
    ['{"id":"","method":"m","params":null}', { kind: "request", id: "", method: "m", params: null }],
    ['{"id":-5,"method":"m","params":[1]}', { kind: "request", id: -5, method: "m", params: [1] }],
    ['{"method":"initialized"}', { kind: "notification", method: "initialized", params: undefined }],
    ['{"id":0,"result":{"decision":"accept"}}', { kind: "response", id: 0, result: { decision: "accept" } }],
    ['{"id":0,"result":null}', { kind: "response", id: 0, result: null }],
    ['{"id":3,"error":{"code":1,"message":"x"}}', { kind: "error", id: 3, error: { code: 1, message: "x" } }],
  ])("%s is read", (text, envelope) => {
    expect(parseEnvelope(text)).toEqual(envelope);
  });

  test.each([
    ["a request", (deep: string) => `{"id":1,"method":"m","params":${deep}}`],
    [
      "a request with an id of 64 bits",
      (deep: string) => `{"id":9007199254740993,"method":"m","params":{"x":${deep}}}`,
    ],
    ["an answer", (deep: string) => `{"id":0,"result":${deep}}`],
    ["a refusal", (deep: string) => `{"id":0,"error":{"code":1,"message":"x","data":${deep}}}`],
  ])("that is %s, and nested deeper than anybody reads, is dropped in silence", (_, around) => {
    expect(parseEnvelope(around(`${"[".repeat(100_000)}${"]".repeat(100_000)}`))).toBeNull();
    expect(parseEnvelope(around(`${'{"a":'.repeat(300)}1${"}".repeat(300)}`))).toBeNull();
    expect(parseEnvelope(around(`${"[".repeat(250)}${"]".repeat(250)}`))).not.toBeNull();
  });

  test("may hold any number of brackets in its texts and beside each other", () => {
    const params = {
      texts: ["[".repeat(1_000), `\\"${"{".repeat(1_000)}`, "\\"],
      lists: Array.from({ length: 1_000 }, () => []),
    };
    expect(parseEnvelope(JSON.stringify({ id: 1, method: "m", params }))).toMatchObject({ params });
  });

  test("has an id of 64 bits whose digits all come back, in nested places and doubles too", () => {
    const inner = '"params":{"id":1234567890123456789,"list":[{"id":2}]}';
    const first = parseEnvelope(`{"id":9007199254740993,"method":"m",${inner}}`);
    const last = parseEnvelope(`{"id":5,${inner},"method":"m","id":-9223372036854775808}`);
    expect(first).toMatchObject({ kind: "request", id: 9_007_199_254_740_993n });
    expect(last).toMatchObject({ kind: "request", id: -(2n ** 63n) });
    expect(encodeError(9_007_199_254_740_993n, { code: -1, message: "" })).toContain('"id":9007199254740993}');
  });

  test("of any text is read or dropped, never thrown over", () => {
    const odd = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.json().map((json) => `{"id":1,"method":${json}}`),
    );
    fc.assert(
      fc.property(odd, (text) => {
        const envelope = parseEnvelope(text);
        return envelope === null || typeof envelope.kind === "string";
      }),
    );
  });
});

describe("what is sent", () => {
  test("has its members in the peer's order", () => {
    expect(encodeResult<"thread/loaded/list">(1, { data: [], nextCursor: null })).toBe(
      '{"id":1,"result":{"data":[],"nextCursor":null}}',
    );
    expect(encodeResult<"thread/archive">('a"b', {})).toBe('{"id":"a\\"b","result":{}}');
    expect(encodeError(2, { code: -32_600, message: "Not initialized" })).toBe(
      '{"error":{"code":-32600,"message":"Not initialized"},"id":2}',
    );
    expect(encodeError("x", { code: -32_602, message: "Too long", data: { max: 1 } })).toBe(
      '{"error":{"code":-32602,"data":{"max":1},"message":"Too long"},"id":"x"}',
    );
    expect(encodeNotification("thread/archived", { threadId: "t" })).toBe(
      '{"method":"thread/archived","params":{"threadId":"t"}}',
    );
    expect(encodeServerRequest("item/tool/call", 0, { callId: "c" })).toBe(
      '{"method":"item/tool/call","id":0,"params":{"callId":"c"}}',
    );
  });

  test("is read again as what it was", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.maxSafeInteger(), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)), (id) => {
        const text = encodeResult<"thread/archive">(id, {}).replace('"result"', '"method":"m","params"');
        const back = parseEnvelope(text);
        expect(back).toMatchObject({ kind: "request", params: {} });
        expect(back?.kind === "request" ? String(back.id) : "").toBe(String(id));
      }),
    );
  });
});
