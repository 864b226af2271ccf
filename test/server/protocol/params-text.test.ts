/**
 * Params that are refused, in the peer's words: what codex app-server 0.130.0 answered to some 1,200 odd requests
 * (test/fixtures/codex-0.130/odd-params.jsonl, one `[method, params as text, refusal or null]` a line; recorded
 * before `initialize`, so that nothing was done), and where Skein answers otherwise.
 */
import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRequestMethod, parseParams } from "../../../src/server/protocol/index.ts";

type Row = readonly [method: string, params: string | null, refusal: string | null];

const FIXTURE = new URL("../../fixtures/codex-0.130/odd-params.jsonl", import.meta.url);
const rows = readFileSync(FIXTURE, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

function refusalOf(method: string, params: unknown): string | null {
  if (!isRequestMethod(method)) throw new Error(`${method} is not served`);
  const parsed = parseParams(method, params);
  return parsed.ok ? null : parsed.message;
}

/** Where Skein differs, and what it says. */
const DIFFERENCES: Readonly<Record<string, string | null>> = {
  // The peer takes a list for an object's members in their order, and lets defaults stand for what is not there
  "modelProvider/capabilities/read []":
    "invalid length 0, expected struct ModelProviderCapabilitiesReadParams with 0 elements",
  "config/read []": "invalid length 0, expected struct ConfigReadParams with 2 elements",
  "account/read []": "invalid length 0, expected struct GetAccountParams with 1 element",
  "skills/list []": "invalid length 0, expected struct SkillsListParams with 2 elements",
  "hooks/list []": "invalid length 0, expected struct HooksListParams with 1 element",
  "collaborationMode/list []": "invalid length 0, expected struct CollaborationModeListParams with 0 elements",
  'thread/goal/get ["a"]': "invalid length 1, expected struct ThreadGoalGetParams with 1 element",
  'thread/archive ["a"]': "invalid length 1, expected struct ThreadArchiveParams with 1 element",
  'thread/unarchive ["a"]': "invalid length 1, expected struct ThreadUnarchiveParams with 1 element",
  'thread/unsubscribe ["a"]': "invalid length 1, expected struct ThreadUnsubscribeParams with 1 element",
  'thread/compact/start ["a"]': "invalid length 1, expected struct ThreadCompactStartParams with 1 element",
  'thread/read ["a"]': "invalid length 1, expected struct ThreadReadParams with 2 elements",
  'thread/metadata/update {"threadId":"x","gitInfo":[]}':
    "invalid length 0, expected struct ThreadMetadataGitInfoUpdateParams with 3 elements",
  'initialize {"clientInfo":{"name":"a","version":"1"},"capabilities":[]}':
    "invalid length 0, expected struct InitializeCapabilities with 2 elements",
  'turn/start {"threadId":"x","input":[["text","a"]]}':
    "invalid type: sequence, expected internally tagged enum UserInput",
  'thread/start {"dynamicTools":[[]]}': "invalid length 0, expected struct DynamicToolSpecDe with 5 elements",
  // The peer takes {"word": null} for "word", and an older name of a mode
  'thread/start {"approvalPolicy":{"never":null}}': "invalid type: null, expected unit",
  'thread/start {"sandbox":{"read-only":null}}': "invalid type: null, expected unit",
  'thread/start {"sandbox":{"read-only":{}}}': "invalid type: map, expected unit",
  'turn/start {"threadId":"x","input":[],"collaborationMode":{"mode":"code","settings":{"model":"a"}}}':
    "unknown variant `code`, expected `plan` or `default`",
  // Relative paths are as good as others here
  'thread/start {"environments":[{"cwd":"rel","environmentId":"e"}]}': null,
  'turn/start {"threadId":"x","input":[],"sandboxPolicy":{"type":"workspaceWrite","writableRoots":["rel"]}}': null,
  'turn/start {"threadId":"x","input":[],"sandboxPolicy":{"type":"workspaceWrite","writableRoots":["a\\n\\"b\\u0001\\u00e9"]}}':
    null,
  'plugin/list {"cwds":["a\\n\\"b\\u0001\\u00e9"]}': null,
};

describe("odd params", () => {
  const methods = [...new Set(rows.map(([method]) => method))];

  test.each(methods)("of %s are refused in the peer's words", (method) => {
    const of = rows.filter((row) => row[0] === method).map(([, params, refusal]) => ({ params, refusal }));
    const expected = of.map(({ params, refusal }) => {
      const difference = DIFFERENCES[`${method} ${params ?? ""}`];
      return { params, refusal: difference === undefined ? refusal : difference };
    });
    const ours = of.map(({ params }) => {
      return { params, refusal: refusalOf(method, params === null ? undefined : JSON.parse(params)) };
    });
    expect(ours).toEqual(expected);
  });

  test("differ from the peer's nowhere else, and everywhere where a difference is listed", () => {
    const same = rows.filter(([method, params, refusal]) => DIFFERENCES[`${method} ${params ?? ""}`] === refusal);
    const seen = new Set(rows.map(([method, params]) => `${method} ${params ?? ""}`));
    expect(same).toEqual([]);
    expect(Object.keys(DIFFERENCES).filter((key) => !seen.has(key))).toEqual([]);
  });

  test("of Skein's own methods are refused in words of the same kind", () => {
    expect(refusalOf("thread/events/subscribe", {})).toBe("missing field `threadId`");
    expect(refusalOf("thread/events/subscribe", { threadId: "x", from: -1 })).toBe(
      "invalid value: integer `-1`, expected usize",
    );
    expect(refusalOf("thread/events/subscribe", { threadId: "x", window: 0 })).toMatch(/expected number to be >=1/u);
    expect(refusalOf("thread/events/subscribe", { threadId: "x", checkpoint: "" })).toMatch(/>=1 characters/u);
    expect(refusalOf("thread/items/list", { threadId: "x", cursor: 5 })).toBe(
      "data did not match any variant of untagged enum ThreadItemsListCursor",
    );
  });

  test("without a fault come back without the members that nobody knows", () => {
    const parsed = parseParams("turn/start", {
      threadId: "x",
      input: [{ type: "text", text: "hello", zzz: 1 }],
      model: null,
      unknownField: 1,
    });
    expect(parsed).toEqual({
      ok: true,
      params: { threadId: "x", input: [{ type: "text", text: "hello" }], model: null },
    });
  });
});

test("a list of a million wrong members is refused for its first, and none of the others is looked at", () => {
  const looked: number[] = [];
  const input = Array.from({ length: 1_000_000 }, () => 1);
  const params = { threadId: "t", input: new Proxy(input, { get: (list, name) => note(looked, list, name) }) };
  expect(refusalOf("turn/start", params)).toBe("invalid type: integer `1`, expected internally tagged enum UserInput");
  expect(new Set(looked)).toEqual(new Set([0]));
});

/** Reads a member of a list, and notes which. */
function note(looked: number[], list: readonly number[], name: string | symbol): unknown {
  if (typeof name === "string" && /^\d+$/.test(name)) looked.push(Number(name));
  return Reflect.get(list, name);
}
