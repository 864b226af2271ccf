/**
 * Errors are data: recognised by shape and code also after a hop that kept only plain values, and
 * every operating-system error becomes one with a code that can be acted on.
 */
import { describe, expect, test } from "vitest";

import { fault, faultFromSystem, isSkeinError, rejection } from "../../src/base/index.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code });
}

describe("isSkeinError", () => {
  test("recognises an error by code, also as plain data from another realm", () => {
    const error = fault("writer_fenced", "somebody else writes", { data: { expected: 1, actual: 2 } });
    const hopped: unknown = JSON.parse(JSON.stringify(error));
    expect(isSkeinError(error, "writer_fenced")).toBe(true);
    expect(isSkeinError(hopped, "writer_fenced")).toBe(true);
    expect(isSkeinError(hopped, "disk_full")).toBe(false);
  });

  test("takes no other error for one, not even one that has a code", () => {
    expect(isSkeinError(systemError("ENOENT"))).toBe(false);
    expect(isSkeinError(null)).toBe(false);
    expect(isSkeinError("writer_fenced")).toBe(false);
  });
});

describe("faultFromSystem", () => {
  test.each([
    ["ENOSPC", "disk_full", true],
    ["EFBIG", "rollout_too_large", false],
    ["EACCES", "permission_denied", false],
    ["EROFS", "permission_denied", false],
    ["EMFILE", "too_many_open_files", true],
    ["EIO", "io_error", false],
  ])("makes %s a %s fault", (errno, code, retryable) => {
    const cause = systemError(errno);
    const made = faultFromSystem(cause, "write the rollout", { path: "/p" });
    expect(made).toMatchObject({ code, retryable, kind: "fault", data: { path: "/p", errno } });
    expect(made.message).toContain("could not write the rollout");
    expect(made.cause).toBe(cause);
  });

  test("passes one of our own errors through as it is", () => {
    const own = rejection("empty_input", "say something");
    expect(faultFromSystem(own, "write")).toBe(own);
  });
});
