/**
 * The turns fold where Codex's vectors say nothing: failed turns, places in the log, named rollbacks,
 * records that name an earlier turn, and what a live thread shows.
 */
import { describe, expect, it } from "vitest";

import {
  activeTurnIdOf,
  type AppendableItem,
  foldRecords,
  type Turn,
  turnEntriesOf,
  turnsFold,
  turnsOf,
} from "../../../src/events/index.ts";
import { compacted, event, message, meta, rollback, turn } from "../item-builders.ts";
import { recordsOf } from "../log-reading.ts";

function fold(...items: readonly AppendableItem[]) {
  return foldRecords(turnsFold, recordsOf(items));
}

function shown(...items: readonly AppendableItem[]): readonly Turn[] {
  return turnsOf(fold(...items), { live: false });
}

function placesOf(...items: readonly AppendableItem[]): readonly (readonly [string, number, number])[] {
  return turnEntriesOf(fold(...items), { live: true }).map((entry) => [
    entry.turn.id,
    entry.startOrdinal,
    entry.endOrdinal,
  ]);
}

describe("failed turns", () => {
  const start = event("task_started", { turn_id: "t1", started_at: 5 });
  const complete = event("task_complete", { turn_id: "t1", completed_at: 9, duration_ms: 4000 });

  it("stay failed when their end comes, which only sets the times", () => {
    const info = { http_connection_failed: { http_status_code: 500 } };
    const error = event("error", { message: "boom", codex_error_info: info, additional_details: "try later" });
    expect(shown(start, error, complete)).toMatchObject([
      {
        status: "failed",
        error: {
          message: "boom",
          codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 500 } },
          additionalDetails: "try later",
        },
        startedAt: 5,
        completedAt: 9,
        durationMs: 4000,
      },
    ]);
  });

  it("are not made by the refusal of a rollback or of a steer", () => {
    const refused = [
      event("error", { message: "no", codex_error_info: "thread_rollback_failed" }),
      event("error", { message: "no", codex_error_info: { active_turn_not_steerable: { turn_kind: "review" } } }),
    ];
    expect(shown(start, ...refused, complete)).toMatchObject([{ status: "completed", error: null }]);
  });

  it("are not made by an error between turns", () => {
    expect(shown(start, complete, event("error", { message: "late" }))).toMatchObject([{ status: "completed" }]);
  });
});

describe("a turn without an end", () => {
  const items = [event("task_started", { turn_id: "t1" }), event("user_message", { message: "hi" })];

  it("is in progress while the thread is live, and its id is the active one", () => {
    expect(turnsOf(fold(...items), { live: true })).toMatchObject([{ status: "inProgress" }]);
    expect(activeTurnIdOf(fold(...items))).toBe("t1");
  });

  it("is shown as interrupted in a stored thread", () => {
    expect(shown(...items)).toMatchObject([{ status: "interrupted", completedAt: null }]);
  });

  it("is interrupted too when a later turn began", () => {
    expect(shown(...items, ...turn("t2", "x")).map(({ status }) => status)).toEqual(["interrupted", "completed"]);
  });

  it("is no active turn once it was aborted", () => {
    const aborted = event("turn_aborted", { turn_id: "t1", reason: "interrupted", completed_at: 3 });
    expect(activeTurnIdOf(fold(...items, aborted))).toBeNull();
    expect(turnsOf(fold(...items, aborted), { live: true })).toMatchObject([{ status: "interrupted", completedAt: 3 }]);
  });
});

describe("places of turns", () => {
  it("are from the start event to behind the end", () => {
    expect(placesOf(meta("t"), ...turn("t1", "a"), ...turn("t2", "b"))).toEqual([
      ["t1", 1, 7],
      ["t2", 7, 13],
    ]);
  });

  it("begin an implicit turn with the input before its message, and end it where the next begins", () => {
    const context: AppendableItem = { type: "turn_context", payload: { cwd: "/w", model: "m" } };
    const user = event("user_message", { message: "a" });
    const places = placesOf(
      meta("t"),
      context,
      message("user", "a"),
      user,
      event("agent_message", { message: "b" }),
      message("assistant", "b"),
      event("token_count", { info: null }),
      message("developer", "note"),
      message("user", "c"),
      user,
    );
    // Skein's turn_context is none for Codex, so that the index is one less than the ordinal.
    expect(places).toEqual([
      ["rollout-2", 1, 7],
      ["rollout-8", 7, 10],
    ]);
  });

  it("begin an implicit turn that an answer opened with that answer", () => {
    expect(placesOf(meta("t"), message("user", "x"), event("agent_message", { message: "late" }))).toEqual([
      ["rollout-2", 2, 3],
    ]);
  });

  it("go on to the end of the log for an open turn", () => {
    expect(placesOf(event("task_started", { turn_id: "t1" }), event("token_count"), meta("t"))).toEqual([["t1", 0, 3]]);
  });
});

describe("a rollback that names its turn", () => {
  const three = [meta("t"), ...turn("t1", "a"), ...turn("t2", "b"), ...turn("t3", "c")];
  const ids = (...items: readonly AppendableItem[]): readonly string[] => shown(...items).map(({ id }) => id);

  it("drops that turn and all after it, whatever the count says", () => {
    expect(ids(...three, rollback(1, "t2"))).toEqual(["t1"]);
  });

  it("falls back to the count when the turn isn't there", () => {
    expect(ids(...three, rollback(1, "gone"))).toEqual(["t1", "t2"]);
  });

  it("means the last of several turns with one id", () => {
    expect(ids(...three, ...turn("t2", "again"), rollback(1, "t2"))).toEqual(["t1", "t2", "t3"]);
  });

  it("is counted when the name is an implicit one, which another turn has in a fork", () => {
    const implicit = [event("user_message", { message: "a" }), event("user_message", { message: "b" })];
    expect(ids(meta("t"), ...implicit, rollback(1, "rollout-2"))).toEqual(["rollout-1"]);
    const fork = [meta("f"), meta("t"), ...implicit, rollback(1, "rollout-2")];
    expect(ids(...fork)).toEqual(["rollout-2"]);
  });
});

describe("records that name an earlier turn", () => {
  it("change that turn: a late patch, a plan, an abort, an end", () => {
    const late = [
      event("patch_apply_end", { call_id: "p", turn_id: "t1", success: true, changes: {} }),
      event("patch_apply_end", { call_id: "p", turn_id: "t1", success: false, changes: {}, status: "failed" }),
      event("item_completed", { turn_id: "t1", item: { type: "Plan", id: "plan", text: "do it" } }),
      event("task_complete", { turn_id: "t1", completed_at: 99 }),
    ];
    const [first, second] = shown(...turn("t1", "a"), event("task_started", { turn_id: "t2" }), ...late);
    expect(first?.items.slice(2)).toEqual([
      { type: "fileChange", id: "p", changes: [], status: "failed" },
      { type: "plan", id: "plan", text: "do it" },
    ]);
    expect(first?.completedAt).toBe(99);
    expect(second).toMatchObject({ id: "t2", items: [] });
  });

  it("are dropped when nobody knows the turn", () => {
    const late = event("patch_apply_end", { call_id: "p", turn_id: "nobody", success: true, changes: {} });
    expect(shown(...turn("t1", "a"), late)).toHaveLength(1);
  });
});

describe("items", () => {
  it("with a call id like a generated one replace the generated item, as in Codex", () => {
    const search = event("web_search_end", { call_id: "item-1", query: "q", action: { type: "search" } });
    const [only] = shown(event("task_started", { turn_id: "t" }), event("user_message", { message: "a" }), search);
    expect(only?.items.map(({ type }) => type)).toEqual(["webSearch"]);
  });

  it("are numbered on from what is left after a rollback", () => {
    const [, second] = shown(...turn("t1", "a"), ...turn("t2", "b"), rollback(1), ...turn("t3", "c"));
    expect(second?.items.map(({ id }) => id)).toEqual(["item-3", "item-4"]);
  });

  it("of a compaction between turns make a turn of its own, which the next message joins", () => {
    const turns = shown(compacted("S"), event("user_message", { message: "a" }));
    expect(turns).toMatchObject([{ id: "rollout-0", items: [{ type: "userMessage" }] }]);
  });

  it("of hook prompts without an id get one by their ordinal, which is the same at every replay", () => {
    const hook = message("user", "<hook_prompt hook_run_id='r'>a &lt; b</hook_prompt>");
    expect(shown(...turn("t1", "a"), hook)[1]).toMatchObject({
      id: "rollout-6",
      items: [{ type: "hookPrompt", id: "hook-6", fragments: [{ text: "a < b", hookRunId: "r" }] }],
    });
  });
});
