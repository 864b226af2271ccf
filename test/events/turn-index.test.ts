/**
 * Which records Codex counts for `rollout-<i>`, where its vectors and probes say nothing: each of the
 * members a turn_context needs, and what is only kept here.
 */
import { describe, expect, it } from "vitest";

import type { AppendableItem } from "../../src/events/index.ts";
import { isIndexed } from "../../src/events/turn-index.ts";
import { event, meta } from "./item-builders.ts";

const CONTEXT = {
  cwd: "/w",
  approval_policy: "never",
  sandbox_policy: { type: "read-only" },
  model: "m",
  summary: "auto",
};

function context(members: object): AppendableItem {
  return { type: "turn_context", payload: { ...CONTEXT, ...members } };
}

describe("the index of implicit turns", () => {
  it("counts a turn_context with all its policies, and none that lacks one", () => {
    expect(isIndexed(context({}))).toBe(true);
    for (const member of ["approval_policy", "sandbox_policy", "summary"]) {
      expect(isIndexed(context({ [member]: undefined })), member).toBe(false);
    }
  });

  it("does not count what only Skein keeps, or nobody can read", () => {
    expect(isIndexed(event("error", { message: "x" }))).toBe(false);
    expect(isIndexed({ type: "unknown", recordType: "x", payload: {} })).toBe(false);
    expect(isIndexed({ type: "unreadable", reason: "x" })).toBe(false);
  });

  it("counts a session_meta by its id, which must be a UUID", () => {
    expect(isIndexed(meta("t"))).toBe(true);
    expect(isIndexed(meta("t", { id: "short" }))).toBe(false);
  });
});
