/**
 * Whether a serial order explains calls on one thread that were in flight together. The order needs no search: the
 * log is it. Each granted append has its place there by its ordinals; what remains is that every answer and
 * refusal fits some moment of it, between the call's beginning and its end.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import type { SkeinError } from "../../base/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import type { StoredThread } from "../../store/index.ts";
import type { SettledAppend, SettledChange, ThreadCalls } from "./interleaved-calls.ts";

/** What is stored when all calls have settled. */
export interface SettledThread {
  readonly log: readonly RolloutRecord[];
  readonly thread: StoredThread;
}

interface Placed extends SettledAppend {
  readonly answer: NonNullable<SettledAppend["answer"]>;
}

/** Throws, saying which answer no serial order explains. */
export function hasSerialOrder(calls: ThreadCalls, { log, thread }: SettledThread): void {
  const answeredAppends = calls.appends.filter((append): append is Placed => append.answer !== undefined);
  const placed = answeredAppends.filter(({ answer }) => !answer.duplicate);
  fillTheLog(calls, placed, log);
  inTheOrderOfTime(placed);
  keysAreAppliedOnce(answeredAppends);
  const ends = endsOf(placed, log);
  conflictsAreTrue(calls, { placed, ends });
  readsArePrefixes(calls, { placed, ends, log });
  fencesHold(calls, { placed, ends });
  namesAndMovesFit(calls.changes, thread);
}

/** Each append's items stand where it was told, and the log holds nothing else but what patches record. */
function fillTheLog({ changes }: ThreadCalls, placed: readonly Placed[], log: readonly RolloutRecord[]): void {
  const taken = new Set<number>();
  for (const { items, answer } of placed) {
    const { firstOrdinal, nextOrdinal } = answer;
    equal(nextOrdinal - firstOrdinal, items.length);
    deepEqual(
      log.slice(firstOrdinal, nextOrdinal).map((record) => record.item),
      items,
      "each append stands where it was answered",
    );
    for (let ordinal = firstOrdinal; ordinal < nextOrdinal; ordinal += 1) {
      ok(!taken.has(ordinal), `two appends were answered with ordinal ${ordinal}`);
      taken.add(ordinal);
    }
  }
  const marks = changes.filter(({ kind, refusal }) => kind === "mark" && refusal === undefined);
  // The first two records were there before.
  const others = log.filter(({ ordinal }) => ordinal >= 2 && !taken.has(ordinal));
  deepEqual(
    others.map((record) => record.item.type),
    marks.map(() => "session_meta"),
    "nothing is in the log that wasn't answered",
  );
}

function inTheOrderOfTime(placed: readonly Placed[]): void {
  for (const one of placed) {
    for (const other of placed) {
      const isBefore = one.endedAt < other.beganAt || (one.writer === other.writer && one.beganAt < other.beganAt);
      if (isBefore) ok(one.answer.firstOrdinal < other.answer.firstOrdinal, "an append overtook an earlier one");
    }
  }
}

function keysAreAppliedOnce(appends: readonly Placed[]): void {
  for (const key of new Set(appends.map((append) => append.key))) {
    if (key === undefined) continue;
    const same = appends.filter((append) => append.key === key);
    equal(same.filter(({ answer }) => !answer.duplicate).length, 1, "a key is applied once");
    equal(new Set(same.map(({ answer }) => answer.firstOrdinal)).size, 1, "and answered the same each time");
  }
  for (const { expectedOrdinal, answer } of appends) {
    if (expectedOrdinal === undefined || answer.duplicate) continue;
    equal(answer.firstOrdinal, expectedOrdinal, "an append stands where it expected to");
  }
}

/** The ordinals at which the log ended at some time. */
function endsOf(placed: readonly Placed[], log: readonly RolloutRecord[]): ReadonlySet<number> {
  const inside = new Set<number>();
  for (const { answer } of placed) {
    for (let ordinal = answer.firstOrdinal + 1; ordinal < answer.nextOrdinal; ordinal += 1) inside.add(ordinal);
  }
  const all = Array.from({ length: log.length - 1 }, (_, nth) => nth + 2);
  return new Set(all.filter((ordinal) => !inside.has(ordinal)));
}

interface Order {
  readonly placed: readonly Placed[];
  readonly ends: ReadonlySet<number>;
}

/** The end of what was acknowledged before this moment. */
function acknowledgedBefore(placed: readonly Placed[], moment: number): number {
  const before = placed.filter(({ endedAt }) => endedAt < moment);
  return Math.max(2, ...before.map(({ answer }) => answer.nextOrdinal));
}

function conflictsAreTrue({ appends }: ThreadCalls, { placed, ends }: Order): void {
  for (const { refusal, expectedOrdinal, beganAt, endedAt } of appends) {
    if (refusal?.code !== "ordinal_conflict") continue;
    const actual = Number(refusal.data["actualOrdinal"]);
    ok(actual !== expectedOrdinal, "a conflict is one of two ordinals");
    // An append that was accepted counts, also where a newer writer keeps it from being written.
    const isBesideDropped = appends.some((other) => isFenced(other.refusal) && other.beganAt < endedAt);
    if (isBesideDropped) continue;
    ok(ends.has(actual), `the log never ended at ${actual}, which a conflict said`);
    ok(actual >= acknowledgedBefore(placed, beganAt), "a conflict said an end of long ago");
  }
}

function isFenced(refusal: SkeinError | undefined): boolean {
  return refusal?.code === "writer_fenced" || refusal?.code === "writer_closed";
}

function readsArePrefixes(
  { reads }: ThreadCalls,
  { placed, ends, log }: Order & { readonly log: readonly RolloutRecord[] },
): void {
  for (const { records, beganAt } of reads) {
    deepEqual(records, log.slice(0, records.length), "a read is the log's beginning");
    ok(ends.has(records.length), "a read ends behind a whole append");
    ok(records.length >= acknowledgedBefore(placed, beganAt), "a read lacks what was acknowledged");
    const earlier = reads.filter((read) => read.endedAt < beganAt);
    ok(
      earlier.every((read) => read.records.length <= records.length),
      "a read lacks what was read before",
    );
  }
}

/** Old writers write nothing behind the moment a newer one was opened at, and are only refused beside one. */
function fencesHold({ appends, resumes }: ThreadCalls, { placed, ends }: Order): void {
  for (const { epoch, nextOrdinal, beganAt } of resumes) {
    ok(ends.has(nextOrdinal), `a resume said that the log ends at ${nextOrdinal}`);
    ok(nextOrdinal >= acknowledgedBefore(placed, beganAt), "a resume lacks what was acknowledged");
    for (const { writer, answer } of placed) {
      if (writer.epoch < epoch)
        ok(answer.nextOrdinal <= nextOrdinal, "an older writer wrote behind a newer one's begin");
      else ok(answer.firstOrdinal >= nextOrdinal, "a writer wrote before it was opened");
    }
  }
  for (const { refusal, writer, endedAt } of appends) {
    if (!isFenced(refusal)) continue;
    const isReplaced = resumes.some(({ epoch, beganAt }) => epoch > writer.epoch && beganAt < endedAt);
    ok(isReplaced, "a writer is refused though there is none newer");
  }
}

function namesAndMovesFit(changes: readonly SettledChange[], thread: StoredThread): void {
  const granted = changes.filter(({ refusal }) => refusal === undefined);
  const names = granted.filter(({ kind }) => kind === "rename");
  const last = names.filter((one) => !names.some((other) => other.beganAt > one.endedAt));
  const mayBe: readonly (string | null)[] = last.length === 0 ? [null] : last.map(({ name }) => name);
  ok(mayBe.includes(thread.name), `the name is ${thread.name}, not one that was set last`);
  const count = (kind: SettledChange["kind"]): number => granted.filter((change) => change.kind === kind).length;
  equal(count("archive") - count("unarchive"), thread.archived ? 1 : 0, "each move goes from one place to the other");
}
