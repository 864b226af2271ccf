/**
 * The judge of the conformance run itself: it must find what differs, and let pass only what is
 * listed. A judge that passes everything would make the whole run worthless.
 */
import { describe, expect, it } from "vitest";

import { READ_DIFFERENCES, ROLLED_BACK_OVER_COMPACTION } from "./allowed-differences.ts";
import { CheckReport } from "./check-report.ts";
import { diffJson } from "./json-diff.ts";
import { alignedContexts } from "./model-context-view.ts";

const SUBJECT = { part: "part", thread: "thread", claim: "claim" };

function turn(status: string, error: object | null) {
  return { updatedAt: 5, createdAt: 1, turns: [{ id: "a", status, error }] };
}

describe("diffJson", () => {
  it("finds nothing between equal values, whatever the order of members", () => {
    expect(diffJson({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] })).toEqual([]);
  });

  it("takes an undefined member for an absent one", () => {
    expect(diffJson({ a: undefined }, {})).toEqual([]);
  });

  it("tells null from absent, and a list from an object", () => {
    expect(diffJson({ a: null }, {})).toEqual([{ path: "a", skein: null, codex: undefined }]);
    expect(diffJson({ a: [] }, { a: {} })).toHaveLength(1);
  });

  it("names the place of each difference", () => {
    const paths = diffJson({ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3 }, { b: 4 }] }).map(({ path }) => path);
    expect(paths).toEqual(["a.1.b", "a.2"]);
  });

  it("stops after a hundred places", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => index);
    expect(diffJson(many, [])).toHaveLength(100);
  });
});

describe("CheckReport", () => {
  it("fails on a difference that isn't listed", () => {
    const report = new CheckReport();
    report.same(SUBJECT, { skein: turn("completed", null), codex: turn("interrupted", null) }, READ_DIFFERENCES);
    expect(report.failed).toBe(true);
    expect(report.toText()).toContain("turns.0.status");
  });

  it("lets a listed difference pass, and names it", () => {
    const report = new CheckReport();
    const values = { skein: turn("failed", { message: "no" }), codex: turn("completed", null) };
    report.same(SUBJECT, values, READ_DIFFERENCES);
    expect(report.checks.map(({ outcome }) => outcome)).toEqual(["DIFF"]);
    expect(report.toText()).toContain("failed-turn: Skein records the error of a turn");
  });

  it("doesn't let a listed difference cover another one", () => {
    const report = new CheckReport();
    const values = { skein: turn("failed", { message: "no" }), codex: turn("interrupted", null) };
    report.same(SUBJECT, values, READ_DIFFERENCES);
    expect(report.failed).toBe(true);
  });

  it("lets a context be longer after a rollback over a compaction, never different or shorter", () => {
    const [a, b] = [{ role: "user" }, { role: "assistant" }];
    const outcome = (skein: readonly object[], codex: readonly object[]): string | undefined => {
      const report = new CheckReport();
      report.same(SUBJECT, alignedContexts(skein, codex), ROLLED_BACK_OVER_COMPACTION);
      return report.checks[0]?.outcome;
    };
    expect(outcome([a, b], [b])).toBe("DIFF");
    expect(outcome([a, b], [a])).toBe("FAIL");
    expect(outcome([a], [a, b])).toBe("FAIL");
  });

  it("counts a check that threw as failed, with the error's words", async () => {
    const report = new CheckReport();
    await report.attempt(SUBJECT, () => Promise.reject(new Error("the peer said no")));
    expect(report.failed).toBe(true);
    expect(report.toText()).toContain("the peer said no");
  });
});
