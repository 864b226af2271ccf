/**
 * Errors over the wire: what a served store says, its clients say, whatever the error. One that this version doesn't
 * know is told as a failure with its own words, and a bug of the server stays there.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type ErrorCode, errorKindOf, isSkeinError, SkeinError } from "../../../src/base/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { openRemoteThreadStore, type ServedThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import { withMember } from "./changed-store.ts";

/** Every code there is; the type makes it complete. */
const CODES: Readonly<Record<ErrorCode, true>> = {
  invalid_argument: true,
  invalid_thread_id: true,
  invalid_cursor: true,
  empty_input: true,
  thread_not_found: true,
  thread_not_loaded: true,
  thread_exists: true,
  thread_archived: true,
  thread_not_archived: true,
  thread_closed: true,
  thread_not_materialized: true,
  turn_not_found: true,
  turn_running: true,
  no_turn_running: true,
  turn_mismatch: true,
  turn_not_steerable: true,
  mailbox_full: true,
  unsupported: true,
  request_refused: true,
  ordinal_conflict: true,
  writer_fenced: true,
  writer_closed: true,
  rollout_unreadable: true,
  rollout_too_large: true,
  digest_mismatch: true,
  state_db_required: true,
  state_db_busy: true,
  state_db_newer: true,
  state_db_unusable: true,
  checkpoint_unreadable: true,
  store_not_durable: true,
  store_newer: true,
  store_unusable: true,
  history_truncated: true,
  backfill_running: true,
  lease_lost: true,
  thread_owned_elsewhere: true,
  io_error: true,
  disk_full: true,
  permission_denied: true,
  too_many_open_files: true,
  too_many_threads: true,
  home_unusable: true,
  agent_failed: true,
  aborted: true,
  timed_out: true,
  runtime_closed: true,
  thread_failed: true,
  connection_failed: true,
  connection_lost: true,
  request_failed: true,
  server_overloaded: true,
};

const THREAD_ID = "01900000-0000-7000-8000-000000000001";

let thrown: unknown;
let server: ServedThreadStore;
let client: ThreadStore;

beforeAll(async () => {
  const store = withMember(createMemoryThreadStore(), "loadHistory", async () => {
    throw thrown as Error;
  });
  server = await serveThreadStore({ store });
  client = await openRemoteThreadStore({ url: server.url });
});

afterAll(async () => {
  await client.close();
  await server.close();
});

async function told(error: unknown): Promise<SkeinError> {
  thrown = error;
  try {
    await client.loadHistory({ threadId: THREAD_ID });
  } catch (heard) {
    if (isSkeinError(heard)) return heard;
    throw heard;
  }
  throw new Error("the read was answered");
}

const arbText = fc.string({ unit: "grapheme", maxLength: 60 });
const arbData = fc.dictionary(arbText, fc.oneof(arbText, fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)), {
  maxKeys: 5,
  noNullPrototype: true,
});

test.each(Object.keys(CODES))("%s is told with its kind, its words and its values", async (name) => {
  const code = name as ErrorCode;
  const kind = errorKindOf(code) ?? "fault";
  await fc.assert(
    fc.asyncProperty(arbText, arbData, async (message, data) => {
      const retryable = message.length % 2 === 0;
      const error = await told(new SkeinError(code, message, { kind, retryable, data }));
      expect(error).toMatchObject({ code, kind, retryable, message });
      expect(error.data).toEqual(data);
    }),
    // A read whose server lost a connection is made again a few times, which takes its time.
    { numRuns: code === "connection_lost" ? 1 : 4 },
  );
});

test("an error with a code of a newer server is a failure with its words and its code", async () => {
  const newer = new SkeinError("a_code_to_come" as ErrorCode, "the moon is full", {
    kind: "fault",
    retryable: true,
    data: { phase: 4 },
  });
  const error = await told(newer);
  expect(error).toMatchObject({ code: "request_failed", kind: "fault", retryable: true });
  expect(error.message).toContain("the moon is full");
  expect(error.data).toEqual({ phase: 4, serverCode: "a_code_to_come" });
});

test("a bug of the server is told as a failure, without its words", async () => {
  const error = await told(new TypeError("secret is undefined"));
  expect(error).toMatchObject({ code: "request_failed", retryable: false });
  expect(error.message).not.toContain("secret");
});

test("a very long message, with half a letter at its cut, is told in part", async () => {
  const error = await told(
    new SkeinError("io_error", "🦑".repeat(5_000), { kind: "fault", data: { path: `/${"x".repeat(9_000)}` } }),
  );
  expect(error.code).toBe("io_error");
  expect(error.message.startsWith("🦑🦑")).toBe(true);
  expect(error.message.length).toBeLessThan(2_000);
});
