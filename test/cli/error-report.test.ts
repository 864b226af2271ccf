/**
 * How the command fails: an exit code for every error code, one line and a next step for people, one
 * object for programs.
 */
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { AssertionError, fault, rejection } from "../../src/base/index.ts";
import { reportError } from "../../src/cli/error-report.ts";
import { EXIT, EXIT_MEANINGS, exitCodeOf } from "../../src/cli/exit-codes.ts";

describe("reportError", () => {
  it("says one line with the code, then what to do next", () => {
    const { exitCode, text } = reportError(rejection("thread_not_found", "no thread begins with 01"), { json: false });
    expect(exitCode).toBe(EXIT.notFound);
    expect(text.split("\n")[0]).toBe("skein: no thread begins with 01 [thread_not_found]");
    expect(text.split("\n")[1]).toMatch(/^ {2}`skein list`/);
  });

  it("says of a database that isn't there where it is named", () => {
    const none = fault("connection_failed", "no such database", { data: { sqlState: "3D000" } });
    expect(reportError(none, { json: false }).text).toMatch(/the database in --store\n$/);
    const away = fault("connection_failed", "nobody answers", { retryable: true });
    expect(reportError(away, { json: false }).text).toMatch(/may work in a moment\n$/);
  });

  it("tells what may not be looked at from what failed", () => {
    const denied = Object.assign(new Error("EACCES: permission denied, stat '/root/x'"), { code: "EACCES" });
    const { exitCode, text } = reportError(denied, { json: false });
    expect(exitCode).toBe(EXIT.io);
    expect(text).toMatch(/ \[permission_denied\]\n {2}check who owns the home/);
  });

  it("says the same as JSON, with the values that disagree", () => {
    const conflict = fault("ordinal_conflict", "moved on", {
      retryable: true,
      data: { expectedOrdinal: 1, actualOrdinal: 2 },
    });
    const { exitCode, text } = reportError(conflict, { json: true });
    expect(exitCode).toBe(EXIT.conflict);
    expect(JSON.parse(text)).toEqual({
      error: {
        code: "ordinal_conflict",
        message: "moved on",
        retryable: true,
        data: { expectedOrdinal: 1, actualOrdinal: 2 },
      },
    });
  });

  it("names the owner of a thread in what to do next, with its process and host, and ends with 4", () => {
    const data = { threadId: "01", ownerId: "o", host: "box", pid: 12, sinceMs: 0 };
    const owned = fault("thread_owned_elsewhere", "thread 01 is owned by process 12 on box", { data });
    const { exitCode, text } = reportError(owned, { json: false });
    expect(exitCode).toBe(EXIT.conflict);
    expect(text.split("\n")[1]).toMatch(/^ {2}end it there \(process 12 on box\), .*`skein tail 01`$/);
    const gone = fault("thread_owned_elsewhere", "taken", { data: { threadId: "01", host: null, pid: null } });
    expect(reportError(gone, { json: false }).text).toMatch(/\n {2}end it there, or wait/);
  });

  it("keeps a message with newlines and escapes on one harmless line", () => {
    const { text } = reportError(rejection("invalid_argument", "a\n\u001b[2Jb"), { json: false });
    expect(text).toBe("skein: a ⏎ ␛[2Jb [invalid_argument]\n");
  });

  it("tells an error of the system from a bug of ours", () => {
    const system = Object.assign(new Error("no space"), { code: "ENOSPC" });
    expect(reportError(system, { json: false })).toMatchObject({ exitCode: EXIT.io });
    expect(reportError(new AssertionError("bug in skein: x"), { json: false }).text).toMatch(
      /\[bug\]\n {2}this is a bug/,
    );
    expect(reportError("thrown text", { json: false })).toMatchObject({ exitCode: EXIT.failed });
  });

  it("shows the stack and its causes only when asked", () => {
    const error = new TypeError("odd", { cause: new Error("root") });
    expect(reportError(error, { json: false }).text).not.toMatch(/^ +at /m);
    expect(reportError(error, { json: false, withStack: true }).text).toMatch(
      /TypeError: odd[\s\S]+caused by Error: root/,
    );
  });
});

describe("exit codes", () => {
  it("counts a code nobody knows as failed", () => {
    expect(exitCodeOf("from_the_future")).toBe(EXIT.failed);
  });

  it("are all explained by --help and by the manual", () => {
    const manual = readFileSync(new URL("../../docs/CLI.md", import.meta.url), "utf8");
    const explained = new Set(EXIT_MEANINGS.map(([code]) => code));
    for (const code of Object.values(EXIT)) {
      expect(explained.has(code)).toBe(true);
      expect(manual).toMatch(new RegExp(`^\\| ${code} \\|`, "m"));
    }
  });
});
