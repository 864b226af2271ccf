/**
 * What the model sees: rollbacks by user turns, by name, and across compactions; old compactions. Each
 * case is written as the texts that are left.
 */
import { describe, expect, it } from "vitest";

import { type AppendableItem, foldRecords, modelContextFold, modelContextOf } from "../../../src/events/index.ts";
import { compacted, event, message, meta, rollback, textsOf, turn } from "../item-builders.ts";
import { recordsOf } from "../log-reading.ts";

function seen(...items: readonly AppendableItem[]): readonly string[] {
  return textsOf(modelContextOf(foldRecords(modelContextFold, recordsOf(items))));
}

const ENVIRONMENT = "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>";
const SHELL = [
  event("task_started", { turn_id: "shell" }),
  message("user", "<user_shell_command>\nls\n</user_shell_command>"),
  event("task_complete", { turn_id: "shell" }),
];
const COMPACTION = [
  event("task_started", { turn_id: "compact" }),
  compacted("S"),
  event("context_compacted"),
  event("task_complete", { turn_id: "compact" }),
];

describe("model context", () => {
  it("is the response items in order, without ghost snapshots", () => {
    const ghost: AppendableItem = { type: "response_item", payload: { type: "ghost_snapshot", ghost_commit: {} } };
    expect(seen(meta("t"), message("developer", "D"), ...turn("t1", "a"), ghost)).toEqual(["D", "a", "re a"]);
  });

  it("keeps the messages of failed turns", () => {
    const failed = turn("t1", "a").toSpliced(3, 2, event("error", { message: "boom" }));
    expect(seen(...failed, ...turn("t2", "b"))).toEqual(["a", "b", "re b"]);
  });
});

describe("a rollback by count", () => {
  it("drops user turns: a shell turn does not count, and goes with the turn before it", () => {
    expect(seen(...turn("t1", "a"), ...turn("t2", "b"), ...SHELL, rollback(1))).toEqual(["a", "re a"]);
  });

  it("drops the messages that were steered into a turn together with it", () => {
    const steered = turn("t2", "b").toSpliced(
      5,
      0,
      message("user", "more"),
      event("user_message", { message: "more" }),
    );
    expect(seen(...turn("t1", "a"), ...steered, rollback(1))).toEqual(["a", "re a"]);
  });

  it("drops the context that only prepared the turn, but never the thread's own at its begin", () => {
    const begin = [message("developer", "D"), message("user", ENVIRONMENT)];
    const prepared = [message("developer", "<model_switch>m</model_switch>"), message("user", ENVIRONMENT)];
    expect(seen(...begin, ...turn("t1", "a"), ...prepared, ...turn("t2", "b"), rollback(1))).toEqual([
      "D",
      ENVIRONMENT,
      "a",
      "re a",
    ]);
    expect(seen(...begin, ...turn("t1", "a"), rollback(1))).toEqual(["D", ENVIRONMENT]);
  });

  it("of more turns than there are keeps what stood before the first", () => {
    expect(seen(message("developer", "D"), ...turn("t1", "a"), rollback(7))).toEqual(["D"]);
  });

  it("counts each message of old files, which have no start events", () => {
    expect(seen(message("user", "a"), message("user", "b"), rollback(1))).toEqual(["a"]);
  });
});

describe("a rollback across a compaction", () => {
  const log = [...turn("t1", "a"), ...turn("t2", "b"), ...COMPACTION, ...turn("t3", "c")];

  it("keeps the compaction while only turns after it are dropped", () => {
    expect(seen(...log)).toEqual(["S", "c", "re c"]);
    expect(seen(...log, rollback(1))).toEqual(["S"]);
  });

  it("brings the older context back, where Codex loses it", () => {
    expect(seen(...log, rollback(2))).toEqual(["a", "re a"]);
    expect(seen(...log, rollback(1), rollback(1))).toEqual(["a", "re a"]);
  });

  it("goes on behind what came back", () => {
    expect(seen(...log, rollback(2), ...turn("t4", "d"))).toEqual(["a", "re a", "d", "re d"]);
  });

  it("reaches through several compactions", () => {
    const again = [...COMPACTION, ...turn("t4", "d"), ...COMPACTION];
    expect(seen(...log, ...again, rollback(3))).toEqual(["a", "re a"]);
  });

  it("in the middle of a turn drops that turn with what it said before", () => {
    const middle = turn("t2", "b").toSpliced(3, 0, compacted("S"));
    expect(seen(...turn("t1", "a"), ...middle)).toEqual(["S", "re b"]);
    expect(seen(...turn("t1", "a"), ...middle, rollback(1))).toEqual(["a", "re a"]);
  });
});

describe("a rollback that names its turn", () => {
  const log = [...turn("t1", "a"), ...turn("t2", "b"), ...SHELL, ...COMPACTION, ...turn("t3", "c")];

  it("cuts exactly before the turn's first record", () => {
    expect(seen(...log, rollback(1, "t3"))).toEqual(["S"]);
    expect(seen(...log, rollback(2, "compact")).slice(0, 4)).toEqual(["a", "re a", "b", "re b"]);
    expect(seen(...log, rollback(3, "shell"))).toEqual(["a", "re a", "b", "re b"]);
    expect(seen(...log, rollback(4, "t2"))).toEqual(["a", "re a"]);
    expect(seen(...log, rollback(5, "t1"))).toEqual([]);
  });

  it("counts user turns when the turn isn't there", () => {
    expect(seen(...log, rollback(1, "gone"))).toEqual(["S"]);
  });

  it("regression: keeps the input before a turn that a hook prompt opened, which is not that turn's", () => {
    const hook = message("user", "<hook_prompt hook_run_id='r'>x</hook_prompt>");
    expect(seen(meta("t"), message("developer", "D"), hook, rollback(1, "rollout-2"))).toEqual(["D"]);
  });

  it("does not bring back what an earlier rollback by count had taken from the model", () => {
    const shells = [...turn("t1", "a"), ...turn("t2", "b"), ...SHELL, ...SHELL];
    expect(seen(...shells, rollback(1), rollback(1, "shell"))).toEqual(["a", "re a"]);
  });
});

describe("a compaction of old files", () => {
  it("keeps the user's messages and its own text", () => {
    const old: AppendableItem = { type: "compacted", payload: { message: "S" } };
    expect(seen(message("user", ENVIRONMENT), ...turn("t1", "a"), old, ...turn("t2", "b"))).toEqual([
      "a",
      "S",
      "b",
      "re b",
    ]);
  });

  it("says so when it has no text, and keeps the newest messages that fit", () => {
    const old: AppendableItem = { type: "compacted", payload: { message: "" } };
    const long = "x".repeat(79_999);
    expect(seen(message("user", "first"), message("user", long), message("user", "z"), old)).toEqual([
      long,
      "z",
      "(no summary available)",
    ]);
  });
});
